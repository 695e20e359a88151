//! What DynamoDB bills for a call: counted where requests reach the engine, through the whole gateway.
//!
//! `UPDATE=1 cargo test -p portunus-tests --test suite cost` writes `docs/cost.md`; without it the page is held to what
//! is counted.

mod billed;

use billed::{Bill, Billed, Sum, total};
use domain::{
    Timestamp, Usd,
    group::{Group, GroupKind},
    key::VirtualKey,
    time::HandClock,
};
use harness::{Portunus, Setup, chat};
use std::{fmt::Write as _, sync::Arc};
use stores::{
    Names, Table,
    calls::{CallImage, SequenceNumber},
    dynamodb::DynamoTable,
    embedded::{Embedded, Position, Stream},
    requests::Requests,
    retry::Retrying,
    rollups::Rollups,
};

/// Dollars for a million write units and for a million read units, on demand in us-east-1.
const WRITES: f64 = 0.625;
const READS: f64 = 0.125;
/// Calls before those that are counted: what is made once is made.
const BEFORE: u64 = 60;
const CALLS: u64 = 200;
/// An instance looks again after ten seconds at what it knows of a key and of what stands above it.
const LOOK_AGAIN_MS: u64 = 10_000;

/// Who calls.
#[derive(Clone, Copy)]
struct Case {
    title: &'static str,
    budget: bool,
    above: bool,
    rates: bool,
    later: bool,
}

const CASES: [Case; 5] = [
    Case { title: "no limits", budget: false, above: false, rates: false, later: false },
    Case { title: "a budget of the key", budget: true, above: false, rates: false, later: false },
    Case { title: "budgets of key, team and organization", budget: true, above: true, rates: false, later: false },
    Case { title: "the same, and rates of key and team", budget: true, above: true, rates: true, later: false },
    Case {
        title: "the same, holds freed from the stream (`FreeHolds`)",
        budget: true,
        above: true,
        rates: true,
        later: true,
    },
];

struct World {
    portunus: Portunus,
    billed: Billed,
    stream: Stream,
    secret: String,
    clock: Arc<HandClock>,
    _engine: Embedded,
}

impl World {
    async fn new(case: Case) -> Self {
        let (engine, names) = (Embedded::open_streaming(None).unwrap(), Names::prefixed("test"));
        let stream = engine.stream(&names).await.unwrap();
        let (client, billed) = Billed::around(&engine.client());
        let table: Arc<dyn Table> = Arc::new(Retrying::patient(DynamoTable(client)));
        let clock = Arc::new(HandClock::at(Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap()));
        let setup = Setup::default().clock(clock.clone()).over(move |_| table);
        let portunus = if case.later { setup.freeing_later() } else { setup }.start().await;
        if case.above {
            for (kind, id) in [(GroupKind::Organization, "acme"), (GroupKind::Team, "research")] {
                let mut group = Group::named(kind, id, id, portunus.clock.now());
                group.limits.max_budget = "1000000".parse::<Usd>().ok();
                if kind == GroupKind::Team && case.rates {
                    (group.limits.rpm, group.limits.tpm) = (Some(3_000), Some(10_000_000));
                }
                portunus.keys.groups().create(&group).await.unwrap();
            }
        }
        let (_, secret) = portunus.key_with(|key| policy(key, case)).await;
        Self { portunus, billed, stream, secret, clock, _engine: engine }
    }

    async fn calls(&self, calls: u64, each_after_ms: u64) -> Bill {
        self.billed.bill();
        for _ in 0..calls {
            self.clock.advance_millis(each_after_ms);
            let body = chat("up-openai/gpt-4o", "What does a call cost?", false);
            let reply = self.portunus.send("/v1/chat/completions", &body, &[("x-api-key", &self.secret)]).await;
            assert_eq!(reply.status, 200, "{}", reply.text());
        }
        self.billed.bill()
    }

    /// What the consumer of the stream writes of everything in it, in one batch.
    async fn consumed(&self, case: Case) -> (usize, Bill) {
        let batch = self.stream.next(Position::default(), u32::MAX).await.unwrap();
        let records = batch.event["Records"].as_array().unwrap();
        let numbered: Vec<(SequenceNumber, CallImage)> =
            records.iter().filter_map(|record| CallImage::from_stream_record(record).unwrap()).collect();
        self.stream.done(batch.next).await.unwrap();
        let images: Vec<CallImage> = numbered.iter().map(|(_, image)| image.clone()).collect();
        let (table, names) = (self.portunus.table.clone(), &self.portunus.names);
        self.billed.bill();
        Rollups::new(table.clone(), names.clone()).apply(&numbered, "shard").await.unwrap();
        Requests::new(table, names).put_batch(&images).await.unwrap();
        if case.later {
            self.portunus.ledger.free_settled(&images).await.unwrap();
        }
        (images.len(), self.billed.bill())
    }
}

fn policy(key: &mut VirtualKey, case: Case) {
    if case.budget {
        key.limits.max_budget = "1000000".parse().ok();
    }
    if case.above {
        (key.team_id, key.organization_id) = (Some("research".to_owned()), Some("acme".to_owned()));
    }
    if case.rates {
        (key.limits.rpm, key.limits.tpm) = (Some(3_000), Some(10_000_000));
    }
}

fn dollars(sum: Sum) -> f64 {
    sum.writes * WRITES + sum.reads * READS
}

/// One line of a table: each of so many calls.
fn line(page: &mut String, title: &str, bill: &Bill, calls: u64) {
    let (sum, calls) = (total(bill), calls as f64);
    writeln!(
        page,
        "| {title} | {:.2} | {:.2} | {:.2} | {:.2} |",
        sum.requests as f64 / calls,
        sum.writes / calls,
        sum.reads / calls,
        dollars(sum) / calls
    )
    .unwrap();
}

fn details(page: &mut String, title: &str, bill: &Bill, calls: u64) {
    for ((table, verb), sum) in bill {
        let each = |count: f64| count / calls as f64;
        let (requests, writes, reads) = (each(sum.requests as f64), each(sum.writes), each(sum.reads));
        writeln!(page, "| {title} | {table} | {verb} | {requests:.3} | {writes:.3} | {reads:.3} |").unwrap();
    }
}

const HEAD: &str = "| | requests | write units | read units | $ per million |\n| --- | --- | --- | --- | --- |\n";

async fn page() -> String {
    let [mut busy, mut idle, mut stream, mut detail] =
        [HEAD.to_owned(), HEAD.to_owned(), HEAD.to_owned(), String::new()];
    for case in CASES {
        let world = World::new(case).await;
        for _ in 0..BEFORE / 10 {
            world.calls(10, 0).await;
            world.consumed(case).await;
        }
        let mut bill = Bill::new();
        let mut freed = Bill::new();
        for _ in 0..CALLS / 10 {
            add(&mut bill, world.calls(10, 0).await);
            let (calls, consumed) = world.consumed(case).await;
            assert_eq!(calls, 10);
            add(&mut freed, consumed);
        }
        line(&mut busy, case.title, &bill, CALLS);
        line(&mut stream, case.title, &freed, CALLS);
        details(&mut detail, case.title, &bill, CALLS);
        let mut apart = Bill::new();
        for _ in 0..2 {
            add(&mut apart, world.calls(10, LOOK_AGAIN_MS).await);
            world.consumed(case).await;
        }
        line(&mut idle, case.title, &apart, 20);
        assert!(case.rates || total(&bill).writes <= 3.1 * CALLS as f64, "about three write units a call");
    }
    format!(
        "# What a call costs in DynamoDB\n\n\
        <!-- Written by a test: UPDATE=1 cargo test -p portunus-tests --test suite cost -->\n\n\
        Counted where requests reach the table: {CALLS} chats, one after the other, through the whole gateway, after \
        {BEFORE} others. Units are those that the table's engine says it would bill. Dollars are for a million calls, on \
        demand in us-east-1 at ${WRITES} per million write units and ${READS} per million read units (list prices of \
        November 2024); storage, streams and backups are not in them.\n\n\
        ## In the call, by an instance that is busy\n\n{busy}\n\
        ## In the call, by an instance that is asked once in ten seconds\n\n\
        It reads key and groups anew, and what the budgets have left.\n\n{idle}\n\
        ## After the call\n\nCounters and the list of calls, written from the stream in batches of ten; larger ones cost less \
        a call.\n\n{stream}\n\
        ## By table and verb, in the call, busy\n\n\
        | | table | verb | requests | write units | read units |\n| --- | --- | --- | --- | --- | --- |\n{detail}"
    )
}

fn add(to: &mut Bill, more: Bill) {
    for (what, sum) in more {
        let all = to.entry(what).or_default();
        *all = Sum {
            requests: all.requests + sum.requests,
            writes: all.writes + sum.writes,
            reads: all.reads + sum.reads,
        };
    }
}

#[allow(clippy::disallowed_methods, reason = "a test's own switch")]
#[tokio::test]
async fn m15_what_a_call_costs_is_what_the_page_says() {
    const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/cost.md");
    let page = page().await;
    if std::env::var("UPDATE").is_ok() {
        std::fs::write(PATH, &page).unwrap();
    }
    let written = std::fs::read_to_string(PATH).unwrap_or_default();
    assert!(written == page, "docs/cost.md is stale; UPDATE=1 cargo test -p portunus-tests --test suite cost\n{page}");
}
