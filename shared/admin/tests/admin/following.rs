//! What is made of a configuration is made anew when another one is in force.

use crate::world::{World, start};
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
