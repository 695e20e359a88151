//! Many calls a second on the rates of one team, over DynamoDB's limits, on a clock that only the test moves [M15, M19].

use crate::{
    hot::Ticking,
    limited::{Limited, Trouble},
};
use domain::{
    CallId, Clock, Timestamp,
    limit::{Priority, Rate, ScopeId, ScopeKind},
};
use std::{
    sync::{Arc, Mutex},
    time::Duration,
};
use stores::{
    Names,
    limits::{Ask, Limiter, Over, Refused, Scoped},
    retry::{Retrying, repeatable},
};
use tokio::{
    task::JoinSet,
    time::{Instant, sleep, sleep_until},
};

/// Calls that come, whether or not the ones before are over.
#[derive(Clone, Copy)]
struct Load {
    rate: u32,
    seconds: u32,
    held: Duration,
    /// What the team may do in a minute, and how many at once.
    requests: Option<u64>,
    tokens: Option<u64>,
    parallel: Option<u32>,
    /// Tokens that a call asks for, and those it uses.
    asked: u64,
    used: u64,
}

impl Default for Load {
    fn default() -> Self {
        let held = Duration::from_secs(2);
        let (requests, tokens, parallel) = (Some(66_000), None, None);
        Self { rate: 1_000, seconds: 10, held, requests, tokens, parallel, asked: 4_000, used: 1_000 }
    }
}

/// One call.
struct Call {
    /// Milliseconds from the first call to the moment this one was let in.
    at: u64,
    refused: Option<Refused>,
}

struct World {
    table: Limited,
    clock: Arc<Ticking>,
    load: Load,
    scopes: Vec<Scoped>,
    /// Instances of the gateway that have nothing to do: on Lambda each has one call at a time.
    idle: Mutex<Vec<Limiter>>,
}

impl World {
    fn new(load: Load) -> Arc<Self> {
        repeatable(load.rate.into());
        let Load { requests, tokens, parallel, .. } = load;
        let rates = vec![Rate { name: "all".to_owned(), requests, tokens, parallel }];
        let scopes = vec![Scoped { scope: ScopeId::new(ScopeKind::Team, "hot"), rates, observe: false }];
        let from = Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        let clock = Arc::new(Ticking(Instant::now(), from));
        Arc::new(Self { table: Limited::default(), clock, load, scopes, idle: Mutex::default() })
    }

    fn limiter(&self) -> Limiter {
        Limiter::new(Arc::new(Retrying::new(self.table.clone())), Names::prefixed("hot"), self.clock.clone())
    }

    async fn call(self: Arc<Self>, n: u32) -> Call {
        let limiter = self.idle.lock().unwrap().pop().unwrap_or_else(|| self.limiter());
        let call = CallId::from(format!("call_01HV{n:016}"));
        let lease_until = self.clock.now().plus_secs(600);
        let (scopes, priority) = (&self.scopes[..], Priority::Normal);
        let asked = limiter.take(&Ask { call: &call, scopes, tokens: self.load.asked, priority, lease_until }).await;
        let at = self.clock.now().millis_since(self.clock.1);
        let refused = match asked {
            Ok(taken) => {
                sleep(self.load.held).await;
                limiter.settle(&taken, self.load.used).await;
                None
            }
            Err(refused) => Some(refused),
        };
        self.idle.lock().unwrap().push(limiter);
        Call { at, refused }
    }
}

async fn run(load: Load) -> (Arc<World>, Vec<Call>) {
    let world = World::new(load);
    let (begin, mut running, mut calls) = (Instant::now(), JoinSet::new(), Vec::new());
    for n in 0..load.rate * load.seconds {
        sleep_until(begin + Duration::from_secs(1) * n / load.rate).await;
        running.spawn(world.clone().call(n));
        while let Some(ended) = running.try_join_next() {
            calls.push(ended.unwrap());
        }
    }
    while let Some(ended) = running.join_next().await {
        calls.push(ended.unwrap());
    }
    calls.sort_unstable_by_key(|call| call.at);
    let Trouble { throttled, conflicts, requests, write_units, .. } = world.table.trouble();
    let each = |count: u64| count as f64 / calls.len() as f64;
    println!(
        "{} calls/s, limits {:?}/{:?}/{:?}: {} refused by the store, {} by the limits, of {}; {:.2} requests and {:.2} write \
         units a call; {throttled} throttled, {conflicts} conflicts",
        load.rate,
        load.requests,
        load.tokens,
        load.parallel,
        unavailable(&calls),
        calls.iter().filter(|call| call.refused.is_some()).count() - unavailable(&calls),
        calls.len(),
        each(requests),
        each(write_units),
    );
    (world, calls)
}

fn unavailable(calls: &[Call]) -> usize {
    calls.iter().filter(|call| call.refused == Some(Refused::Unavailable)).count()
}

#[tokio::test(start_paused = true)]
async fn m15_a_thousand_calls_a_second_share_the_rates_of_a_team_and_none_is_refused() {
    let plain = Load::default();
    let tokens = Some(300_000_000);
    for load in [plain, Load { tokens, ..plain }, Load { requests: None, tokens, parallel: Some(4_000), ..plain }] {
        let (world, calls) = run(load).await;
        assert!(calls.iter().all(|call| call.refused.is_none()));
        let writes = if load.tokens.is_some() { 8.0 } else { 2.5 };
        assert!((world.table.trouble().write_units as f64) < writes * calls.len() as f64);
    }
}

/// Every pair of admissions: what was let in from one to the other fits into the rate of that time and one burst.
fn every_window_holds(calls: &[Call], per_minute: u64) {
    /// A call is told of its admission so much later than its clock was read, at most.
    const LATE: u64 = 400;
    let admitted: Vec<u64> = calls.iter().filter(|call| call.refused.is_none()).map(|call| call.at).collect();
    for (first, from) in admitted.iter().enumerate().step_by(7) {
        for (count, at) in admitted[first..].iter().enumerate() {
            let most = per_minute / 6 * 60_000 + (at - from + LATE) * per_minute;
            assert!((count as u64 + 1) * 60_000 <= most, "{} in {} ms from {from}", count + 1, at - from);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn m19_a_spread_limit_lets_in_what_it_says_and_no_more() {
    let load = Load { requests: Some(42_000), seconds: 40, ..Load::default() };
    let (_, calls) = run(load).await;
    every_window_holds(&calls, 42_000);
    let admitted = calls.iter().filter(|call| call.refused.is_none()).count();
    // A burst of ten seconds' worth but one, and forty seconds.
    assert!(admitted * 100 >= 42_000 * 49 / 60 * 99, "{admitted}");
    let over = calls.iter().filter_map(|call| call.refused.as_ref());
    for refused in over {
        let Refused::Over { what, retry_after_ms, .. } = refused else { panic!("{refused:?}") };
        assert_eq!(*what, Over::Requests);
        assert!(retry_after_ms.is_some_and(|after| after < 1_000));
    }
}

#[tokio::test(start_paused = true)]
async fn m19_a_call_larger_than_a_part_takes_of_several_and_gives_all_of_it_back() {
    let world = World::new(Load { requests: None, tokens: Some(80_000_003), ..Load::default() });
    let limiter = world.limiter();
    let call = async |name: &str, tokens: u64| {
        let (call, scopes, priority) = (CallId::from(name), &world.scopes[..], Priority::Normal);
        let lease_until = world.clock.now().plus_secs(600);
        limiter.take(&Ask { call: &call, scopes, tokens, priority, lease_until }).await
    };
    let Err(Refused::Over { retry_after_ms: None, .. }) = call("more", 80_000_004).await else { panic!("let in") };
    let all = call("all", 78_000_000).await.unwrap();
    assert!(matches!(call("late", 1_000_000).await, Err(Refused::Over { retry_after_ms: Some(_), .. })));
    limiter.settle(&all, 0).await;
    let most = call("most", 70_000_000).await.unwrap();
    limiter.undo(&most).await;
    assert!(call("again", 77_000_000).await.is_ok());
}
