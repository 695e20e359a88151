//! Records of no use are kept whole, and come again if they cannot be.

use admin::{
    dead_letters::{self, DeadLetters, File},
    outbox::Failures,
};
use async_trait::async_trait;
use serde_json::{Value, json};

fn event(filler: usize) -> Value {
    let record = |number: &str| {
        json!({ "dynamodb": { "SequenceNumber": number, "Keys": { "sk": { "S": "CALL" } },
            "NewImage": { "pk": { "S": "x".repeat(filler) } } } })
    };
    json!({ "Records": [record("7"), record("8")] })
}

fn buried() -> Failures {
    let mut failures = Failures::default();
    failures.bury("8", &"its new image");
    failures
}

async fn kept(filler: usize) -> Value {
    let folder = std::env::temp_dir().join(format!("portunus-letters-{}-{filler}", std::process::id()));
    let mut failures = buried();
    dead_letters::keep(&File(Some(folder.clone())), &event(filler), &mut failures).await;
    let text = std::fs::read_to_string(&folder).unwrap();
    std::fs::remove_file(folder).unwrap();
    assert!(failures.ids().is_empty() && failures.take_dead().is_empty());
    assert_eq!(text.lines().count(), 1);
    serde_json::from_str(&text).unwrap()
}

#[tokio::test]
async fn l5_a_record_of_no_use_is_kept_as_it_came_with_the_reason() {
    let letter = kept(10).await;
    assert_eq!((&letter["why"], &letter["record"]), (&json!("its new image"), &event(10)["Records"][1]));
}

#[tokio::test]
async fn l5_a_record_too_long_for_a_queue_is_kept_by_its_keys() {
    let letter = kept(300_000).await;
    assert_eq!((&letter["sequence"], &letter["keys"]["sk"]["S"]), (&json!("8"), &json!("CALL")));
}

/// Takes nothing.
struct Full;

#[async_trait]
impl DeadLetters for Full {
    async fn keep(&self, _: &str) -> Result<(), String> {
        Err("full".to_owned())
    }
}

#[tokio::test]
async fn l5_a_record_that_cannot_be_kept_comes_again() {
    let mut failures = buried();
    dead_letters::keep(&Full, &event(1), &mut failures).await;
    assert_eq!(failures.ids(), ["8"]);
}
