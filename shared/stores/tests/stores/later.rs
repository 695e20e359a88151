//! Settling in one write, and freeing from the stream of call records: at last, once, and in batches.

use crate::{
    harness::{Store, Trial, key, record, usd},
    on_every_ledger,
};
use domain::{Usd, key::VirtualKey};
use std::sync::Arc;
use stores::{
    calls::CallImage,
    ledger::{Ledger, Spend},
};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

on_every_ledger! {
    m15_a_settlement_is_one_write_and_its_hold_is_freed_from_the_stream,
    m5_a_batch_that_comes_twice_frees_once,
    m6_what_a_record_has_ended_is_freed_by_the_next_sweep,
    m6_what_the_stream_has_not_freed_is_freed_by_the_lease_for_its_true_cost,
    m15_a_key_that_has_little_left_or_counts_its_calls_is_freed_at_once,
}

fn ledger(store: &Store) -> (Ledger, UnboundedReceiver<CallImage>) {
    let (outbox, stream) = unbounded_channel();
    (store.ledger().freeing_later().with_outbox(outbox), stream)
}

async fn settled(store: &Store, ledger: &Ledger, key: &VirtualKey, calls: usize) {
    for n in 0..calls {
        let trial = Trial::new(format!("{}_{n}", key.id), "0.01");
        let held = trial.reserve(ledger, key, store.now()).await.unwrap();
        ledger.settle(&held, &record(&held.call, usd("0.002"))).await.unwrap();
    }
}

fn drain(stream: &mut UnboundedReceiver<CallImage>) -> Vec<CallImage> {
    std::iter::from_fn(|| stream.try_recv().ok()).collect()
}

/// A key with a first loan, so that the lane is rich.
async fn rich(store: &Store, name: &str) -> VirtualKey {
    let key = key(name, Some("100"));
    store.ledger().open_key(&key, &key.bounds(), store.now()).await.unwrap();
    key
}

async fn m15_a_settlement_is_one_write_and_its_hold_is_freed_from_the_stream(store: &Store) {
    let (ledger, mut stream) = ledger(store);
    let key = rich(store, "later").await;
    settled(store, &ledger, &key, 25).await;
    let before = ledger.spend(&key, store.now()).await.unwrap();
    assert_eq!(before, Spend { settled: Usd::ZERO, reserved: usd("0.25") });
    let images = drain(&mut stream);
    assert_eq!(ledger.free_settled(&images).await.unwrap(), 25);
    let after = ledger.spend(&key, store.now()).await.unwrap();
    assert_eq!(after, Spend { settled: usd("0.05"), reserved: Usd::ZERO });
}

async fn m5_a_batch_that_comes_twice_frees_once(store: &Store) {
    let (ledger, mut stream) = ledger(store);
    let ledger = Arc::new(ledger);
    let key = rich(store, "twice_later").await;
    settled(store, &ledger, &key, 9).await;
    let mut images = drain(&mut stream);
    images.extend(images.clone());
    images.reverse();
    let (one, other) = tokio::join!(ledger.free_settled(&images), ledger.free_settled(&images[..5]));
    assert!(one.is_ok() && other.is_ok());
    assert_eq!(ledger.free_settled(&images).await.unwrap(), 0);
    let after = ledger.spend(&key, store.now()).await.unwrap();
    assert_eq!(after, Spend { settled: usd("0.018"), reserved: Usd::ZERO });
}

async fn m6_what_the_stream_has_not_freed_is_freed_by_the_lease_for_its_true_cost(store: &Store) {
    let (ledger, mut stream) = ledger(store);
    let key = rich(store, "lease_later").await;
    settled(store, &ledger, &key, 3).await;
    store.clock.advance_millis(120_000);
    ledger.sweep(store.now()).await.unwrap();
    let after = ledger.spend(&key, store.now()).await.unwrap();
    assert_eq!(after, Spend { settled: usd("0.006"), reserved: Usd::ZERO });
    assert_eq!(ledger.free_settled(&drain(&mut stream)).await.unwrap(), 0);
}

async fn m15_a_key_that_has_little_left_or_counts_its_calls_is_freed_at_once(store: &Store) {
    let (ledger, _stream) = ledger(store);
    let poor = key("poor_later", Some("0.03"));
    let mut counting = rich(store, "counting_later").await;
    counting.limits.max_parallel = Some(1);
    for key in [&poor, &counting] {
        settled(store, &ledger, key, 3).await;
        let after = ledger.spend(key, store.now()).await.unwrap();
        assert_eq!(after, Spend { settled: usd("0.006"), reserved: Usd::ZERO });
    }
}

/// A process that dies between the record and the lane leaves what a stream that is not read leaves.
async fn m6_what_a_record_has_ended_is_freed_by_the_next_sweep(store: &Store) {
    let (ledger, mut stream) = ledger(store);
    let key = rich(store, "sweep_later").await;
    settled(store, &ledger, &key, 3).await;
    let trial = Trial::new("sweep_later_in_flight", "0.01");
    let held = trial.reserve(&ledger, &key, store.now()).await.unwrap();
    let swept = ledger.sweep(store.now()).await.unwrap();
    assert_eq!((swept.freed, swept.expired), (3, 0));
    assert_eq!(ledger.free_settled(&drain(&mut stream)).await.unwrap(), 0);
    let after = ledger.spend(&key, store.now()).await.unwrap();
    assert_eq!(after, Spend { settled: usd("0.006"), reserved: usd("0.01") });
    ledger.settle(&held, &record(&held.call, usd("0.002"))).await.unwrap();
    ledger.free_settled(&drain(&mut stream)).await.unwrap();
    let after = ledger.spend(&key, store.now()).await.unwrap();
    assert_eq!(after, Spend { settled: usd("0.008"), reserved: Usd::ZERO });
}
