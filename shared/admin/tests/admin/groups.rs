//! Teams, users, organizations and projects: one shape.

use crate::world::World;
use http::Method;
use serde_json::json;

const KINDS: [(&str, &str); 4] =
    [("teams", "team"), ("users", "user"), ("organizations", "organization"), ("projects", "project")];

#[tokio::test]
async fn a_group_of_every_kind_is_made_shown_changed_blocked_listed_and_deleted() {
    let world = World::new().await;
    for (plural, kind) in KINDS {
        let all = format!("/admin/v1/{plural}");
        let made = world.post(&all, json!({ "name": "core", "max_budget_usd": 5, "budget_period": "monthly" })).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.json["id"].as_str().unwrap();
        assert!(id.starts_with(&format!("{kind}_")), "{id}");
        assert_eq!((&made.json["max_budget_usd"], &made.json["spend_usd"]), (&json!("5"), &json!("0")));
        let one = format!("{all}/{id}");
        assert_eq!(world.get(&one).await.json, made.json);
        let changed = world.call(Method::PATCH, &one, Some(json!({ "name": "edge", "tags": {"a": "b"} }))).await;
        assert_eq!((&changed.json["name"], &changed.json["version"]), (&json!("edge"), &json!(2)));
        assert_eq!(world.post(&format!("{one}/block"), json!({})).await.json["blocked"], json!(true));
        assert_eq!(world.post(&format!("{one}/unblock"), json!({})).await.json["blocked"], json!(false));
        assert_eq!(world.get(&all).await.json["data"].as_array().unwrap().len(), 1);
        assert_eq!(world.call(Method::DELETE, &one, None).await.json, json!({ "id": id, "deleted": true }));
        assert_eq!(world.get(&one).await.status, 404);
    }
}

#[tokio::test]
async fn a_service_account_is_a_user_that_has_no_role_and_is_found_by_its_type() {
    let world = World::new().await;
    assert_eq!(world.post("/admin/v1/users", json!({ "id": "ann" })).await.json["type"], "person");
    let made =
        world.post("/admin/v1/users", json!({ "id": "nightly", "type": "service_account", "team_id": "t" })).await;
    assert_eq!((made.status, &made.json["type"]), (201, &json!("service_account")));
    let found = world.get("/admin/v1/users?type=service_account").await;
    assert_eq!(found.json["data"][0]["id"], "nightly");
    assert_eq!(found.json["data"].as_array().unwrap().len(), 1);
    let role = world.call(Method::PATCH, "/admin/v1/users/nightly", Some(json!({ "role": "member" }))).await;
    assert_eq!((role.status, &role.json["error"]["param"]), (400, &json!("role")));
    assert_eq!(world.post("/admin/v1/users", json!({ "type": "robot" })).await.status, 400);
    assert_eq!(world.post("/admin/v1/teams", json!({ "type": "person" })).await.code(), "unknown_field");
}

#[tokio::test]
async fn an_id_may_be_chosen_once() {
    let world = World::new().await;
    let team = json!({ "id": "platform", "name": "Platform" });
    assert_eq!(world.post("/admin/v1/teams", team).await.status, 201);
    let again = world.post("/admin/v1/teams", json!({ "id": "platform", "name": "Another" })).await;
    assert_eq!((again.status, again.code()), (409, "conflict"));
    assert_eq!(world.post("/admin/v1/teams", json!({ "id": "a/b" })).await.status, 400);
}

#[tokio::test]
async fn d7_a_stale_change_is_a_conflict() {
    let world = World::new().await;
    world.post("/admin/v1/teams", json!({ "id": "t" })).await;
    let change = |name: &str| json!({ "name": name, "version": 1 });
    assert_eq!(world.call(Method::PATCH, "/admin/v1/teams/t", Some(change("a"))).await.status, 200);
    assert_eq!(world.call(Method::PATCH, "/admin/v1/teams/t", Some(change("b"))).await.status, 409);
}

#[tokio::test]
async fn r9_what_a_kind_does_not_have_cannot_be_written() {
    let world = World::new().await;
    for (plural, field) in [("teams", "role"), ("teams", "team_id"), ("organizations", "organization_id")] {
        let refused = world.post(&format!("/admin/v1/{plural}"), json!({ field: "owner" })).await;
        assert_eq!((refused.status, refused.code()), (400, "unknown_field"), "{plural} {field}");
    }
    for field in ["spend_usd", "version", "created_at"] {
        assert_eq!(world.post("/admin/v1/users", json!({ field: "1" })).await.code(), "unknown_field");
    }
}
