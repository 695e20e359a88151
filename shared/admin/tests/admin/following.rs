//! What is made of a configuration is made anew when another one is in force.

use crate::{
    office::Office,
    world::{World, start},
};
use domain::{Clock, time::Period};
use http::Method;
use serde_json::json;
use std::{sync::Arc, time::Duration};
use stores::{
    TableError,
    settings::{Draft, Following, Source, StoredConfig},
};

async fn put(world: &World, text: &str, seen: u64) {
    let draft = Draft { text, credentials: &[], source: Source::Admin, seen, now: start(), entry: None };
    world.settings.put_config(&draft).await.unwrap();
}

/// The text itself, unless it says `broken`.
async fn made(stored: Option<StoredConfig>) -> Result<String, TableError> {
    match stored {
        Some(stored) if stored.text == "broken" => Err(TableError::Invalid("broken".to_owned())),
        stored => Ok(stored.map(|stored| stored.text).unwrap_or_default()),
    }
}

#[tokio::test]
async fn m17_another_configuration_is_followed_without_a_restart_and_a_broken_one_leaves_the_last() {
    let world = World::new().await;
    let following = Following::new(world.settings.clone(), Duration::ZERO);
    assert_eq!(*following.current(made).await.unwrap(), "", "none was ever put");
    put(&world, "one", 0).await;
    let one = following.current(made).await.unwrap();
    assert_eq!(*one, "one");
    assert!(Arc::ptr_eq(&one, &following.current(made).await.unwrap()), "made once");
    put(&world, "broken", 1).await;
    assert!(Arc::ptr_eq(&one, &following.current(made).await.unwrap()));
    put(&world, "three", 2).await;
    assert_eq!(*following.current(made).await.unwrap(), "three");
}

#[tokio::test]
async fn m17_it_is_not_looked_for_another_configuration_more_often_than_said() {
    let world = World::new().await;
    let following = Following::new(world.settings.clone(), Duration::from_secs(3600));
    put(&world, "one", 0).await;
    assert_eq!(*following.current(made).await.unwrap(), "one");
    put(&world, "two", 1).await;
    assert_eq!(*following.current(made).await.unwrap(), "one");
}

#[tokio::test]
async fn m17_nothing_is_told_under_a_configuration_that_was_never_read() {
    let world = World::new().await;
    put(&world, "broken", 0).await;
    let following = Following::new(world.settings.clone(), Duration::ZERO);
    assert!(following.current(made).await.is_err());
}

#[tokio::test]
async fn j5_a_token_means_what_the_configuration_in_force_says_and_no_other() {
    let office = Office::open().await;
    let status = async |role| office.ask(role, Method::GET, "/admin/v1/config", None).await.status;
    assert_eq!((status("ann of red as admin").await, status("ann of red as auditor").await), (200, 200));
    assert_eq!(status("ann of red as member").await, 403);
    let promoted = office.text.replace("member: member", "member: auditor");
    assert_eq!(office.world.put_config(&promoted, None).await.status, 200);
    assert_eq!(status("ann of red as member").await, 200, "the role that the claim now stands for");
    let without = office.text.split("identity:").next().unwrap();
    assert_eq!(office.world.put_config(without, None).await.status, 200);
    assert_eq!(status("ann of red as admin").await, 401, "the issuer is gone");
    let rolled_back = office.world.post("/admin/v1/config/rollback", json!({ "version": 1 })).await;
    assert_eq!((rolled_back.status, status("ann of red as member").await), (200, 200));
}

#[tokio::test]
async fn m16_windows_begin_in_the_time_zone_of_the_configuration_in_force() {
    let world = World::new().await;
    world.clock.advance_millis(9 * 3_600_000);
    let window = async |zone: &str| {
        let scope = "{ scope: global, max_budget_usd: 5, budget_period: daily }";
        let text = format!("budget: {{ time_zone: {zone}, scopes: [{scope}] }}\n");
        assert_eq!(world.put_config(&text, None).await.status, 200);
        world.get("/admin/v1/budgets").await.json["data"][0]["window"].as_str().unwrap().to_owned()
    };
    assert_eq!(window("UTC").await, "2026-11-21", "it is nine in the evening");
    assert_eq!(window("Asia/Tokyo").await, "2026-11-22");
    let of_key = world.ledger.zone().window(Period::Daily, world.clock.now());
    assert_eq!(of_key, "2026-11-22", "budgets of keys keep to it, too");
}
