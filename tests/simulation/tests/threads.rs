//! What threads share, under every interleaving: loom runs the product's own files, with its locks and atomics in the
//! place of the standard library's.

use domain::{
    CallId, KeyId, Timestamp, Usd,
    call::Reservation,
    limit::{Priority, Rate, ScopeId, ScopeKind},
};
use loom::{sync::Arc, thread};
use simulation::{
    sync::Mutex,
    threads::{
        Ask, Scoped,
        dry::{Hints, Short},
        memory::{Image, Memory},
        want::Want,
    },
};

const NOW: Timestamp = Timestamp::from_secs(1_000);

/// Every interleaving of a model in which no thread is interrupted more often: with three threads, all would take for ever.
fn model(model: impl Fn() + Sync + Send + 'static) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(3);
    builder.check(model);
}

/// What a table knows, that threads ask and tell.
type Table = Arc<Mutex<i128>>;

fn wanted() -> Reservation {
    Reservation {
        call: CallId::from("call"),
        key: KeyId::from("key"),
        lane: "key#0".to_owned(),
        window: "total|1".to_owned(),
        worst_case: Usd::from_pico(1),
        ambiguous: Usd::ZERO,
        lease_until: NOW.plus_secs(60),
        at: NOW,
        remaining: None,
        may_wait: false,
        is_low: false,
    }
}

/// Asks for money as `Ledger::reserve` does.
fn ask(hints: &Hints, money: &Table) {
    let moment = hints.moment();
    if *money.lock().unwrap() == 0 {
        let short = Short { scope: ScopeKind::Key, remaining: Usd::ZERO };
        hints.mark_dry(&wanted(), short, moment, NOW);
    }
}

/// Frees money as the endings of calls do.
fn free(hints: &Hints, money: &Table) {
    *money.lock().unwrap() += 1;
    hints.freed();
    assert!(hints.dry(&wanted(), NOW).is_none(), "refused, and there is money");
}

#[test]
fn m2_a_refusal_is_not_remembered_after_money_came_free() {
    model(|| {
        let (hints, money) = (Arc::new(Hints::default()), Table::default());
        let asking = [1, 2].map(|_| {
            let (hints, money) = (hints.clone(), money.clone());
            thread::spawn(move || ask(&hints, &money))
        });
        free(&hints, &money);
        asking.into_iter().for_each(|one| one.join().unwrap());
        assert!(hints.dry(&wanted(), NOW).is_none(), "refused, and there is money");
    });
}

#[test]
fn m2_a_refusal_is_remembered_while_there_is_no_money() {
    model(|| {
        let (hints, money) = (Arc::new(Hints::default()), Table::default());
        let other = {
            let (hints, money) = (hints.clone(), money.clone());
            thread::spawn(move || ask(&hints, &money))
        };
        ask(&hints, &money);
        other.join().unwrap();
        assert!(hints.dry(&wanted(), NOW).is_some());
    });
}

/// What a call asks of a scope that lets one call be in flight.
fn place() -> Want {
    let rate = Rate { name: "all".to_owned(), requests: None, tokens: None, parallel: Some(1) };
    let scopes = [Scoped { scope: ScopeId::new(ScopeKind::Key, "key"), rates: vec![rate], observe: false }];
    let call = CallId::from("call");
    let lease_until = NOW.plus_secs(60);
    let ask = Ask { call: &call, scopes: &scopes, tokens: 0, priority: Priority::Normal, lease_until };
    Want::all_of(&ask.scopes[0], &ask).remove(0)
}

/// How the table shows it.
fn shown(in_flight: i128) -> Image {
    Image::of(&stores::table::Item::at("LIMIT#key#key", "LIMIT").with("n:all", in_flight))
}

/// Asks for a place as `Limiter::take` does.
fn take(memory: &Memory, in_flight: &Table) {
    let want = place();
    let moment = memory.moment(&want.pk);
    let seen = shown(*in_flight.lock().unwrap());
    memory.learn(&want.pk, &seen, NOW);
    for refusal in want.refusals(&seen, NOW) {
        memory.refused(&want.pk, refusal, moment, NOW);
    }
}

/// Gives one back as `Limiter::settle` does.
fn give_back(memory: &Memory, in_flight: &Table) {
    let want = place();
    let seen = {
        let mut in_flight = in_flight.lock().unwrap();
        *in_flight -= 1;
        shown(*in_flight)
    };
    memory.learn(&want.pk, &seen, NOW);
    memory.freed(&want.pk, NOW);
    assert!(memory.refusal(&want.pk, &want, NOW).is_none(), "refused, and there is a place");
}

#[test]
fn m19_a_refusal_is_not_remembered_after_a_place_came_free() {
    model(|| {
        let (memory, in_flight) = (Arc::new(Memory::default()), Table::new(Mutex::new(1)));
        let taking = [1, 2].map(|_| {
            let (memory, in_flight) = (memory.clone(), in_flight.clone());
            thread::spawn(move || take(&memory, &in_flight))
        });
        give_back(&memory, &in_flight);
        taking.into_iter().for_each(|one| one.join().unwrap());
        let want = place();
        assert!(memory.refusal(&want.pk, &want, NOW).is_none(), "refused, and there is a place");
    });
}

#[test]
fn m19_a_refusal_is_remembered_while_no_place_is_free() {
    model(|| {
        let (memory, in_flight) = (Arc::new(Memory::default()), Table::new(Mutex::new(1)));
        let other = {
            let (memory, in_flight) = (memory.clone(), in_flight.clone());
            thread::spawn(move || take(&memory, &in_flight))
        };
        take(&memory, &in_flight);
        other.join().unwrap();
        let want = place();
        assert!(memory.refusal(&want.pk, &want, NOW).is_some());
    });
}
