//! Attempts to have more than one was given, by people who are let in.

use crate::{
    office::Office,
    world::{World, start},
};
use domain::Secret;
use futures::future::join_all;
use http::Method;
use serde_json::{Value, json};

const TOM: &str = "tom of a as team_admin";
const ANN: &str = "ann of a as member";
const ADI: &str = "adi of x as admin";
const OLA: &str = "ola of x as owner";

fn param(answer: &crate::world::Answer) -> Option<&str> {
    answer.json["error"]["param"].as_str()
}

#[tokio::test]
async fn r8_a_team_admin_charges_nobody_of_another_team() {
    let office = Office::open().await;
    for (kind, id, team) in
        [("users", "bob", "a"), ("users", "eve", "b"), ("projects", "p", "a"), ("projects", "q", "b")]
    {
        let made = office.world.post(&format!("/admin/v1/{kind}"), json!({ "id": id, "team_id": team })).await;
        assert_eq!(made.status, 201, "{}", made.text);
    }
    for (field, theirs) in [("user_id", "eve"), ("user_id", "nobody"), ("project_id", "q"), ("project_id", "nothing")] {
        let answer = office.make_key(TOM, json!({ field: theirs })).await;
        assert_eq!((answer.status, param(&answer)), (403, Some(field)), "{theirs}: {}", answer.text);
    }
    for own in [json!({ "user_id": "bob", "project_id": "p" }), json!({ "user_id": "tom" })] {
        assert_eq!(office.make_key(TOM, own.clone()).await.status, 201, "{own}");
    }
    let key = office.make_key(TOM, json!({})).await;
    let moved = json!({ "user_id": "eve" });
    assert_eq!(office.ask(TOM, Method::PATCH, &format!("/admin/v1/keys/{}", key.id()), Some(moved)).await.status, 403);
}

#[tokio::test]
async fn r9_no_key_moves_to_another_team_whoever_asks() {
    let office = Office::open().await;
    let key = office.make_key(TOM, json!({})).await;
    let path = format!("/admin/v1/keys/{}", key.id());
    for who in [TOM, ADI, OLA] {
        let moved = office.ask(who, Method::PATCH, &path, Some(json!({ "team_id": "b" }))).await;
        assert_eq!((moved.status, param(&moved)), (400, Some("team_id")), "{who}");
    }
}

#[tokio::test]
async fn r8_an_admin_takes_nothing_from_an_owner() {
    let office = Office::open().await;
    let made = office.ask(OLA, Method::POST, "/admin/v1/users", Some(json!({ "id": "ola", "role": "owner" }))).await;
    assert_eq!(made.status, 201, "{}", made.text);
    let path = "/admin/v1/users/ola";
    for (method, below, body) in [
        (Method::PATCH, "", Some(json!({ "blocked": true }))),
        (Method::PATCH, "", Some(json!({ "role": null }))),
        (Method::PATCH, "", Some(json!({ "allowed_ips": ["192.0.2.1"] }))),
        (Method::POST, "/block", None),
        (Method::DELETE, "", None),
    ] {
        let answer = office.ask(ADI, method.clone(), &format!("{path}{below}"), body).await;
        assert_eq!((answer.status, param(&answer)), (403, Some("role")), "{method} {below}: {}", answer.text);
    }
    assert_eq!(office.ask(OLA, Method::POST, &format!("{path}/block"), None).await.status, 200);
    assert_eq!(office.ask(ADI, Method::POST, &format!("{path}/unblock"), None).await.status, 403);
}

#[tokio::test]
async fn r9_nobody_gives_themselves_a_role() {
    let office = Office::open().await;
    for who in [ADI, TOM, ANN, "fin of x as finance", "aud of x as auditor"] {
        let user = who.split(' ').next().unwrap();
        for role in ["owner", "admin", "auditor"] {
            let made =
                office.ask(who, Method::POST, "/admin/v1/users", Some(json!({ "id": user, "role": role }))).await;
            assert_eq!(made.status, 403, "{who} {role}");
        }
    }
    office.world.post("/admin/v1/users", json!({ "id": "tom", "team_id": "a" })).await;
    for who in [ADI, TOM] {
        let raised = office.ask(who, Method::PATCH, "/admin/v1/users/tom", Some(json!({ "role": "admin" }))).await;
        assert_eq!(raised.status, 403, "{who}: {}", raised.text);
    }
}

#[tokio::test]
async fn r8_a_member_undoes_nothing_that_an_administrator_did() {
    let office = Office::open().await;
    let ends = json!({ "expires_at": "2026-12-01T00:00:00Z" });
    let key = office.make_key(ANN, ends).await;
    let path = format!("/admin/v1/keys/{}", key.id());
    let patch = |body: Value| office.ask(ANN, Method::PATCH, &path, Some(body));
    for later in [json!({ "expires_at": "2027-12-01T00:00:00Z" }), json!({ "expires_at": null })] {
        let answer = patch(later).await;
        assert_eq!((answer.status, param(&answer)), (403, Some("expires_at")), "{}", answer.text);
    }
    assert_eq!(patch(json!({ "expires_at": "2026-11-30T00:00:00Z" })).await.status, 200);
    assert_eq!(office.world.post(&format!("{path}/block"), json!({})).await.status, 200);
    assert_eq!(patch(json!({ "blocked": false })).await.status, 403);
    let unblocked = office.ask(ANN, Method::POST, &format!("{path}/unblock"), None).await;
    assert_eq!((unblocked.status, param(&unblocked)), (403, Some("blocked")), "{}", unblocked.text);
    assert_eq!(office.ask(TOM, Method::POST, &format!("{path}/unblock"), None).await.status, 200);
    assert_eq!(office.ask(ANN, Method::POST, &format!("{path}/block"), None).await.status, 200, "a lost key");
}

#[tokio::test]
async fn r8_nobody_makes_calls_more_urgent_than_their_team() {
    let office = Office::open().await;
    office.world.post("/admin/v1/teams", json!({ "id": "a", "priority": "low" })).await;
    for who in [TOM, ANN] {
        let answer = office.make_key(who, json!({ "priority": "high" })).await;
        assert_eq!((answer.status, param(&answer)), (403, Some("priority")), "{who}: {}", answer.text);
    }
    let raised = office.ask(TOM, Method::PATCH, "/admin/v1/teams/a", Some(json!({ "priority": "normal" }))).await;
    assert_eq!(raised.status, 403, "{}", raised.text);
}

#[tokio::test]
async fn r9_what_the_gateway_counts_and_knows_is_written_by_nobody() {
    let world = World::new().await;
    let id = world.key(json!({})).await;
    world.post("/admin/v1/teams", json!({ "id": "t" })).await;
    let read_only = [
        "spend_usd",
        "reserved_usd",
        "created_at",
        "last_used_at",
        "created_by",
        "prefix",
        "hash",
        "lanes",
        "owner",
        "secret",
        "roles",
        "live",
        "__proto__",
        "Spend_usd",
        "spend_usd ",
    ];
    for path in [format!("/admin/v1/keys/{id}"), "/admin/v1/teams/t".to_owned()] {
        for name in read_only.iter().chain(&["id", "key", "key_hash"]) {
            let answer = world.patch(&path, json!({ *name: "1" })).await;
            assert_eq!((answer.status, answer.code()), (400, "unknown_field"), "{path} {name} {}", answer.text);
        }
    }
    for path in ["/admin/v1/keys", "/admin/v1/teams", "/admin/v1/users"] {
        for name in read_only.iter().chain(&["version"]) {
            let answer = world.post(path, json!({ *name: "1" })).await;
            assert_eq!((answer.status, answer.code()), (400, "unknown_field"), "{path} {name}");
        }
    }
    assert_eq!(world.post("/admin/v1/keys", json!({ "role": "owner" })).await.code(), "unknown_field");
}

#[tokio::test]
async fn r2_an_id_is_a_name_and_never_a_path() {
    let world = World::new().await;
    world.post("/admin/v1/teams", json!({ "id": "t" })).await;
    let long = "a".repeat(65);
    for id in
        ["..", "../keys", "a/b", "a%2fb", "%2e%2e", "t%00", "t%20", "%c3%a9", "t;x", "*", long.as_str(), "TEAM%23t"]
    {
        let answer = world.get(&format!("/admin/v1/teams/{id}")).await;
        assert_eq!(answer.status, 404, "{id}: {}", answer.text);
    }
    for id in ["..", "a/b", "é", "t\u{202e}", "t#x", "t x", " ", "", "a.b", long.as_str()] {
        let answer = world.post("/admin/v1/teams", json!({ "id": id })).await;
        assert_eq!((answer.status, param(&answer)), (400, Some("id")), "{id}: {}", answer.text);
    }
    assert_eq!(world.get("/admin/v1/teams/T").await.status, 404, "names are told apart by case");
}

#[tokio::test]
async fn k5_a_new_secret_opens_no_key_that_is_blocked_or_over() {
    let world = World::new().await;
    let blocked = world.key(json!({ "blocked": true })).await;
    let over = world.key(json!({ "expires_at": "2026-11-21T13:00:00Z" })).await;
    world.clock.advance_millis(3_600_000);
    for id in [blocked, over] {
        let rotated = world.post(&format!("/admin/v1/keys/{id}/rotate"), json!({ "grace_period_seconds": 60 })).await;
        assert_eq!(rotated.status, 200, "{}", rotated.text);
        assert!(!world.is_live(rotated.json["key"].as_str().unwrap()).await);
    }
}

#[tokio::test]
async fn k2_the_hash_of_anothers_secret_is_of_no_use() {
    let world = World::new().await;
    let sha256 = |text: &str| {
        let digest = ring::digest::digest(&ring::digest::SHA256, text.as_bytes());
        digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect::<String>()
    };
    let brought = "a-secret-of-somebody-0123456789abcdef";
    world.create(json!({ "key": brought, "name": "brought" })).await;
    let again = world.post("/admin/v1/keys", json!({ "key_hash": format!("sha256:{}", sha256(brought)) })).await;
    assert_eq!(again.status, 409, "{}", again.text);
    let ours = world.create(json!({ "name": "ours" })).await;
    let secret = ours["key"].as_str().unwrap();
    world.post("/admin/v1/keys", json!({ "key_hash": format!("sha256:{}", sha256(secret)), "name": "thief" })).await;
    assert_eq!(world.authenticate(secret).await.unwrap().name, "ours");
    let root = sha256(crate::world::ADMIN_KEY);
    assert_eq!(world.post("/admin/v1/keys", json!({ "key_hash": format!("sha256:{root}") })).await.status, 409);
    assert_eq!(world.post("/admin/v1/keys", json!({ "key": crate::world::ADMIN_KEY })).await.status, 409);
}

#[tokio::test]
async fn d7_of_many_changes_to_one_version_one_is_made() {
    let world = World::new().await;
    let id = world.key(json!({ "name": "first" })).await;
    world.post("/admin/v1/teams", json!({ "id": "t", "max_budget_usd": 1 })).await;
    for path in [format!("/admin/v1/keys/{id}"), "/admin/v1/teams/t".to_owned()] {
        let changes = (0..12).map(|n| world.patch(&path, json!({ "name": format!("n{n}"), "version": 1 })));
        let statuses: Vec<u16> = join_all(changes).await.iter().map(|answer| answer.status).collect();
        assert_eq!(statuses.iter().filter(|status| **status == 200).count(), 1, "{statuses:?}");
        assert!(statuses.iter().all(|status| [200, 409].contains(status)), "{statuses:?}");
        assert_eq!(world.get(&path).await.json["version"], 2);
    }
}

#[tokio::test]
async fn d5_a_cursor_is_good_for_those_who_see_as_much() {
    let office = Office::open().await;
    for n in 0..3 {
        for who in [TOM, "eve of b as team_admin"] {
            let key = office.make_key(who, json!({ "max_budget_usd": 5 })).await;
            let (id, call) = (key.id().to_owned(), format!("call_{n}{}", &who[..3]));
            let team = if who == TOM { "a" } else { "b" };
            office.world.spend_for(&id, &call, "0.01", team, "somebody").await;
        }
    }
    let path = "/admin/v1/requests?limit=1";
    let page = office.ask(TOM, Method::GET, path, None).await;
    assert_eq!((page.status, &page.json["data"][0]["team_id"]), (200, &json!("a")), "{}", page.text);
    let next = format!("{path}&cursor={}", page.json["next_cursor"].as_str().unwrap());
    assert_eq!(office.ask(TOM, Method::GET, &next, None).await.json["data"][0]["team_id"], json!("a"));
    for other in ["eve of b as team_admin", OLA] {
        let answer = office.ask(other, Method::GET, &next, None).await;
        assert_eq!((answer.status, param(&answer)), (400, Some("cursor")), "{other}");
    }
}

#[tokio::test]
async fn x1_no_answer_ever_shows_a_secret_again() {
    let world = World::new().await;
    let made = world.create(json!({ "name": "a", "metadata": { "key": "mine" } })).await;
    let (secret, id) = (made["key"].as_str().unwrap().to_owned(), made["id"].as_str().unwrap().to_owned());
    let rotated = world.post(&format!("/admin/v1/keys/{id}/rotate"), json!({ "grace_period_seconds": 60 })).await;
    let newer = rotated.json["key"].as_str().unwrap().to_owned();
    world.patch(&format!("/admin/v1/keys/{id}"), json!({ "name": "b" })).await;
    for path in [format!("/admin/v1/keys/{id}"), "/admin/v1/keys".to_owned(), "/admin/v1/audit".to_owned()] {
        let text = world.get(&path).await.text;
        assert!(!text.contains(&secret) && !text.contains(&newer), "{path}: {text}");
    }
    assert!(world.keys.authenticate(&Secret::new(&secret), start()).await.unwrap().is_some(), "it is in its grace");
}
