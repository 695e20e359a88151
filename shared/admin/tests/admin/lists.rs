//! Lists of a part: whole pages of what one sees or asks for, and what is counted beside.

use crate::{office::Office, world::World};
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use http::Method;
use serde_json::json;

#[tokio::test]
async fn r4_a_page_of_a_part_is_full_and_its_cursor_names_nothing_of_others() {
    let office = Office::open().await;
    let mut others = Vec::new();
    for n in 0..6 {
        let team = if n % 2 == 0 { "a" } else { "b" };
        let id = office.world.key(json!({ "name": format!("k{n}"), "team_id": team })).await;
        office.world.clock.advance_millis(1_000);
        if team == "b" {
            others.push(id);
        }
    }
    let (mut seen, mut path) = (Vec::new(), "/admin/v1/keys?limit=1".to_owned());
    for _ in 0..6 {
        let page = office.ask("tom of a as team_admin", Method::GET, &path, None).await;
        let data = page.json["data"].as_array().unwrap();
        assert_eq!(data.len(), 1, "{}", page.text);
        seen.push(data[0]["name"].clone());
        let Some(cursor) = page.json["next_cursor"].as_str() else { break };
        let inside = String::from_utf8_lossy(&URL_SAFE_NO_PAD.decode(cursor).unwrap()).into_owned();
        assert!(others.iter().all(|other| !inside.contains(other.as_str())), "{inside}");
        path = format!("/admin/v1/keys?limit=1&cursor={cursor}");
    }
    assert_eq!(seen, ["k4", "k2", "k0"]);
}

#[tokio::test]
async fn keys_and_groups_are_found_by_what_they_belong_to() {
    let world = World::new().await;
    for (name, team, user) in [("one", "a", "ann"), ("two", "a", "bob"), ("three", "b", "ann")] {
        world.create(json!({ "name": name, "team_id": team, "user_id": user })).await;
        world.clock.advance_millis(1_000);
    }
    for (user, team) in [("ann", "a"), ("bob", "a"), ("eve", "b")] {
        world.post("/admin/v1/users", json!({ "id": user, "team_id": team })).await;
        world.clock.advance_millis(1_000);
    }
    for (path, expected) in [
        ("keys?team_id=a", vec!["two", "one"]),
        ("keys?user_id=ann", vec!["three", "one"]),
        ("keys?team_id=a&user_id=ann", vec!["one"]),
        ("keys?team_id=none", vec![]),
        ("users?team_id=a", vec!["bob", "ann"]),
        ("users?team_id=a&limit=1", vec!["bob"]),
    ] {
        let answer = world.get(&format!("/admin/v1/{path}")).await;
        let names: Vec<_> = answer.json["data"].as_array().unwrap().iter().map(|row| row["name"].clone()).collect();
        assert_eq!(names, expected, "{path}");
    }
    assert_eq!(world.get("/admin/v1/teams?team_id=a").await.status, 400, "teams belong to no team");
}

#[tokio::test]
async fn when_a_key_was_last_used_is_kept_to_the_hour() {
    let world = World::new().await;
    let id = world.key(json!({})).await;
    let last = async || world.get(&format!("/admin/v1/keys/{id}")).await.json["last_used_at"].clone();
    assert_eq!(last().await, json!(null));
    let mut seen = Vec::new();
    for (n, pause) in [0_u64, 600, 2_900, 100].into_iter().enumerate() {
        world.clock.advance_millis(pause * 1_000);
        world.spend_for(&id, &format!("call_{n}"), "0.01", "a", "ann").await;
        seen.push(last().await.as_str().unwrap().to_owned());
    }
    let hour = |text: &str| format!("2026-11-21T{text}.000Z");
    assert_eq!(seen, ["12:00:00", "12:00:00", "12:00:00", "13:00:00"].map(hour));
    assert_eq!(world.get("/admin/v1/keys").await.json["data"][0]["last_used_at"], seen[3]);
}
