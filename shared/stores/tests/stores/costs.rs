//! What a call costs at the table: requests, write units and read units, counted as DynamoDB counts them.

use crate::{
    harness::{Store, Trial, key, record, usd},
    pure::Pure,
};
use domain::{
    key::VirtualKey,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use std::sync::Arc;
use tokio::sync::mpsc::unbounded_channel;

const CALLS: u64 = 2_000;
/// Calls that go on at the same time.
const AT_ONCE: usize = 4;

fn above(kind: ScopeKind) -> Bound {
    let budget = Budget { max: usd("100000"), period: Period::Monthly };
    Bound { scope: ScopeId::new(kind, "costs"), budget, mode: BudgetMode::Strict, version: 1 }
}

/// Requests, write units and read units of one call.
async fn cost(key: VirtualKey, bounds: Vec<Bound>, later: bool) -> [f64; 3] {
    let table = Pure::default();
    let store = Store::over(Arc::new(table.clone()));
    let (outbox, mut stream) = unbounded_channel();
    let ledger = store.ledger().with_outbox(outbox);
    let ledger = if later { ledger.freeing_later() } else { ledger };
    let mut held = std::collections::VecDeque::new();
    for n in 0..CALLS {
        let trial = Trial::new(format!("call_01HV{n:016}"), "0.01");
        held.push_back(trial.reserve_under(&ledger, &key, &bounds, store.now()).await.unwrap());
        if held.len() == AT_ONCE {
            let done = held.pop_front().unwrap();
            ledger.settle(&done, &record(&done.call, usd("0.002"))).await.unwrap();
        }
        if later && n % 6 == 5 {
            let images: Vec<_> = std::iter::from_fn(|| stream.try_recv().ok()).collect();
            ledger.free_settled(&images).await.unwrap();
        }
        store.clock.advance_millis(10);
    }
    let bill = table.bill();
    let each = |count: u64| count as f64 / CALLS as f64;
    [each(bill.calls), each(bill.write_units), each(bill.half_read_units) / 2.0]
}

#[tokio::test]
async fn m15_a_call_is_about_three_write_units_however_many_scopes_stand_above_it() {
    let free = key("costs_free", None);
    let own = key("costs_own", Some("100000"));
    let mut three = own.bounds();
    three.extend([above(ScopeKind::Team), above(ScopeKind::Organization)]);
    for (name, key, bounds, later) in [
        ("no limits", free, Vec::new(), false),
        ("key budget", own.clone(), own.bounds(), false),
        ("key, team and organization", own.clone(), three.clone(), false),
        ("key, team and organization, freed later", own, three, true),
    ] {
        let [calls, writes, reads] = cost(key, bounds, later).await;
        let dollars = writes * 0.625 + reads * 0.125;
        println!(
            "{name}: {calls:.2} requests, {writes:.2} write units, {reads:.2} read units, ${dollars:.2} a million"
        );
        let most = if later { (2.5, 3.3) } else { (3.1, 3.3) };
        assert!(calls <= most.0 && writes <= most.1, "{name}: {calls} requests, {writes} write units");
    }
}
