//! Virtual keys, settings and alerts, on every table.

use crate::{
    chaos::Counted,
    harness::{Store, key, start, usd},
    on_every_table,
};
use domain::{
    Json, KeyId, Secret,
    key::{Allowed, VirtualKey},
    limit::{BudgetMode, Limits, ScopeId, ScopeKind},
    time::Period,
};
use std::sync::{Arc, LazyLock};
use stores::{
    alerts::{Claim, Claims, Outcome},
    keys::{KeyError, Keys, Peppers},
    settings::Settings,
};

on_every_table! {
    k1_a_new_key_opens_with_its_secret_alone,
    k1_a_mistyped_key_is_refused_without_a_read,
    k2_a_secret_brought_along_is_found_by_its_hash,
    k2_an_old_pepper_still_opens_old_keys,
    k3_unknown_and_wrong_cost_the_same_reads,
    k5_rotation_leaves_the_old_secret_a_grace_period,
    k5_rotation_without_grace_ends_the_old_secret_at_once,
    d7_a_stale_update_is_a_conflict,
    a_revoked_key_opens_nothing,
    every_field_of_a_key_is_kept,
    d5_the_list_is_newest_first_and_paged,
    a_local_secret_is_made_once,
    m17_a_threshold_is_claimed_once,
}

fn keys(store: &Store) -> Keys {
    Keys::new(store.table.clone(), store.names.clone(), Peppers::one(Secret::new("pepper")))
}

fn wanted(name: &str) -> VirtualKey {
    key(name, None)
}

async fn k1_a_new_key_opens_with_its_secret_alone(store: &Store) {
    let keys = keys(store);
    let (made, secret) = keys.create(wanted("a"), None, start()).await.unwrap();
    assert!(secret.expose().starts_with("sk-ptn-") && secret.expose().starts_with(&made.prefix));
    assert!(made.prefix.len() <= 12);
    assert_eq!(keys.authenticate(&secret, start()).await.unwrap(), Some(made.clone()));
    let (_, other) = keys.create(wanted("b"), None, start()).await.unwrap();
    assert_ne!(keys.authenticate(&other, start()).await.unwrap(), Some(made));
    let peppered = Keys::new(store.table.clone(), store.names.clone(), Peppers::one(Secret::new("another")));
    assert_eq!(peppered.authenticate(&secret, start()).await.unwrap(), None);
}

async fn k1_a_mistyped_key_is_refused_without_a_read(store: &Store) {
    let (_, secret) = keys(store).create(wanted("a"), None, start()).await.unwrap();
    let counted = Arc::new(Counted::new(store.table.clone()));
    let keys = Keys::new(counted.clone(), store.names.clone(), Peppers::one(Secret::new("pepper")));
    let mistyped = Secret::new(format!("{}x", &secret.expose()[..secret.expose().len() - 1]));
    let mistyped = if mistyped.expose() == secret.expose() { Secret::new("sk-ptn-x") } else { mistyped };
    assert_eq!(keys.authenticate(&mistyped, start()).await.unwrap(), None);
    assert_eq!(counted.count(), 0);
    assert!(keys.authenticate(&secret, start()).await.unwrap().is_some());
    assert_eq!(counted.count(), 1);
}

async fn k2_a_secret_brought_along_is_found_by_its_hash(store: &Store) {
    let keys = keys(store);
    let mine = Secret::new("my-own-secret-from-before");
    let (made, secret) = keys.create(wanted("a"), Some(mine.clone()), start()).await.unwrap();
    assert_eq!(secret.expose(), mine.expose());
    assert_eq!(keys.authenticate(&mine, start()).await.unwrap(), Some(made.clone()));
    assert_eq!(keys.create(wanted("b"), Some(mine.clone()), start()).await.err(), Some(KeyError::Taken));
    for unfit in ["short", "sk-ptn-looks-like-one-of-ours", "has spaces in the middle"] {
        let refused = keys.create(wanted("c"), Some(Secret::new(unfit)), start()).await;
        assert_eq!(refused.err(), Some(KeyError::UnfitSecret));
    }
    let blocked = keys.set_blocked(&made.id, true).await.unwrap();
    assert_eq!(keys.authenticate(&mine, start()).await.unwrap(), Some(blocked));
    let (_, secret) = keys.rotate(&made.id, 60, start()).await.unwrap();
    assert!(keys.authenticate(&secret, start()).await.unwrap().is_some());
    assert!(keys.authenticate(&mine, start().plus_secs(59)).await.unwrap().is_some());
    assert_eq!(keys.authenticate(&mine, start().plus_secs(60)).await.unwrap(), None);
    keys.rotate(&made.id, 0, start()).await.unwrap();
    assert!(keys.create(wanted("d"), Some(mine), start()).await.is_ok());
}

async fn k2_an_old_pepper_still_opens_old_keys(store: &Store) {
    let (_, ours) = keys(store).create(wanted("a"), None, start()).await.unwrap();
    let brought = Secret::new("my-own-secret-from-before");
    keys(store).create(wanted("b"), Some(brought.clone()), start()).await.unwrap();
    let both = Peppers::versions(vec![(1, Secret::new("pepper")), (2, Secret::new("newer"))]).unwrap();
    let both = Keys::new(store.table.clone(), store.names.clone(), both);
    assert!(both.authenticate(&ours, start()).await.unwrap().is_some());
    assert!(both.authenticate(&brought, start()).await.unwrap().is_some());
    let newest = Peppers::versions(vec![(2, Secret::new("newer"))]).unwrap();
    let newest = Keys::new(store.table.clone(), store.names.clone(), newest);
    assert_eq!(newest.authenticate(&ours, start()).await.unwrap(), None);
    assert_eq!(newest.authenticate(&brought, start()).await.unwrap(), None);
}

async fn k3_unknown_and_wrong_cost_the_same_reads(store: &Store) {
    let (made, secret) = keys(store).create(wanted("a"), None, start()).await.unwrap();
    let (rotated, newer) = keys(store).rotate(&made.id, 0, start()).await.unwrap();
    let (gone, unknown) = keys(store).create(wanted("b"), None, start()).await.unwrap();
    keys(store).revoke(&gone.id).await.unwrap();
    for (secret, found) in [(secret, None), (unknown, None), (newer, Some(rotated))] {
        let counted = Arc::new(Counted::new(store.table.clone()));
        let keys = Keys::new(counted.clone(), store.names.clone(), Peppers::one(Secret::new("pepper")));
        assert_eq!(keys.authenticate(&secret, start()).await.unwrap(), found);
        assert_eq!(counted.count(), 1);
    }
}

async fn k5_rotation_leaves_the_old_secret_a_grace_period(store: &Store) {
    let keys = keys(store);
    let (made, first) = keys.create(wanted("a"), None, start()).await.unwrap();
    let (_, second) = keys.rotate(&made.id, 10 * 86_400, start()).await.unwrap();
    for secret in [&first, &second] {
        assert!(keys.authenticate(secret, start().plus_secs(86_399)).await.unwrap().is_some());
    }
    assert!(keys.authenticate(&first, start().plus_secs(86_400)).await.unwrap().is_none());
    assert!(keys.authenticate(&second, start().plus_secs(86_400)).await.unwrap().is_some());
    let (_, third) = keys.rotate(&made.id, 60, start()).await.unwrap();
    assert!(keys.authenticate(&first, start()).await.unwrap().is_none());
    assert!(keys.authenticate(&second, start()).await.unwrap().is_some());
    assert!(keys.authenticate(&third, start()).await.unwrap().is_some());
}

async fn k5_rotation_without_grace_ends_the_old_secret_at_once(store: &Store) {
    let keys = keys(store);
    let (made, first) = keys.create(wanted("a"), None, start()).await.unwrap();
    let (rotated, second) = keys.rotate(&made.id, 0, start()).await.unwrap();
    assert_eq!(keys.authenticate(&first, start()).await.unwrap(), None);
    assert_eq!(keys.authenticate(&second, start()).await.unwrap(), Some(rotated));
    let unknown = keys.rotate(&KeyId::from("key_none"), 0, start()).await;
    assert_eq!(unknown.err(), Some(KeyError::NotFound));
}

async fn d7_a_stale_update_is_a_conflict(store: &Store) {
    let keys = keys(store);
    let (made, secret) = keys.create(wanted("a"), None, start()).await.unwrap();
    let renamed = VirtualKey { name: "renamed".to_owned(), ..made.clone() };
    let renamed = keys.update(renamed).await.unwrap();
    assert_eq!((renamed.version, renamed.name.as_str()), (2, "renamed"));
    let stale = VirtualKey { name: "stale".to_owned(), ..made };
    assert_eq!(keys.update(stale).await, Err(KeyError::Conflict));
    assert_eq!(keys.authenticate(&secret, start()).await.unwrap(), Some(renamed.clone()));
    assert_eq!(keys.list(50, None).await.unwrap().keys, vec![renamed]);
}

async fn a_revoked_key_opens_nothing(store: &Store) {
    let keys = keys(store);
    let (made, secret) = keys.create(wanted("a"), None, start()).await.unwrap();
    let brought = Secret::new("my-own-secret-from-before");
    let (other, _) = keys.create(wanted("b"), Some(brought.clone()), start()).await.unwrap();
    for id in [&made.id, &other.id] {
        keys.revoke(id).await.unwrap();
        assert_eq!(keys.get(id).await.unwrap(), None);
        assert_eq!(keys.revoke(id).await, Err(KeyError::NotFound));
    }
    assert_eq!(keys.authenticate(&secret, start()).await.unwrap(), None);
    assert_eq!(keys.authenticate(&brought, start()).await.unwrap(), None);
    assert!(keys.list(50, None).await.unwrap().keys.is_empty());
}

async fn every_field_of_a_key_is_kept(store: &Store) {
    let keys = keys(store);
    let full = VirtualKey {
        team_id: Some("team".to_owned()),
        user_id: Some("user".to_owned()),
        organization_id: Some("organization".to_owned()),
        project_id: Some("project".to_owned()),
        allowed: Allowed {
            models: vec!["claude-*".to_owned()],
            providers: vec!["aws".to_owned()],
            routes: vec!["chat".to_owned()],
            networks: vec!["192.0.2.0/24".parse().unwrap()],
        },
        limits: Limits {
            max_budget: Some(usd("12.5")),
            budget_period: Period::Weekly,
            soft_budget: Some(usd("10")),
            budget_mode: BudgetMode::LastOne,
            max_parallel: Some(4),
            rpm: Some(60),
            ..Limits::default()
        },
        expires_at: Some(start().plus_secs(5)),
        blocked: true,
        tags: vec![("app".to_owned(), "x".to_owned())],
        metadata: Some(Json::verbatim("{\"b\": 1.0, \"a\": 2}")),
        lanes: 3,
        ..wanted("full")
    };
    let (made, _) = keys.create(full.clone(), None, start()).await.unwrap();
    let VirtualKey { id, prefix, .. } = made.clone();
    assert_eq!(made, VirtualKey { id, prefix, ..full });
    assert_eq!(keys.get(&made.id).await.unwrap(), Some(made));
}

async fn d5_the_list_is_newest_first_and_paged(store: &Store) {
    let keys = keys(store);
    for number in 0..7 {
        keys.create(wanted(&number.to_string()), None, start().plus_secs(number)).await.unwrap();
    }
    let (mut names, mut cursor) = (Vec::new(), None);
    loop {
        let page = keys.list(3, cursor.as_deref()).await.unwrap();
        assert!(page.keys.len() <= 3);
        names.extend(page.keys.into_iter().map(|key| key.name));
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(names, ["6", "5", "4", "3", "2", "1", "0"]);
    assert_eq!(keys.list(3, Some("forged")).await, Err(KeyError::UnknownCursor));
}

async fn a_local_secret_is_made_once(store: &Store) {
    let settings = Settings::new(store.table.clone(), store.names.clone());
    for made in ["first", "second"] {
        let secret = settings.once("pepper", || Secret::new(made)).await.unwrap();
        assert_eq!(secret.expose(), "first");
    }
}

async fn m17_a_threshold_is_claimed_once(store: &Store) {
    let claims = Claims::new(store.table.clone(), &store.names);
    let mut running = tokio::task::JoinSet::new();
    for by in 0..20 {
        let claims = claims.clone();
        running
            .spawn(async move { claims.claim(&claim("2026-11", "80", &format!("call_{by}")), start()).await.unwrap() });
    }
    assert_eq!(running.join_all().await.into_iter().filter(|taken| *taken == Outcome::Mine).count(), 1);
    for (window, threshold) in [("2026-11", "100"), ("2026-12", "80")] {
        let mine = claim(window, threshold, "call_x");
        assert_eq!(claims.claim(&mine, start()).await.unwrap(), Outcome::Mine);
        claims.done(&mine, start()).await.unwrap();
        assert_eq!(claims.claim(&mine, start()).await.unwrap(), Outcome::Told);
    }
}

/// A claim of one key.
fn claim<'c>(window: &'c str, threshold: &str, by: &'c str) -> Claim<'c> {
    static SCOPE: LazyLock<ScopeId> = LazyLock::new(|| ScopeId::new(ScopeKind::Key, "key_a"));
    Claim { scope: &SCOPE, window, threshold: threshold.to_owned(), by, lasts: false }
}
