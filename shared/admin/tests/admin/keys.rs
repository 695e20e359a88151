//! Virtual keys: created, shown, changed, rotated, blocked, revoked; and what is written down about it.

use crate::world::{ADMIN_KEY, World, audited};
use domain::{Secret, Timestamp};
use http::Method;
use serde_json::{Value, json};

const FIELDS: [&str; 34] = [
    "project_id",
    "budgets",
    "id",
    "name",
    "prefix",
    "team_id",
    "user_id",
    "organization_id",
    "allowed_routes",
    "allowed_ips",
    "models",
    "providers",
    "max_budget_usd",
    "budget_period",
    "soft_budget_usd",
    "rpm",
    "tpm",
    "max_parallel",
    "rate_limits",
    "rate_limit_mode",
    "priority",
    "guardrails",
    "expires_at",
    "blocked",
    "tags",
    "metadata",
    "budget_mode",
    "model_budgets",
    "created_at",
    "last_used_at",
    "spend_usd",
    "reserved_usd",
    "version",
    "key",
];

fn full() -> Value {
    json!({
        "name": "reporting", "team_id": "t1", "user_id": "ann", "organization_id": "o1",
        "models": ["claude-*", "gpt-4o"], "providers": ["aws"],
        "max_budget_usd": "25.00", "budget_period": "monthly", "soft_budget_usd": 20.5, "budget_mode": "last_one",
        "max_parallel": 4, "expires_at": "2027-01-01T00:00:00Z", "blocked": false,
        "tags": {"env": "prod", "app": "x"}, "metadata": {"ticket": 7},
        "rpm": 600, "tpm": 100_000, "rate_limit_mode": "observe", "priority": "low", "guardrails": [],
        "rate_limits": [{"models": ["gpt-*"], "hours": "22:00-06:00", "rpm": 5, "tpm": null, "max_parallel": 2}],
    })
}

#[tokio::test]
async fn a_created_key_answers_every_field_of_the_contract_and_works() {
    let world = World::new().await;
    let created = world.post("/admin/v1/keys", full()).await;
    assert_eq!(created.status, 201, "{}", created.text);
    for field in FIELDS {
        assert!(created.json.get(field).is_some(), "{field}");
    }
    assert_eq!(created.json.as_object().unwrap().len(), FIELDS.len());
    assert_eq!(created.json["max_budget_usd"], "25");
    assert_eq!(created.json["soft_budget_usd"], "20.5");
    assert_eq!(created.json["expires_at"], "2027-01-01T00:00:00.000Z");
    assert_eq!(created.json["tags"], json!({"app": "x", "env": "prod"}));
    assert_eq!((&created.json["spend_usd"], &created.json["reserved_usd"]), (&json!("0"), &json!("0")));
    let secret = created.json["key"].as_str().unwrap();
    assert!(secret.starts_with("sk-ptn-") && secret.starts_with(created.json["prefix"].as_str().unwrap()));
    let found = world.authenticate(secret).await.unwrap();
    assert_eq!((found.id.as_str(), found.allowed.may_use(&["claude-x"])), (created.id(), true));
}

#[tokio::test]
async fn k2_the_secret_is_shown_once() {
    let world = World::new().await;
    let created = world.create(full()).await;
    let secret = created["key"].as_str().unwrap();
    let shown = world.get(&format!("/admin/v1/keys/{}", created["id"].as_str().unwrap())).await;
    let listed = world.get("/admin/v1/keys").await;
    for answer in [shown, listed] {
        assert!(answer.status == 200 && !answer.text.contains(secret));
        assert!(!answer.text.contains("\"key\":"), "{}", answer.text);
    }
}

#[tokio::test]
async fn a_key_needs_no_field_at_all() {
    let world = World::new().await;
    let created = world.post_text("/admin/v1/keys", "").await;
    assert_eq!((created.status, &created.json["budget_period"]), (201, &json!("total")));
    assert_eq!(created.json["name"], created.json["id"]);
}

#[tokio::test]
async fn r9_m14_what_is_wrong_with_a_key_is_refused_by_name() {
    let world = World::new().await;
    for (field, value) in [
        ("name", json!(5)),
        ("name", json!("")),
        ("name", json!("a\nb")),
        ("models", json!("gpt-4o")),
        ("models", json!([5])),
        ("models", json!(["a*b"])),
        ("max_budget_usd", json!(-1)),
        ("max_budget_usd", json!("NaN")),
        ("max_budget_usd", json!("1e3")),
        ("max_budget_usd", json!("0.0000000000001")),
        ("max_budget_usd", json!("1000000000.01")),
        ("soft_budget_usd", json!(true)),
        ("budget_period", json!("yearly")),
        ("budget_mode", json!("loose")),
        ("max_parallel", json!(0)),
        ("max_parallel", json!("4")),
        ("expires_at", json!("tomorrow")),
        ("expires_at", json!("2020-01-01T00:00:00Z")),
        ("blocked", json!("no")),
        ("tags", json!(["a"])),
        ("tags", json!({"a": 1})),
        ("metadata", json!([])),
        ("rpm", json!(0)),
        ("rpm", json!(-1)),
        ("rpm", json!("60")),
        ("tpm", json!(1.5)),
        ("tpm", json!(1_000_000_001)),
        ("rate_limits", json!([{"rpm": 5}])),
        ("rate_limits", json!({"model": "a", "rpm": 5})),
        ("rate_limit_mode", json!("off")),
        ("priority", json!("urgent")),
        ("guardrails", json!(["pii"])),
        ("spend_usd", json!("0")),
        ("created_at", json!("2026-01-01T00:00:00Z")),
        ("id", json!("key_mine")),
        ("key", json!("short")),
        ("key", json!(format!("sk-ptn-{}", "a".repeat(60)))),
        ("nonsense", json!(1)),
    ] {
        let answer = world.post("/admin/v1/keys", json!({ field: value })).await;
        assert_eq!((answer.status, &answer.json["error"]["param"]), (400, &json!(field)), "{field}: {}", answer.text);
        assert!(answer.json["error"]["message"].as_str().unwrap().contains(field), "{}", answer.text);
    }
    assert_eq!(world.get("/admin/v1/keys").await.json["data"], json!([]));
}

#[tokio::test]
async fn only_what_was_sent_changes_null_clears_and_the_version_goes_up() {
    let world = World::new().await;
    let created = world.create(full()).await;
    let path = format!("/admin/v1/keys/{}", created["id"].as_str().unwrap());
    let body = json!({ "user_id": null, "models": [], "soft_budget_usd": "21", "metadata": null });
    let changed = world.patch(&path, body).await;
    assert_eq!(changed.status, 200, "{}", changed.text);
    let expected = json!({ "user_id": null, "models": [], "soft_budget_usd": "21", "metadata": {},
        "name": "reporting", "max_budget_usd": "25", "team_id": "t1" });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&changed.json[field], value, "{field}");
    }
    assert_eq!(changed.json["version"].as_u64(), created["version"].as_u64().map(|version| version + 1));
    assert_eq!(world.get(&path).await.json, changed.json);
}

#[tokio::test]
async fn d7_a_change_to_a_version_that_is_gone_is_409() {
    let world = World::new().await;
    let created = world.create(json!({ "name": "a" })).await;
    let path = format!("/admin/v1/keys/{}", created["id"].as_str().unwrap());
    let version = created["version"].as_u64().unwrap();
    assert_eq!(world.patch(&path, json!({ "name": "b", "version": version })).await.status, 200);
    let lost = world.patch(&path, json!({ "name": "c", "version": version })).await;
    assert_eq!((lost.status, lost.code()), (409, "conflict"));
    let lost = world.patch_if_match(&path, &format!("\"{version}\""), json!({ "name": "c" })).await;
    assert_eq!(lost.status, 409);
    let shown = world.get(&path).await;
    assert_eq!((&shown.json["name"], shown.header("etag")), (&json!("b"), format!("\"{}\"", version + 1).as_str()));
    assert_eq!(world.patch_if_match(&path, shown.header("etag"), json!({ "name": "c" })).await.status, 200);
    assert_eq!(world.patch_if_match(&path, "W/x", json!({ "name": "d" })).await.status, 400);
}

#[tokio::test]
async fn d7_of_many_changes_at_once_none_is_lost() {
    let world = World::new().await;
    let created = world.create(json!({ "name": "a" })).await;
    let path = format!("/admin/v1/keys/{}", created["id"].as_str().unwrap());
    let version = created["version"].as_u64().unwrap();
    let attempts = (0..8).map(|n| world.patch(&path, json!({ "name": format!("n{n}"), "version": version })));
    let answers = futures::future::join_all(attempts).await;
    let won = answers.iter().filter(|answer| answer.status == 200).count();
    assert!(won == 1 && answers.iter().all(|answer| [200, 409].contains(&answer.status)));
}

#[tokio::test]
async fn a_blocked_key_is_dead_until_it_is_unblocked() {
    let world = World::new().await;
    let created = world.create(json!({ "name": "a" })).await;
    let (path, secret) =
        (format!("/admin/v1/keys/{}", created["id"].as_str().unwrap()), created["key"].as_str().unwrap());
    let blocked = world.post_text(&format!("{path}/block"), "").await;
    assert_eq!((blocked.status, &blocked.json["blocked"]), (200, &json!(true)));
    assert!(!world.is_live(secret).await);
    assert_eq!(world.post(&format!("{path}/unblock"), json!({})).await.json["blocked"], json!(false));
    assert!(world.is_live(secret).await);
    assert_eq!(world.post(&format!("{path}/block"), json!({ "why": "x" })).await.status, 400);
}

#[tokio::test]
async fn k5_both_secrets_of_a_rotated_key_live_for_the_grace_period() {
    let world = World::new().await;
    let created = world.create(json!({ "name": "a" })).await;
    let (path, old) = (format!("/admin/v1/keys/{}", created["id"].as_str().unwrap()), created["key"].as_str().unwrap());
    let rotated = world.post(&format!("{path}/rotate"), json!({ "grace_period_seconds": 3600 })).await;
    assert_eq!((rotated.status, &rotated.json["id"]), (200, &created["id"]), "{}", rotated.text);
    let new = rotated.json["key"].as_str().unwrap();
    assert!(old != new && world.is_live(old).await && world.is_live(new).await);
    world.clock.advance_millis(3_600_001);
    assert!(!world.is_live(old).await && world.is_live(new).await);
}

#[tokio::test]
async fn k5_without_a_grace_period_the_old_secret_dies_at_once_and_a_long_one_is_refused() {
    let world = World::new().await;
    let created = world.create(json!({ "name": "a" })).await;
    let (path, old) = (format!("/admin/v1/keys/{}", created["id"].as_str().unwrap()), created["key"].as_str().unwrap());
    for grace in [json!(86_401), json!(-1), json!("60")] {
        let refused = world.post(&format!("{path}/rotate"), json!({ "grace_period_seconds": grace })).await;
        assert_eq!((refused.status, &refused.json["error"]["param"]), (400, &json!("grace_period_seconds")));
    }
    assert_eq!(world.post_text(&format!("{path}/rotate"), "").await.status, 200);
    assert!(!world.is_live(old).await);
}

#[tokio::test]
async fn k4_a_revoked_key_is_refused_and_gone() {
    let world = World::new().await;
    let created = world.create(json!({ "name": "a" })).await;
    let (path, secret) =
        (format!("/admin/v1/keys/{}", created["id"].as_str().unwrap()), created["key"].as_str().unwrap());
    let revoked = world.call(Method::DELETE, &path, None).await;
    assert_eq!((revoked.status, &revoked.json["deleted"]), (200, &json!(true)), "{}", revoked.text);
    assert!(!world.is_live(secret).await);
    for (method, path) in [(Method::GET, path.clone()), (Method::DELETE, path.clone()), (Method::POST, path + "/block")]
    {
        assert_eq!(world.call(method.clone(), &path, None).await.status, 404, "{method} {path}");
    }
    assert_eq!(world.get("/admin/v1/keys").await.json["data"], json!([]));
}

#[tokio::test]
async fn unknown_keys_are_404() {
    let world = World::new().await;
    for (method, path) in [(Method::GET, ""), (Method::PATCH, ""), (Method::DELETE, ""), (Method::POST, "/rotate")] {
        let body = (method == Method::PATCH).then(|| json!({ "name": "b" }));
        let answer = world.call(method, &format!("/admin/v1/keys/key_0000000000000000{path}"), body).await;
        assert_eq!((answer.status, answer.code()), (404, "not_found"));
    }
}

#[tokio::test]
async fn a_brought_secret_works_and_cannot_be_brought_twice() {
    let world = World::new().await;
    let mine = "sk-litellm-0123456789abcdefghijklmnopqrstuvwxyz";
    let created = world.create(json!({ "name": "moved", "key": mine })).await;
    assert_eq!(created["key"], mine);
    assert_eq!(world.authenticate(mine).await.unwrap().name, "moved");
    let again = world.post("/admin/v1/keys", json!({ "name": "again", "key": mine })).await;
    assert_eq!((again.status, &again.json["error"]["param"]), (409, &json!("key")));
    assert!(!again.text.contains(mine));
    assert_eq!(world.get("/admin/v1/keys").await.json["data"].as_array().unwrap().len(), 1);
    let root = world.post("/admin/v1/keys", json!({ "key": ADMIN_KEY })).await;
    assert_eq!((root.status, &root.json["error"]["param"]), (409, &json!("key")));
}

#[tokio::test]
async fn d5_pages_follow_one_another_without_gap_or_repetition() {
    let world = World::new().await;
    let mut made = Vec::new();
    for n in 0..7 {
        made.push(world.create(json!({ "name": format!("k{n}") })).await["id"].as_str().unwrap().to_owned());
    }
    let (mut seen, mut cursor, mut pages) = (Vec::new(), String::new(), 0);
    loop {
        let page = world.get(&format!("/admin/v1/keys?limit=3{cursor}")).await;
        assert_eq!((page.status, &page.json["object"]), (200, &json!("list")), "{}", page.text);
        let data = page.json["data"].as_array().unwrap();
        assert!(data.len() <= 3);
        seen.extend(data.iter().map(|key| key["id"].as_str().unwrap().to_owned()));
        pages += 1;
        match page.json["next_cursor"].as_str() {
            Some(next) => {
                assert_eq!(page.json["has_more"], true);
                cursor = format!("&cursor={next}");
            }
            None => break assert_eq!(page.json["has_more"], false),
        }
    }
    made.sort();
    seen.sort();
    assert!(made == seen && pages >= 3);
}

#[tokio::test]
async fn d5_limits_and_cursors_that_make_no_sense_are_400() {
    let world = World::new().await;
    for query in ["limit=0", "limit=201", "limit=x", "cursor=zzz", "cursor=", "page=2", "limit=5&limit=6"] {
        let answer = world.get(&format!("/admin/v1/keys?{query}")).await;
        let param = query.split('=').next().unwrap();
        assert_eq!((answer.status, &answer.json["error"]["param"]), (400, &json!(param)), "{query}");
    }
}

#[tokio::test]
async fn m1_a_new_budget_is_lent_and_spend_and_holds_are_shown() {
    let world = World::new().await;
    let id = world.create(json!({ "name": "a", "max_budget_usd": "1" })).await["id"].as_str().unwrap().to_owned();
    let path = format!("/admin/v1/keys/{id}");
    world.spend(&id, "call_1", "0.25").await;
    let held = world.reserve(&id, "call_2", "0.5").await.unwrap();
    let shown = world.get(&path).await.json;
    assert_eq!((&shown["spend_usd"], &shown["reserved_usd"]), (&json!("0.25"), &json!("0.5")));
    assert_eq!(world.get("/admin/v1/keys").await.json["data"][0], shown);
    assert!(world.reserve(&id, "call_3", "0.5").await.is_none());
    assert_eq!(world.patch(&path, json!({ "max_budget_usd": "2" })).await.json["max_budget_usd"], "2");
    assert!(world.reserve(&id, "call_4", "0.5").await.is_some());
    assert_eq!(held.worst_case.to_string(), "0.5");
}

#[tokio::test]
async fn m14_a_lowered_budget_refuses_the_next_call() {
    let world = World::new().await;
    let id = world.create(json!({ "name": "a", "max_budget_usd": "10" })).await["id"].as_str().unwrap().to_owned();
    world.spend(&id, "call_1", "1").await;
    assert_eq!(world.patch(&format!("/admin/v1/keys/{id}"), json!({ "max_budget_usd": 1.5 })).await.status, 200);
    assert!(world.reserve(&id, "call_2", "0.6").await.is_none());
    assert!(world.reserve(&id, "call_3", "0.5").await.is_some());
}

#[tokio::test]
async fn a4_every_change_is_written_down_with_before_and_after_and_no_secret() {
    let (log, guard) = audited();
    let world = World::new().await;
    let mine = "brought-0123456789abcdefghijklmnopqrstuvwxyz";
    let created = world.create(json!({ "name": "a", "key": mine, "user_id": "ann" })).await;
    let path = format!("/admin/v1/keys/{}", created["id"].as_str().unwrap());
    world.clock.advance_millis(1);
    world.patch(&path, json!({ "user_id": "bob" })).await;
    world.clock.advance_millis(1);
    let rotated = world.post(&format!("{path}/rotate"), json!({ "grace_period_seconds": 60 })).await;
    world.clock.advance_millis(1);
    world.post_text(&format!("{path}/block"), "").await;
    world.clock.advance_millis(1);
    world.post_text(&format!("{path}/unblock"), "").await;
    world.clock.advance_millis(1);
    world.call(Method::DELETE, &path, None).await;
    world.patch(&path, json!({ "user_id": "eve" })).await;
    drop(guard);
    let lines = log.lines();
    let actions: Vec<&str> = lines.iter().map(|line| line["fields"]["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["key.create", "key.update", "key.rotate", "key.block", "key.unblock", "key.revoke"]);
    let side = |line: usize, side: &str| -> Value {
        lines[line]["fields"][side].as_str().map_or(Value::Null, |text| serde_json::from_str(text).unwrap())
    };
    assert!(side(0, "before").is_null() && side(0, "after")["user_id"] == "ann");
    assert_eq!((&side(1, "before")["user_id"], &side(1, "after")["user_id"]), (&json!("ann"), &json!("bob")));
    assert!(side(3, "before")["blocked"] == false && side(3, "after")["blocked"] == true);
    assert!(side(5, "before")["user_id"] == "bob" && side(5, "after").is_null());
    let object = format!("key/{}", created["id"].as_str().unwrap());
    let (made, turned) = (&lines[0]["fields"]["fingerprint"], &lines[2]["fields"]["fingerprint"]);
    assert!(made.as_str().is_some_and(|print| !print.is_empty()) && turned.is_string() && made != turned);
    assert!(lines.iter().all(|line| line["fields"]["actor"] == "root_admin_key" && line["fields"]["object"] == object));
    let kept = world.get("/admin/v1/audit?object=key&limit=10").await.json;
    let kept: Vec<&Value> = kept["data"].as_array().unwrap().iter().rev().collect();
    assert_eq!(kept.iter().map(|entry| entry["action"].as_str().unwrap()).collect::<Vec<_>>(), actions);
    assert!(kept.iter().all(|entry| entry["object"] == object));
    assert_eq!((&kept[1]["before"]["user_id"], &kept[1]["after"]["user_id"]), (&json!("ann"), &json!("bob")));
    for secret in [mine, ADMIN_KEY, rotated.json["key"].as_str().unwrap()] {
        assert!(!log.text().contains(secret));
    }
}

#[tokio::test]
async fn x2_no_answer_or_log_line_carries_the_admin_key() {
    let (log, guard) = audited();
    let world = World::new().await;
    let answer = world.post("/admin/v1/keys", json!({ "nonsense": ADMIN_KEY })).await;
    drop(guard);
    assert!(!answer.text.contains(ADMIN_KEY) && !log.text().contains(ADMIN_KEY));
}

#[tokio::test]
async fn a_key_is_dated_by_the_clock_that_was_passed_in() {
    let world = World::new().await;
    let created = world.create(json!({})).await;
    let at = Timestamp::parse_rfc3339(created["created_at"].as_str().unwrap()).unwrap();
    assert_eq!(at, crate::world::start());
    assert_eq!(format!("{:?}", Secret::new(created["key"].as_str().unwrap())), "[secret]");
}
