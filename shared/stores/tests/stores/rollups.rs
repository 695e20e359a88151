//! Rollups count each call once, however the stream repeats and cuts its batches.

use crate::{
    harness::{Store, Trial, key, record, start, usd},
    on_every_table,
};
use domain::{KeyId, Usd};
use stores::{
    calls::{CallImage, SequenceNumber},
    rollups::{Rollups, Row, Span, Subject, Total},
};
use tokio::sync::mpsc;

on_every_table! {
    l4_repeated_and_recut_batches_change_nothing,
    l4_a_batch_cut_off_halfway_is_completed,
    m18_rollups_add_up_to_what_the_ledger_settled,
}

/// Call records as a ledger publishes them; every fifth expires and is corrected later.
async fn images(store: &Store, calls: usize) -> Vec<(SequenceNumber, CallImage)> {
    let (outbox, mut inbox) = mpsc::unbounded_channel();
    let ledger = store.ledger().with_outbox(outbox);
    let mut late = Vec::new();
    for number in 0..calls {
        let key = key(if number % 3 == 0 { "a" } else { "b" }, Some("100"));
        let held = Trial::new(format!("call_{number}"), "0.5").reserve(&ledger, &key, store.now()).await.unwrap();
        if number % 5 == 0 {
            late.push(held);
        } else {
            ledger.settle(&held, &record(&held.call, usd("0.01"))).await.unwrap();
        }
    }
    store.clock.advance_millis(90_000);
    ledger.sweep(store.now()).await.unwrap();
    for held in late.iter().skip(1) {
        ledger.settle(held, &record(&held.call, usd("0.02"))).await.unwrap();
    }
    let mut images = Vec::new();
    while let Ok(image) = inbox.try_recv() {
        images.push((SequenceNumber::of(1_000 + images.len() as u128), image));
    }
    images
}

fn rollups(store: &Store) -> Rollups {
    Rollups::new(store.table.clone(), store.names.clone())
}

async fn day(store: &Store) -> Vec<Row> {
    let mut rows = rollups(store).read(Span::Day, start()).await.unwrap();
    let mut hour = rollups(store).read(Span::Hour, start()).await.unwrap();
    rows.sort_by(|one, other| one.subject.cmp(&other.subject));
    hour.sort_by(|one, other| one.subject.cmp(&other.subject));
    assert_eq!(rows, hour);
    rows
}

fn of_keys(rows: &[Row]) -> Total {
    rows.iter().filter(|row| matches!(row.subject, Subject::Key(_))).map(|row| row.total).sum()
}

async fn l4_repeated_and_recut_batches_change_nothing(store: &Store) {
    let images = images(store, 25).await;
    let rollups = rollups(store);
    for (from, to) in [(0, 10), (0, 10), (0, 4), (2, 17), (5, 12), (12, images.len()), (0, images.len())] {
        rollups.apply(&images[from..to], "shard-1").await.unwrap();
    }
    let rows = day(store).await;
    let total = of_keys(&rows);
    // 20 settled at 0.01, 4 corrected to 0.02, 1 expired at 0.10.
    assert_eq!((total.calls, total.cost), (25, usd("0.38")));
    assert_eq!((total.input, total.output), (24 * 3, 24 * 5));
    let model = rows.iter().find(|row| matches!(row.subject, Subject::Model { .. })).unwrap();
    assert_eq!((model.total.calls, model.total.cost), (24, usd("0.28")));
    let again = images.first().unwrap().clone();
    rollups.apply(&[again], "shard-2").await.unwrap();
    assert_eq!(of_keys(&day(store).await).calls, 26);
}

/// A worker that died between two counters leaves one behind; the next batch, cut otherwise, brings it level.
async fn l4_a_batch_cut_off_halfway_is_completed(store: &Store) {
    let images = images(store, 12).await;
    let of = |name: &str| {
        let key = KeyId::from(format!("key_{name}"));
        images.iter().filter(|(_, image)| image.new.key == key).cloned().collect::<Vec<_>>()
    };
    let rollups = rollups(store);
    rollups.apply(&of("a"), "shard-1").await.unwrap();
    rollups.apply(&images[..5], "shard-1").await.unwrap();
    rollups.apply(&images[3..], "shard-1").await.unwrap();
    let rows = day(store).await;
    let calls = |name: &str| {
        let subject = Subject::Key(KeyId::from(format!("key_{name}")));
        rows.iter().find(|row| row.subject == subject).map(|row| row.total.calls)
    };
    assert_eq!((calls("a"), calls("b")), (Some(4), Some(8)));
}

async fn m18_rollups_add_up_to_what_the_ledger_settled(store: &Store) {
    let images = images(store, 20).await;
    for batch in images.chunks(7) {
        rollups(store).apply(batch, "shard-1").await.unwrap();
    }
    let ledger = store.ledger();
    let mut settled = Usd::ZERO;
    for name in ["a", "b"] {
        let spend = ledger.spend(&key(name, Some("100")), store.now()).await.unwrap();
        assert_eq!(spend.reserved, Usd::ZERO);
        settled = settled.saturating_add(spend.settled);
    }
    assert_eq!(of_keys(&day(store).await).cost, settled);
}

#[test]
fn l4_a_lambda_stream_record_is_read() {
    let json = serde_json::json!({
        "eventName": "INSERT",
        "dynamodb": {
            "SequenceNumber": "111",
            "Keys": {"pk": {"S": "CALL#call_a"}, "sk": {"S": "CALL"}},
            "NewImage": {
                "pk": {"S": "CALL#call_a"}, "sk": {"S": "CALL"}, "st": {"S": "settled"}, "cost": {"N": "5"},
                "cost0": {"N": "5"}, "lane": {"S": "key_a#0"}, "win": {"S": "total|free"}, "w": {"N": "9"},
                "key": {"S": "key_a"}, "ended_at": {"N": "1000"}, "status": {"N": "200"},
                "streamed": {"BOOL": true}, "tags": {"M": {"app": {"S": "x"}}}
            }
        }
    });
    let (number, image) = CallImage::from_stream_record(&json).unwrap().unwrap();
    assert_eq!(number, SequenceNumber::of(111));
    assert_eq!((image.new.record.cost, image.new.record.streamed), (Usd::from_pico(5), true));
    assert_eq!(image.new.record.tags, [("app".to_owned(), "x".to_owned())]);
    let other = serde_json::json!({"dynamodb": {"NewImage": {"pk": {"S": "ROLL#D#x"}}}});
    assert_eq!(CallImage::from_stream_record(&other), Ok(None));
    let broken = serde_json::json!({"dynamodb": {"NewImage": {"pk": {"S": "CALL#x"}}, "SequenceNumber": "1"}});
    assert!(CallImage::from_stream_record(&broken).is_err());
}
