//! Rollups count each call once, however the stream repeats and cuts its batches.

use crate::{
    harness::{Store, Trial, key, record, start, usd},
    on_every_table,
};
use domain::{KeyId, Usd};
use stores::{
    calls::{CallImage, SequenceNumber},
    rollups::{Dimension, Rollups, Row, Span, Subject, Total},
};
use tokio::sync::mpsc;

on_every_table! {
    l4_repeated_and_recut_batches_change_nothing,
    l4_a_batch_cut_off_halfway_is_completed,
    m18_rollups_add_up_to_what_the_ledger_settled,
    l4_every_kind_of_name_adds_up_to_the_same,
    l4_a_correction_moves_a_call_to_where_it_belongs,
    x4_tags_beyond_the_day_s_room_are_counted_together,
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

async fn read(store: &Store, span: Span, dimension: Dimension) -> Vec<Row> {
    let mut rows = rollups(store).read(span, start(), dimension).await.unwrap();
    rows.sort_by(|one, other| one.subject.cmp(&other.subject));
    rows
}

/// The keys' counters, which say the same of the day and of its one busy hour.
async fn day(store: &Store) -> Vec<Row> {
    let rows = read(store, Span::Day, Dimension::Key).await;
    assert_eq!(rows, read(store, Span::Hour, Dimension::Key).await);
    rows
}

fn total(rows: &[Row]) -> Total {
    rows.iter().map(|row| row.total).sum()
}

async fn l4_repeated_and_recut_batches_change_nothing(store: &Store) {
    let images = images(store, 25).await;
    let rollups = rollups(store);
    for (from, to) in [(0, 10), (0, 10), (0, 4), (2, 17), (5, 12), (12, images.len()), (0, images.len())] {
        rollups.apply(&images[from..to], "shard-1").await.unwrap();
    }
    let rows = day(store).await;
    let total_of_keys = total(&rows);
    // 20 settled at 0.01, 4 corrected to 0.02, 1 expired at 0.10.
    assert_eq!((total_of_keys.calls, total_of_keys.cost), (25, usd("0.38")));
    assert_eq!((total_of_keys.input, total_of_keys.output), (24 * 3, 24 * 5));
    let models = read(store, Span::Hour, Dimension::Model).await;
    let model = |name: &str| {
        let named = |row: &&Row| matches!(&row.subject, Subject::Model { model, .. } if model == name);
        models.iter().find(named).map(|row| (row.total.calls, row.total.cost))
    };
    assert_eq!((model("echo-1"), model("")), (Some((24, usd("0.28"))), Some((1, usd("0.1")))));
    let again = images.first().unwrap().clone();
    rollups.apply(&[again], "shard-2").await.unwrap();
    assert_eq!(total(&day(store).await).calls, 26);
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
    assert_eq!(total(&day(store).await).cost, settled);
}

const KINDS: [Dimension; 7] = [
    Dimension::Cell,
    Dimension::Key,
    Dimension::Model,
    Dimension::Organization,
    Dimension::Project,
    Dimension::Team,
    Dimension::User,
];

async fn l4_every_kind_of_name_adds_up_to_the_same(store: &Store) {
    let images = images(store, 10).await;
    rollups(store).apply(&images, "shard-1").await.unwrap();
    let keys = total(&day(store).await);
    for kind in KINDS {
        assert_eq!(total(&read(store, Span::Day, kind).await), keys, "{kind:?}");
    }
    let cells = read(store, Span::Day, Dimension::Cell).await;
    assert!(cells.iter().any(|row| matches!(&row.subject, Subject::Cell(cell) if cell.user == "ann"
        && cell.key == "key_a" && cell.model == "echo-1" && cell.team.is_empty())));
    assert_eq!(read(store, Span::Hour, Dimension::Cell).await, []);
}

/// An expired call belongs to nobody but its key; once it is heard of, its user gets it and nobody loses it.
async fn l4_a_correction_moves_a_call_to_where_it_belongs(store: &Store) {
    let images = images(store, 10).await;
    let corrections = images.iter().filter(|(_, image)| image.old.is_some()).count();
    assert_eq!(corrections, 1);
    let (rollups, users) = (rollups(store), || read(store, Span::Day, Dimension::User));
    let calls = |rows: &[Row], name: &str| {
        rows.iter().find(|row| row.subject == Subject::User(name.to_owned())).map_or(0, |row| row.total.calls)
    };
    rollups.apply(&images[..images.len() - 1], "shard-1").await.unwrap();
    assert_eq!((calls(&users().await, "ann"), calls(&users().await, "")), (8, 2));
    rollups.apply(&images, "shard-1").await.unwrap();
    assert_eq!((calls(&users().await, "ann"), calls(&users().await, "")), (9, 1));
    assert_eq!(total(&users().await).cost, total(&day(store).await).cost);
}

async fn x4_tags_beyond_the_day_s_room_are_counted_together(store: &Store) {
    if store.rush < 256 {
        return;
    }
    let (_, image) = images(store, 2).await.pop().unwrap();
    let mut number = 0;
    let mut tagged = |tags: Vec<(String, String)>| {
        let mut image = image.clone();
        image.new.record.tags = tags;
        number += 1;
        (SequenceNumber::of(number), image)
    };
    let tag = |n: usize| (format!("n{}=%", n % 7), format!("v{n}"));
    let many: Vec<_> = (0..101).map(|n| tagged((0..10).map(|m| tag(n * 10 + m)).collect())).collect();
    // Of these the last two are counted by no name: a call has ten at most.
    let overfull = tagged((0..12).map(tag).collect());
    let rollups = rollups(store);
    for _ in 0..2 {
        applied(&rollups, &many).await;
        applied(&rollups, std::slice::from_ref(&overfull)).await;
    }
    // Another worker, which remembers nothing, decides the same.
    applied(&self::rollups(store), &many).await;
    let rows = read(store, Span::Day, Dimension::Tag).await;
    let of = |tag: Option<(String, String)>| {
        rows.iter().find(|row| row.subject == Subject::Tag(tag.clone())).map(|row| row.total.calls)
    };
    assert_eq!((rows.len(), of(Some(tag(0))), of(Some(tag(999))), of(Some(tag(1000)))), (1001, Some(2), Some(1), None));
    assert_eq!(of(None), Some(2), "one call of ten tags too many for the day, one of two too many for a call");
}

/// Gives a batch again until it is taken, as a stream does: among thousands of calls a shaken table gives up on one.
async fn applied(rollups: &Rollups, batch: &[(SequenceNumber, CallImage)]) {
    for _ in 0..10 {
        if rollups.apply(batch, "shard-1").await.is_ok() {
            return;
        }
    }
    panic!("the batch was refused ten times");
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
