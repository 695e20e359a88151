//! Totals: exact under repeated and re-split batches.

use crate::world::{World, record, start};
use admin::{outbox::Record, rollups};
use domain::{KeyId, Usd};
use proptest::prelude::*;
use serde_json::json;
use std::collections::BTreeMap;
use stores::{
    calls::{CallImage, CallItem, SequenceNumber},
    rollups::{Dimension, Span, Subject},
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
        assert_eq!(rollups::take(&world.rollups, "a", &batch).await.ids(), ["900"]);
    }
    assert_eq!(counted(&world, Span::Day, &[0]).await[&Subject::Key("key_0".into())], (2, Usd::from_pico(11)));
}
