//! Roles: who may use which route, whose things they see, and what they may grant.

use crate::{office::Office, world::start};
use admin::http::{ClientIp, route::routes};
use axum::body::Body;
use domain::role::{Extent, Role};
use http::Method;
use serde_json::{Value, json};

#[tokio::test]
async fn r1_every_route_refuses_every_role_that_it_is_not_for() {
    let office = Office::open().await;
    for route in routes() {
        let path = format!("/admin/v1/{}", route.template.join("/").replace("{id}", "key_0000000000000000"));
        for role in Role::ALL {
            let answer = office.ask(&format!("ann of a as {role}"), route.method.clone(), &path, None).await;
            let refused = answer.status == 403 && answer.code() == "permission_denied";
            if role.extent(route.scope) == Extent::Nothing {
                assert!(refused, "{role} {route:?} {}", answer.text);
            } else if role.extent(route.scope) == Extent::All {
                assert!(![401, 403, 405, 500, 503].contains(&answer.status), "{role} {route:?} {}", answer.text);
            }
        }
        for who in ["ann of a as nobody", "ann of a as Owner"] {
            assert_eq!(office.ask(who, route.method.clone(), &path, None).await.status, 403, "{who} {route:?}");
        }
    }
}

#[tokio::test]
async fn j2_a_spoilt_token_is_answered_like_a_wrong_key_and_counted() {
    let office = Office::open().await;
    for attempt in 0..11 {
        let spoilt = format!("{}A", office.token("ann", "a", "owner"));
        let request = office.world.bare(Method::GET, "/admin/v1/keys").header("x-api-key", spoilt);
        let answer =
            office.world.send(request.extension(ClientIp("192.0.2.1".to_owned())).body(Body::empty()).unwrap()).await;
        assert_eq!(answer.status, if attempt < 10 { 401 } else { 429 });
    }
    assert_eq!(office.ask("ann of a as owner", Method::GET, "/admin/v1/keys", None).await.status, 200);
}

#[tokio::test]
async fn j5_a_token_that_names_a_service_account_opens_nothing() {
    let office = Office::open().await;
    let made = office.world.post("/admin/v1/users", json!({ "id": "nightly", "type": "service_account" })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    assert_eq!(office.ask("nightly of a as owner", Method::GET, "/admin/v1/keys", None).await.status, 401);
}

#[tokio::test]
async fn r4_people_see_their_own_things_and_others_are_as_good_as_none() {
    let office = Office::open().await;
    office.world.create(json!({ "name": "root's" })).await;
    let of_a = office.make_key("tom of a as team_admin", json!({ "name": "tom's" })).await;
    let of_b = office.make_key("eve of b as team_admin", json!({ "name": "eve's" })).await;
    let anns = office.make_key("ann of a as member", json!({ "name": "ann's" })).await;
    assert_eq!([of_a.status, of_b.status, anns.status], [201; 3]);
    assert_eq!((anns.json["user_id"].as_str(), anns.json["team_id"].as_str()), (Some("ann"), Some("a")));
    assert_eq!(office.names("tom of a as team_admin").await, ["ann's", "tom's"]);
    assert_eq!(office.names("ann of a as member").await, ["ann's"]);
    assert_eq!(office.names("fay of x as finance").await.len(), 4);
    let id = of_b.json["id"].as_str().unwrap();
    for who in ["tom of a as team_admin", "ann of a as member"] {
        for (method, path) in [
            (Method::GET, ""),
            (Method::PATCH, ""),
            (Method::DELETE, ""),
            (Method::POST, "/rotate"),
            (Method::POST, "/block"),
        ] {
            let theirs = office.ask(who, method.clone(), &format!("/admin/v1/keys/{id}{path}"), None).await;
            let none = office.ask(who, method.clone(), &format!("/admin/v1/keys/key_none{path}"), None).await;
            assert_eq!((theirs.status, theirs.json), (404, none.json), "{who} {method} {path}");
        }
    }
    assert_eq!(office.world.get(&format!("/admin/v1/keys/{id}")).await.status, 200, "it is still there");
}

#[tokio::test]
async fn r8_nobody_mints_a_key_that_may_more_than_they_may() {
    let office = Office::open().await;
    let (tom, ann) = ("tom of a as team_admin", "ann of a as member");
    for (who, body, field) in [
        (tom, json!({ "team_id": "b" }), "team_id"),
        (tom, json!({ "organization_id": "o" }), "organization_id"),
        (tom, json!({ "models": ["*"] }), "models"),
        (tom, json!({ "models": ["claude"] }), "models"),
        (ann, json!({ "user_id": "bob" }), "user_id"),
        (ann, json!({ "models": ["gpt-*"] }), "models"),
    ] {
        let answer = office.make_key(who, body.clone()).await;
        assert_eq!((answer.status, answer.json["error"]["param"].as_str()), (403, Some(field)), "{who} {body}");
    }
    let plain = office.make_key(ann, json!({})).await;
    assert_eq!((plain.status, &plain.json["models"]), (201, &json!(["gpt-4*"])));
    let path = format!("/admin/v1/keys/{}", plain.json["id"].as_str().unwrap());
    for body in [json!({ "max_budget_usd": 5 }), json!({ "user_id": "bob" }), json!({ "models": [] })] {
        assert_eq!(office.ask(ann, Method::PATCH, &path, Some(body.clone())).await.status, 403, "{body}");
    }
    assert_eq!(office.ask(ann, Method::PATCH, &path, Some(json!({ "name": "mine" }))).await.status, 200);
}

#[tokio::test]
async fn a_team_admin_lowers_the_teams_limits_and_an_owner_raises_them() {
    let office = Office::open().await;
    let made = office.world.post("/admin/v1/teams", json!({ "id": "a", "max_budget_usd": 10 })).await;
    assert_eq!(made.status, 201, "{}", made.text);
    office.world.post("/admin/v1/teams", json!({ "id": "b" })).await;
    let tom = "tom of a as team_admin";
    let patch = |who: &'static str, body: Value| office.ask(who, Method::PATCH, "/admin/v1/teams/a", Some(body));
    assert_eq!(patch(tom, json!({ "max_budget_usd": 9 })).await.status, 200);
    for body in [json!({ "max_budget_usd": 10 }), json!({ "max_budget_usd": null }), json!({ "blocked": true })] {
        assert_eq!(patch(tom, body.clone()).await.status, 403, "{body}");
    }
    assert_eq!(patch("ola of x as owner", json!({ "max_budget_usd": 20 })).await.status, 200);
    assert_eq!(
        office.ask(tom, Method::PATCH, "/admin/v1/teams/b", Some(json!({ "max_budget_usd": 1 }))).await.status,
        404
    );
    let listed = office.ask(tom, Method::GET, "/admin/v1/teams", None).await;
    assert_eq!(listed.json["data"].as_array().unwrap().len(), 1);
    assert_eq!(office.make_key(tom, json!({ "max_budget_usd": 21 })).await.status, 403);
}

#[tokio::test]
async fn r9_only_owners_give_roles_and_a_role_given_counts() {
    let office = Office::open().await;
    let user = |role: &str| Some(json!({ "id": "sue", "role": role }));
    let by_admin = office.ask("adi of x as admin", Method::POST, "/admin/v1/users", user("owner")).await;
    assert_eq!((by_admin.status, by_admin.json["error"]["param"].as_str()), (403, Some("role")));
    assert_eq!(office.ask("sue of x as none", Method::GET, "/admin/v1/audit", None).await.status, 403);
    let by_owner = office.ask("ola of x as owner", Method::POST, "/admin/v1/users", user("auditor")).await;
    assert_eq!(by_owner.status, 201, "{}", by_owner.text);
    assert_eq!(office.ask("sue of x as none", Method::GET, "/admin/v1/audit", None).await.status, 200);
    let blocked = office.ask("ola of x as owner", Method::POST, "/admin/v1/users/sue/block", None).await;
    assert_eq!(blocked.status, 200, "{}", blocked.text);
    assert_eq!(office.ask("sue of x as none", Method::GET, "/admin/v1/audit", None).await.status, 401);
}

#[tokio::test]
async fn a4_the_audit_trail_names_the_holder_of_the_token() {
    let office = Office::open().await;
    office.make_key("ann of a as member", json!({ "name": "ann's" })).await;
    let trail = office.ask("aud of x as auditor", Method::GET, "/admin/v1/audit", None).await;
    let actor = &trail.json["data"][0]["actor"];
    assert!(actor.to_string().contains("jwt"), "{}", trail.text);
}

#[tokio::test]
async fn a_key_of_another_gateway_is_imported_by_its_hash() {
    let office = Office::open().await;
    let secret = domain::Secret::new("sk-litellm-0123456789abcdef0123456789");
    let digest = ring::digest::digest(&ring::digest::SHA256, secret.expose().as_bytes());
    let hex: String = digest.as_ref().iter().map(|byte| format!("{byte:02x}")).collect();
    let made = office.world.post("/admin/v1/keys", json!({ "name": "old", "key_hash": format!("sha256:{hex}") })).await;
    assert_eq!((made.status, made.json.get("key")), (201, None), "{}", made.text);
    let found = office.world.keys.authenticate(&secret, start()).await.unwrap().unwrap();
    assert_eq!(found.id.as_str(), made.json["id"].as_str().unwrap());
    let hash = domain::Secret::new(format!("sha256:{hex}"));
    assert_eq!(office.world.keys.authenticate(&hash, start()).await.unwrap(), None, "the hash itself opens nothing");
    let again = office.world.post("/admin/v1/keys", json!({ "key": secret.expose() })).await;
    assert_eq!(again.status, 409, "{}", again.text);
}
