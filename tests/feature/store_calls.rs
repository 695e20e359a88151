//! What a call costs the store, and how soon a changed key is seen.

use domain::{
    Clock, Timestamp, Usd,
    group::{Group, GroupKind},
    time::HandClock,
};
use harness::{
    Portunus, Setup, chat,
    watched::{Seen, Watched},
};
use std::sync::Arc;

async fn watched() -> (Portunus, Arc<Seen>, Arc<HandClock>) {
    let seen = Arc::new(Seen::default());
    let clock = Arc::new(HandClock::at(Timestamp::from_secs(1_790_000_000)));
    let (watch, now) = (seen.clone(), clock.clone() as Arc<dyn Clock>);
    let portunus = Setup::default().clock(now).over(|table| Watched::around(table, watch)).start().await;
    seen.verbs();
    (portunus, seen, clock)
}

/// Reads and writes among verbs.
fn counted(verbs: &[&str]) -> (usize, usize) {
    let reads = verbs.iter().filter(|verb| ["get", "query"].contains(verb)).count();
    (reads, verbs.len() - reads)
}

#[tokio::test]
async fn k4_m15_a_call_reads_once_in_ten_seconds_and_writes_three_times_at_most() {
    let (portunus, seen, clock) = watched().await;
    for budget in [None, Some("5".parse::<Usd>().unwrap())] {
        let (_, secret) = portunus.key_with(|key| key.limits.max_budget = budget).await;
        for (round, reads) in [(0, 1), (1, 0), (2, 1)] {
            for stream in [false, true] {
                seen.verbs();
                let reply = portunus
                    .send("/v1/chat/completions", &chat("up-openai/gpt-4o", "hi", stream), &[("x-api-key", &secret)])
                    .await;
                assert_eq!(reply.status, 200, "{}", reply.text());
                let verbs = seen.verbs();
                // What a budget has left is read beside the key, and known for as long.
                let expected = if stream { 0 } else { reads * (1 + usize::from(budget.is_some())) };
                let (read, written) = counted(&verbs);
                assert_eq!(read, expected, "budget={budget:?} round={round} stream={stream}: {verbs:?}");
                // A key is entered for the sweeper once an hour, and its lane borrows for the first time in one transaction.
                let first = round == 0 && !stream;
                let most = if first { 4 } else { 3 };
                assert!((1..=most).contains(&written), "budget={budget:?} round={round} stream={stream}: {verbs:?}");
            }
            clock.advance_millis(if round == 0 { 9_999 } else { 10_000 });
        }
    }
}

#[tokio::test]
async fn k1_k3_k8_what_is_refused_costs_at_most_one_read_and_no_write() {
    let (portunus, seen, _) = watched().await;
    let (_, secret) = portunus.key_with(|_| {}).await;
    let body = chat("up-openai/gpt-4o", "hi", false);
    let last = if secret.ends_with('a') { "b" } else { "a" };
    let mistyped = format!("{}{last}", &secret[..secret.len() - 1]);
    let other = Setup::default().start().await;
    let unknown = other.key.clone();
    let mut refused = Vec::new();
    for (what, bad, reads) in
        [("a mistyped key", mistyped, 0), ("an unknown id", unknown, 1), ("not ours", "x".repeat(40), 1)]
    {
        seen.verbs();
        let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &bad)]).await;
        assert_eq!(reply.status, 401, "{what}");
        assert_eq!(counted(&seen.verbs()), (reads, 0), "{what}");
        refused.push(reply.text());
    }
    assert!(refused.windows(2).all(|pair| pair[0] == pair[1]), "{refused:?}");
    for (what, policy) in [
        (
            "expired",
            (|key| key.expires_at = Some(Timestamp::from_secs(1_700_000_000))) as fn(&mut domain::key::VirtualKey),
        ),
        ("blocked", |key| key.blocked = true),
    ] {
        let (_, secret) = portunus.key_with(policy).await;
        seen.verbs();
        let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await;
        assert_eq!((reply.status, reply.text()), (401, refused[0].clone()), "{what}");
        assert_eq!(counted(&seen.verbs()), (1, 0), "{what}");
    }
    assert!(portunus.upstream.requests().is_empty());
}

#[tokio::test]
async fn k4_a_revoked_blocked_or_expired_key_stops_within_ten_seconds() {
    let (portunus, _, clock) = watched().await;
    let ask = async |secret: &str| {
        let body = chat("up-openai/gpt-4o", "hi", false);
        portunus.send("/v1/chat/completions", &body, &[("x-api-key", secret)]).await.status
    };
    let (revoked, first) = portunus.key_with(|_| {}).await;
    let (blocked, second) = portunus.key_with(|_| {}).await;
    let soon = clock.now().plus_secs(5);
    let (_, third) = portunus.key_with(|key| key.expires_at = Some(soon)).await;
    let (limited, fourth) = portunus.key_with(|_| {}).await;
    for secret in [&first, &second, &third, &fourth] {
        assert_eq!(ask(secret).await, 200);
    }
    portunus.keys.revoke(&revoked.id).await.unwrap();
    portunus.keys.set_blocked(&blocked.id, true).await.unwrap();
    let mut narrower = limited;
    narrower.allowed.models = vec!["something-else".into()];
    portunus.keys.update(narrower).await.unwrap();
    clock.advance_millis(5_000);
    assert_eq!(ask(&third).await, 401, "expiry needs no second look at the store");
    clock.advance_millis(5_000);
    assert_eq!((ask(&first).await, ask(&second).await, ask(&fourth).await), (401, 401, 403));
    portunus.keys.set_blocked(&blocked.id, false).await.unwrap();
    clock.advance_millis(10_000);
    assert_eq!(ask(&second).await, 200);
}

#[tokio::test]
async fn m7_r3_a_store_that_does_not_answer_is_503_and_nothing_is_sent() {
    let (portunus, seen, clock) = watched().await;
    let body = chat("up-openai/gpt-4o", "hi", false);
    assert_eq!(portunus.post("/v1/chat/completions", &body).await.status, 200);
    portunus.upstream.reset();
    seen.down(true);
    let known = portunus.post("/v1/chat/completions", &body).await;
    assert_eq!((known.status, known.json()["error"]["code"].as_str()), (503, Some("budget_unavailable")));
    clock.advance_millis(10_000);
    let unknown = portunus.post("/v1/chat/completions", &body).await;
    assert_eq!((unknown.status, unknown.json()["error"]["code"].as_str()), (503, Some("identity_unavailable")));
    assert!(portunus.upstream.requests().is_empty());
    seen.down(false);
    assert_eq!(portunus.post("/v1/chat/completions", &body).await.status, 200);
}

#[tokio::test]
async fn d4_everything_that_says_who_may_call_is_read_as_it_is_now() {
    let (portunus, seen, _) = watched().await;
    let team = Group::named(GroupKind::Team, "red", "red", portunus.clock.now());
    portunus.keys.groups().create(&team).await.unwrap();
    let (_, secret) = portunus.key_with(|key| key.team_id = Some("red".to_owned())).await;
    let body = chat("up-openai/gpt-4o", "hi", false);
    seen.verbs();
    assert_eq!(portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await.status, 200);
    let asked = seen.text();
    let reads: Vec<&str> = asked.lines().filter(|line| line.starts_with("Get {")).collect();
    let of = |name: &str| reads.iter().filter(|read| read.contains(name)).count();
    assert!(of("KEY#") == 1 && of("GROUP#team#red") == 1, "{asked}");
    assert!(reads.iter().all(|read| read.contains("consistent: true")), "{asked}");
}
