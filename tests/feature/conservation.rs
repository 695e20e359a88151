//! Conservation [M18]: whatever happens to calls, what they used is the same in their records, in the ledger, in the
//! counters, and on the upstream's own bill wherever it reported usage; to the picodollar, and nothing stays held.
//!
//! A thousand calls; `PORTUNUS_CONSERVATION_CALLS=10000` makes more.

use domain::{
    CallId, Usd,
    call::{Ask, Reservation, State, UsageSource},
    key::VirtualKey,
};
use futures::{StreamExt, stream};
use harness::{Portunus, Setup, chat};
use mock_upstream::{
    Plan,
    plan::{Answer, At, CutHow, Generated, UsageShape},
};
use std::{
    collections::{BTreeMap, HashMap},
    time::Duration,
};
use stores::{
    calls::{CallImage, CallItem, Calls, SequenceNumber},
    embedded::Position,
    rollups::{Dimension, Rollups, Span, Total},
};

const AT_ONCE: usize = 32;
/// Calls that hold money and are never heard of again; every second one speaks up later after all.
const LOST: usize = 10;
/// What happens to a call, by the words it is asked with.
const FATES: [&str; 12] = [
    "is-well",
    "is-well",
    "is-well",
    "streams-well",
    "streams-well",
    "says-none",
    "says-details",
    "says-twice",
    "says-late",
    "fails",
    "breaks",
    "leaves",
];

#[allow(clippy::disallowed_methods, reason = "a test's own switch")]
fn calls() -> usize {
    std::env::var("PORTUNUS_CONSERVATION_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(1000)
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

fn on(fate: &str, plan: Plan) -> Plan {
    let mut plan = plan;
    plan.matches.body = Some(fate.to_owned());
    plan
}

fn plans() -> Vec<Plan> {
    let words =
        |count: usize| Generated { text: Some("word ".repeat(count)), chunks: Some(count), ..Generated::default() };
    let mut slow = Plan::answering(Answer::Generated(words(30)));
    slow.delay.event_ms = 5;
    vec![
        on("says-none", Plan::text("eight words").usage(UsageShape::None)),
        on("says-details", Plan::text("eight words").usage(UsageShape::Details)),
        on("says-twice", Plan::text("eight words").usage(UsageShape::Duplicated)),
        on("says-late", Plan::text("eight words").usage(UsageShape::Late)),
        on("fails", Plan::error(500)),
        on("breaks", Plan::answering(Answer::Generated(words(20))).cut(CutHow::Fin, At::Body(900))),
        on("leaves", slow),
    ]
}

/// One call, known by its number to the gateway, to the upstream and to the record.
async fn call(portunus: &Portunus, secret: &str, n: usize) {
    let fate = FATES[n % FATES.len()];
    let streamed = matches!(fate, "streams-well" | "says-late" | "says-twice" | "breaks" | "leaves");
    let model = ["up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5"][n / FATES.len() % 2];
    let request = portunus
        .request(http::Method::POST, "/v1/chat/completions")
        .header("x-api-key", secret)
        .header("x-request-id", format!("n-{n}"))
        .header("content-type", "application/json")
        .body(chat(model, &format!("{fate} call n-{n}."), streamed));
    let Ok(response) = request.send().await else { return };
    let mut body = response.bytes_stream();
    let mut pieces = 0;
    while let Some(Ok(_)) = body.next().await {
        pieces += 1;
        if fate == "leaves" && pieces == 2 {
            return;
        }
    }
}

/// Holds money for calls that nobody ends; every second one is settled after it was expired.
async fn lose(portunus: &Portunus, key: &VirtualKey) {
    let mut held = Vec::new();
    for n in 0..LOST {
        let (now, call) = (portunus.clock.now(), CallId::from(format!("call_lost{n}")));
        let ask = Ask {
            call: &call,
            key,
            bounds: &key.bounds(),
            worst_case: usd("0.01"),
            ambiguous: usd("0.001"),
            now,
            lease_until: now.plus_secs(3),
        };
        held.push(portunus.ledger.reserve(&ask).await.unwrap());
    }
    expired(portunus, &held).await;
    for reservation in held.iter().step_by(2) {
        let mut record = portunus.record(&reservation.call).await;
        assert_eq!(record.state, State::Expired);
        record.cost = usd("0.002");
        for _ in 0..2 {
            portunus.ledger.settle(reservation, &record).await.unwrap();
        }
    }
}

/// Sweeps until the leases of all these calls have passed and they are ended, for at most thirty seconds.
async fn expired(portunus: &Portunus, held: &[Reservation]) {
    let calls = Calls::new(portunus.table.clone(), portunus.names.clone());
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        portunus.ledger.sweep(portunus.clock.now()).await.unwrap();
        let mut ended = 0;
        for reservation in held {
            ended += usize::from(calls.get(&reservation.call).await.unwrap().is_some());
        }
        if ended == held.len() {
            return;
        }
    }
    panic!("the sweep ended not all calls");
}

/// Every image of the stream, counted as it comes, again, and again in other parts.
async fn counted(portunus: &Portunus, rollups: &Rollups) -> HashMap<CallId, CallItem> {
    let stream = portunus.stream.as_ref().unwrap();
    let batch = stream.next(Position::default(), u32::MAX).await.unwrap();
    let records = batch.event["Records"].as_array().unwrap();
    let images: Vec<(SequenceNumber, CallImage)> =
        records.iter().filter_map(|record| CallImage::from_stream_record(record).unwrap()).collect();
    for size in [300, 170, 1000] {
        for part in images.chunks(size) {
            rollups.apply(part, "shard").await.unwrap();
        }
    }
    images.into_iter().map(|(_, image)| (image.new.record.call.clone(), image.new)).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn m18_usage_ledger_counters_and_the_upstream_s_bill_agree_after_mixed_calls() {
    let calls = calls();
    let portunus = Setup::default().streaming().with("streams: { drain_after_disconnect_ms: 300 }\n").start().await;
    portunus.script(plans());
    let mut keys = Vec::new();
    for budget in ["500", "500", ""] {
        keys.push(portunus.key_with(|key| key.limits.max_budget = budget.parse().ok()).await);
    }
    let all = stream::iter(0..calls).map(|n| call(&portunus, &keys[n % keys.len()].1, n));
    all.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    lose(&portunus, &keys[0].0).await;
    for (key, _) in &keys {
        portunus.nothing_held(key).await;
    }

    let rollups = Rollups::new(portunus.table.clone(), portunus.names.clone());
    let records = counted(&portunus, &rollups).await;
    assert_eq!(records.len(), calls + LOST);
    let used: Usd = records.values().map(|call| call.record.cost).sum();
    let mut ledger = Usd::ZERO;
    for (key, _) in &keys {
        let (settled, reserved) = portunus.spend(key).await;
        assert_eq!(reserved, Usd::ZERO);
        ledger = ledger.saturating_add(settled);
    }
    assert_eq!(used, ledger, "records and ledger");

    let kinds =
        [Dimension::Cell, Dimension::Key, Dimension::Model, Dimension::Organization, Dimension::Team, Dimension::User];
    for kind in kinds {
        let mut total = Total::default();
        let first = records.values().map(|call| call.record.ended_at).min().unwrap();
        for day in [first, first.plus_secs(86_400)] {
            total =
                rollups.read(Span::Day, day, kind).await.unwrap().iter().map(|row| row.total).sum::<Total>() + total;
        }
        assert_eq!((total.calls, total.cost), ((calls + LOST) as i128, used), "records and counters by {kind:?}");
    }
    let estimated = records.values().filter(|call| call.record.usage_source == UsageSource::Estimated);
    assert!(estimated.clone().count() > calls / 20 && estimated.clone().all(|call| call.record.cost <= call.held));
    bill(&portunus, &records, calls);
}

/// Wherever the upstream reported usage, its bill says the same as the record.
fn bill(portunus: &Portunus, records: &HashMap<CallId, CallItem>, calls: usize) {
    let number = |text: &str| text.split("n-").nth(1)?.split('.').next()?.parse::<usize>().ok();
    let asked: HashMap<u64, usize> = portunus
        .upstream
        .requests()
        .iter()
        .filter_map(|request| Some((request.id, number(&String::from_utf8_lossy(&request.body))?)))
        .collect();
    let mut billed: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for line in portunus.upstream.bill().lines {
        let sum = billed.entry(asked[&line.request]).or_default();
        *sum = (sum.0 + line.input, sum.1 + line.output);
    }
    let mut reported: BTreeMap<usize, (u64, u64)> = BTreeMap::new();
    for call in records.values().filter(|call| call.record.usage_source == UsageSource::Reported) {
        let (usage, name) = (&call.record.usage, call.record.client_request_id.as_deref().unwrap_or_default());
        let input = usage.input + usage.cache_read + usage.cache_write + usage.cache_write_1h;
        reported.insert(number(name).unwrap(), (input, usage.output));
    }
    assert!(reported.len() > calls / 2, "{}", reported.len());
    // What an upstream says after its stream has ended, nobody reads.
    for (n, usage) in reported.iter().filter(|(n, _)| FATES[*n % FATES.len()] != "says-late") {
        assert_eq!(Some(usage), billed.get(n), "call {n}: {}", FATES[n % FATES.len()]);
    }
}
