//! Totals: exact under repeated and re-split batches.

use crate::world::{World, record, start};
use admin::{
    outbox::{Failures, Record},
    rollups::{self, take},
};
use async_trait::async_trait;
use domain::{KeyId, Usd};
use proptest::prelude::*;
use serde_json::json;
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering::SeqCst},
    },
};
use stores::{
    Table, TableError,
    calls::{CallImage, CallItem, SequenceNumber},
    rollups::{Dimension, Rollups, Span, Subject},
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};

/// One call of one of three keys to one of two models, at some hour of the day.
fn image(n: usize, key: u8, model: u8, cost: u64, hour: u64) -> CallImage {
    let mut record = record(&format!("call_{n}"), Usd::from_pico(cost.into()), start().plus_secs(hour * 3600));
    record.model = format!("m{model}");
    let new = CallItem {
        key: KeyId::from(format!("key_{key}")),
        lane: format!("key_{key}#0"),
        window: "total|free".to_owned(),
        held: record.cost,
        first_cost: record.cost,
        record,
    };
    CallImage { old: None, new }
}

fn records(images: Vec<CallImage>) -> Vec<Record> {
    let record = |(n, image): (usize, CallImage)| Record {
        id: n.to_string(),
        content: Ok(Some((SequenceNumber::of(n as u128 + 1), image))),
    };
    images.into_iter().enumerate().map(record).collect()
}

type Sums = BTreeMap<Subject, (i128, Usd)>;

fn plain_sum(records: &[Record]) -> Sums {
    let mut sums = Sums::new();
    for image in records.iter().filter_map(|record| record.content.as_ref().ok()?.as_ref()).map(|(_, image)| image) {
        let call = &image.new.record;
        let model = Subject::Model { provider: call.provider.clone(), model: call.model.clone() };
        for subject in [Subject::Key(image.new.key.clone()), model] {
            let sum = sums.entry(subject).or_default();
            *sum = (sum.0 + 1, sum.1.saturating_add(call.cost));
        }
    }
    sums
}

async fn counted(world: &World, span: Span, hours: &[u64]) -> Sums {
    let mut sums = Sums::new();
    for hour in hours {
        let at = start().plus_secs(hour * 3600);
        let keys = world.rollups.read(span, at, Dimension::Key).await.unwrap();
        for row in keys.into_iter().chain(world.rollups.read(span, at, Dimension::Model).await.unwrap()) {
            let sum = sums.entry(row.subject).or_default();
            *sum = (sum.0 + row.total.calls, sum.1.saturating_add(row.total.cost));
        }
    }
    sums
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn l4_totals_are_the_plain_sum_however_batches_are_cut_and_repeated(
        calls in prop::collection::vec((0_u8..3, 0_u8..2, 0_u64..1_000_000, 0_u64..4), 1..30),
        cuts in prop::collection::vec((0_usize..30, 1_usize..12), 1..12),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let world = World::new().await;
            let images = calls.iter().enumerate().map(|(n, (key, model, cost, hour))| image(n, *key, *model, *cost, *hour));
            let records = records(images.collect());
            let mut reached = 0;
            for (back, length) in cuts {
                // A shard is read in order, from where it was confirmed or anywhere before.
                let from = reached.min(back);
                let to = (from + length).min(records.len()).max(from);
                prop_assert!(rollups::take(&world.rollups, "shard", &records[from..to]).await.ids().is_empty());
                reached = reached.max(to);
            }
            rollups::take(&world.rollups, "shard", &records[reached..]).await;
            rollups::take(&world.rollups, "shard", &records).await;
            prop_assert_eq!(counted(&world, Span::Day, &[0]).await, plain_sum(&records));
            prop_assert_eq!(counted(&world, Span::Hour, &[0, 1, 2, 3]).await, plain_sum(&records));
            Ok(())
        })?;
    }
}

#[tokio::test]
async fn l4_shards_number_their_records_apart() {
    let world = World::new().await;
    let (one, two) = (records(vec![image(0, 0, 0, 5, 0)]), records(vec![image(1, 0, 0, 7, 0)]));
    for (shard, batch) in [("a", &one), ("b", &two), ("a", &one), ("b", &two)] {
        rollups::take(&world.rollups, shard, batch).await;
    }
    assert_eq!(counted(&world, Span::Day, &[0]).await[&Subject::Key("key_0".into())], (2, Usd::from_pico(12)));
}

#[tokio::test]
async fn l5_a_record_that_cannot_be_read_is_reported_and_the_others_are_counted() {
    let world = World::new().await;
    let poison = json!({ "dynamodb": { "SequenceNumber": "900", "NewImage": { "pk": { "S": "CALL#x" } } } });
    let mut batch = records(vec![image(0, 0, 0, 5, 0), image(1, 0, 0, 6, 0)]);
    batch.insert(1, Record::of(&poison));
    for _ in 0..3 {
        let mut failures = rollups::take(&world.rollups, "a", &batch).await;
        assert_eq!((failures.ids().len(), dead(&mut failures)), (0, vec!["900".to_owned()]));
    }
    assert_eq!(counted(&world, Span::Day, &[0]).await[&Subject::Key("key_0".into())], (2, Usd::from_pico(11)));
}

fn dead(failures: &mut Failures) -> Vec<String> {
    failures.take_dead().into_iter().map(|(id, _)| id).collect()
}

/// Calls, one of them to a monster.
fn with_a_monster() -> Vec<Record> {
    let mut images: Vec<_> = (0..4).map(|n| image(n, 0, 0, 5, 0)).collect();
    images[2].new.record.model = "monster".to_owned();
    records(images)
}

#[tokio::test]
async fn l5_a_record_that_the_store_never_takes_holds_up_nobody() {
    let world = World::new().await;
    let (rollups, batch) = (Outage::of(&world, 0, 0), with_a_monster());
    for _ in 0..2 {
        let mut failures = take(&rollups, "a", &batch).await;
        assert_eq!((failures.ids().len(), dead(&mut failures)), (0, vec!["2".to_owned()]));
    }
    let subject = Subject::Model { provider: "echo".to_owned(), model: "m0".to_owned() };
    assert_eq!(counted(&world, Span::Day, &[0]).await[&subject], (3, Usd::from_pico(15)));
}

/// A table that never takes what names a monster, and cannot be reached for so many writes after so many.
struct Outage {
    table: Arc<dyn Table>,
    passes: AtomicU32,
    fails: AtomicU32,
}

impl Outage {
    fn of(world: &World, passes: u32, fails: u32) -> Rollups {
        let outage = Self { table: world.table.clone(), passes: passes.into(), fails: fails.into() };
        Rollups::new(Arc::new(outage), world.names.clone())
    }

    fn meets(&self) -> Result<(), TableError> {
        let left = |count: &AtomicU32| count.fetch_update(SeqCst, SeqCst, |left| left.checked_sub(1)).is_ok();
        match !left(&self.passes) && left(&self.fails) {
            true => Err(TableError::Unavailable("told to fail".to_owned())),
            false => Ok(()),
        }
    }
}

#[async_trait]
impl Table for Outage {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.table.get(get).await
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.table.put(put).await
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.meets()?;
        if update.key.sk.contains("monster") {
            return Err(TableError::Invalid("ValidationException".to_owned()));
        }
        self.table.update(update).await
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.table.delete(delete).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.table.query(query).await
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.table.transact(writes).await
    }
}

#[tokio::test]
async fn l5_an_outage_of_any_length_in_any_place_buries_nothing_and_counts_everything_once() {
    for passes in 0..12 {
        let world = World::new().await;
        let rollups = Outage::of(&world, passes, 40);
        let (batch, mut buried) = (with_a_monster(), BTreeSet::new());
        let mut tries = 0;
        loop {
            let mut failures = take(&rollups, "a", &batch).await;
            buried.extend(dead(&mut failures));
            tries += 1;
            if failures.ids().is_empty() || tries == 100 {
                break;
            }
        }
        assert!((2..100).contains(&tries), "{tries} tries after {passes} writes");
        assert_eq!(buried, BTreeSet::from(["2".to_owned()]), "after {passes} writes");
        let key = counted(&world, Span::Hour, &[0]).await;
        let subject = Subject::Model { provider: "echo".to_owned(), model: "m0".to_owned() };
        assert_eq!(key[&subject], (3, Usd::from_pico(15)), "after {passes} writes");
    }
}
