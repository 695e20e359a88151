//! What admins did, which calls there were, and which configurations: kept in order, read newest first.

use crate::{
    harness::{Store, record, start, usd},
    on_every_table,
};
use domain::{CallId, KeyId, Secret, Timestamp};
use std::sync::LazyLock;
use stores::{
    ListError, Paging, Span,
    audit::{self, Actor, Audit, Entry},
    calls::{CallImage, CallItem},
    keys::Peppers,
    requests::{Failed, Filter, Requests, Status},
    settings::{ConfigError, Draft, Settings, Source},
};

on_every_table! {
    a4_entries_are_listed_newest_first_over_days_and_pages,
    a4_entries_are_found_by_actor_action_and_object,
    a4_a_configuration_and_its_entry_are_written_together_or_not_at_all,
    d5_a_cursor_is_good_for_its_own_question_only,
    d2_calls_of_many_partitions_are_listed_in_order,
    a_call_that_is_corrected_is_listed_once,
    calls_are_found_by_what_they_are,
    d7_the_configuration_is_versioned,
    a_file_is_known_again_until_it_changes,
}

fn peppers() -> &'static Peppers {
    static PEPPERS: LazyLock<Peppers> = LazyLock::new(|| Peppers::one(Secret::new("pepper")));
    &PEPPERS
}

fn audit(store: &Store) -> Audit {
    Audit::new(store.table.clone(), store.names.clone())
}

fn requests(store: &Store) -> Requests {
    Requests::new(store.table.clone(), &store.names)
}

fn week() -> Span {
    Span { from: start().plus_secs(0), to: start().plus_secs(7 * 86_400) }
}

fn page<'q>(limit: usize, cursor: Option<&'q str>) -> Paging<'q> {
    Paging { question: "all", limit, cursor, peppers: peppers() }
}

fn everything() -> audit::Filter {
    audit::Filter { span: week(), actor: None, action: None, object: None }
}

fn entry(number: u64) -> Entry {
    Entry {
        at: start().plus_secs(number * 20_000),
        request: format!("req_{number:02}"),
        actor: Actor { kind: "root_admin_key".to_owned(), id: String::new(), ip: Some("192.0.2.1".to_owned()) },
        action: "key.update".to_owned(),
        object: format!("key/key_{number}"),
        before: Some("{}".to_owned()),
        after: None,
        fingerprint: None,
    }
}

async fn a4_entries_are_listed_newest_first_over_days_and_pages(store: &Store) {
    let audit = audit(store);
    for number in [3, 0, 9, 4, 1, 7, 5, 2, 8, 6] {
        audit.append(&entry(number)).await.unwrap();
    }
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page = audit.list(&everything(), &page(3, cursor.as_deref())).await.unwrap();
        assert!(page.entries.len() <= 3);
        listed.extend(page.entries);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    assert_eq!(listed, (0..10).rev().map(entry).collect::<Vec<_>>());
    let span = Span { from: entry(2).at, to: entry(5).at };
    let some = audit.list(&audit::Filter { span, ..everything() }, &page(50, None)).await.unwrap();
    assert_eq!(some.entries, [entry(4), entry(3), entry(2)]);
}

async fn a4_entries_are_found_by_actor_action_and_object(store: &Store) {
    let audit = audit(store);
    audit.append(&entry(1)).await.unwrap();
    let actor = Actor { kind: "user".to_owned(), id: "ann".to_owned(), ip: None };
    let other = Entry { actor, action: "team.create".to_owned(), object: "team/t1".to_owned(), ..entry(2) };
    audit.append(&other).await.unwrap();
    let found = async |filter: audit::Filter| audit.list(&filter, &page(50, None)).await.unwrap().entries;
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (audit::Filter { actor: text("ann"), ..everything() }, vec![other.clone()]),
        (audit::Filter { actor: text("root_admin_key"), ..everything() }, vec![entry(1)]),
        (audit::Filter { action: text("team"), ..everything() }, vec![other.clone()]),
        (audit::Filter { action: text("key.update"), ..everything() }, vec![entry(1)]),
        (audit::Filter { action: text("key.up"), ..everything() }, vec![]),
        (audit::Filter { object: text("key/key_1"), ..everything() }, vec![entry(1)]),
        (audit::Filter { object: text("team"), ..everything() }, vec![other.clone()]),
    ] {
        assert_eq!(found(filter.clone()).await, expected, "{filter:?}");
    }
}

async fn d5_a_cursor_is_good_for_its_own_question_only(store: &Store) {
    let audit = audit(store);
    for number in 0..3 {
        audit.append(&entry(number)).await.unwrap();
    }
    let cursor = audit.list(&everything(), &page(1, None)).await.unwrap().next.unwrap();
    let another = Paging { question: "other", ..page(1, Some(&cursor)) };
    assert_eq!(audit.list(&everything(), &another).await, Err(ListError::UnknownCursor));
    assert_eq!(audit.list(&everything(), &page(1, Some("forged"))).await, Err(ListError::UnknownCursor));
}

fn settings(store: &Store) -> Settings {
    Settings::new(store.table.clone(), store.names.clone())
}

fn draft(text: &str, seen: u64, now: Timestamp) -> Draft<'_> {
    Draft { text, credentials: &[], source: Source::Admin, seen, now, entry: None }
}

async fn a4_a_configuration_and_its_entry_are_written_together_or_not_at_all(store: &Store) {
    let (settings, audit) = (settings(store), audit(store));
    for (seen, put) in [(0, true), (0, false)] {
        let draft = Draft { entry: Some(entry(seen + u64::from(!put))), ..draft("models: []", seen, start()) };
        // The second one comes at another moment, or it would be the first one again.
        let draft = Draft { now: start().plus_secs(u64::from(!put)), ..draft };
        assert_eq!(settings.put_config(&draft).await.is_ok(), put);
    }
    assert_eq!(audit.list(&everything(), &page(50, None)).await.unwrap().entries, [entry(0)]);
}

/// Calls as the gateway names them, one a minute.
fn image(number: u64) -> CallImage {
    const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
    let at = start().plus_secs(number * 60).millis();
    let time: String =
        (0..9).rev().map(|n| char::from(ALPHABET[usize::try_from(at >> (5 * n) & 31).unwrap()])).collect();
    let call = CallId::from(format!("call_{time}{number:015}"));
    let record =
        domain::call::CallRecord { ended_at: start().plus_secs(number * 60 + 5), ..record(&call, usd("0.01")) };
    let (lane, window) = ("a#0".to_owned(), "free".to_owned());
    let held = usd("0.02");
    CallImage { old: None, new: CallItem { record, key: KeyId::from("key_a"), lane, window, held, first_cost: held } }
}

fn all_calls() -> Filter {
    Filter { span: week(), key: None, team: None, user: None, model: None, provider: None, status: None, error: None }
}

async fn d2_calls_of_many_partitions_are_listed_in_order(store: &Store) {
    let requests = requests(store);
    let images: Vec<CallImage> = (0..100).map(|number| image(number * 20)).collect();
    requests.put_batch(&images[..60]).await.unwrap();
    requests.put_batch(&images[40..]).await.unwrap();
    let (mut listed, mut cursor) = (Vec::new(), None);
    loop {
        let page = requests.list(&all_calls(), &page(17, cursor.as_deref())).await.unwrap();
        listed.extend(page.calls);
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    let expected: Vec<CallItem> = images.into_iter().rev().map(|image| image.new).collect();
    assert_eq!(listed, expected);
}

async fn a_call_that_is_corrected_is_listed_once(store: &Store) {
    let requests = requests(store);
    let first = image(1);
    requests.put_batch(std::slice::from_ref(&first)).await.unwrap();
    let mut new = first.new.clone();
    (new.record.cost, new.record.ended_at) = (usd("0.02"), start().plus_secs(100_000));
    requests.put_batch(&[CallImage { old: Some(first.new), new: new.clone() }]).await.unwrap();
    assert_eq!(requests.list(&all_calls(), &page(50, None)).await.unwrap().calls, [new]);
}

async fn calls_are_found_by_what_they_are(store: &Store) {
    let requests = requests(store);
    let (mut failed, fine) = (image(1), image(2));
    (failed.new.record.status, failed.new.record.error) = (429, Some("rate_limit_exceeded".to_owned()));
    failed.new.record.team_id = Some("t1".to_owned());
    requests.put_batch(&[failed.clone(), fine.clone()]).await.unwrap();
    let text = |text: &str| Some(text.to_owned());
    for (filter, expected) in [
        (Filter { status: Some(Status::Class(4)), ..all_calls() }, vec![&failed]),
        (Filter { status: Some(Status::Exactly(200)), ..all_calls() }, vec![&fine]),
        (Filter { error: Some(Failed::Anyhow), ..all_calls() }, vec![&failed]),
        (Filter { error: Some(Failed::Not), ..all_calls() }, vec![&fine]),
        (Filter { error: Some(Failed::With("rate_limit_exceeded".to_owned())), ..all_calls() }, vec![&failed]),
        (Filter { team: text("t1"), ..all_calls() }, vec![&failed]),
        (Filter { key: text("key_b"), ..all_calls() }, vec![]),
        (Filter { model: text(&fine.new.record.alias), ..all_calls() }, vec![&fine, &failed]),
        (Filter { span: Span { from: start().plus_secs(100), ..week() }, ..all_calls() }, vec![&fine]),
        (Filter { span: Span { to: start().plus_secs(100), ..week() }, ..all_calls() }, vec![&failed]),
    ] {
        let found = requests.list(&filter, &page(50, None)).await.unwrap().calls;
        assert_eq!(
            found.iter().collect::<Vec<_>>(),
            expected.iter().map(|image| &image.new).collect::<Vec<_>>(),
            "{filter:?}"
        );
    }
}

async fn d7_the_configuration_is_versioned(store: &Store) {
    let settings = settings(store);
    assert_eq!((settings.config().await.unwrap(), settings.version().await.unwrap()), (None, 0));
    let first = settings.put_config(&draft("models: {}", 0, start())).await.unwrap();
    assert_eq!(first.version, 1);
    let later = start().plus_secs(1);
    assert_eq!(settings.put_config(&draft("other", 0, later)).await, Err(ConfigError::Conflict));
    let rollback = Draft { source: Source::Rollback { to: 1 }, ..draft("models: {a: b}", 1, later) };
    let second = settings.put_config(&rollback).await.unwrap();
    assert_eq!(settings.config().await.unwrap(), Some(second.clone()));
    assert_eq!(settings.version().await.unwrap(), 2);
    let too_large = settings.put_config(&draft(&"x".repeat(350_001), 2, later)).await;
    assert_eq!(too_large, Err(ConfigError::TooLarge));
    let page = settings.versions(1, None).await.unwrap();
    assert_eq!((page.versions, page.before), (vec![second], Some(2)));
    let page = settings.versions(5, Some(2)).await.unwrap();
    assert_eq!((page.versions, page.before), (vec![first], None));
}

async fn a_file_is_known_again_until_it_changes(store: &Store) {
    let settings = settings(store);
    assert!(!settings.came_from_file("models: []").await.unwrap());
    let file = Draft { source: Source::File, ..draft("models: []", 0, start()) };
    settings.put_config(&file).await.unwrap();
    settings.put_config(&draft("models: [] # changed", 1, start())).await.unwrap();
    assert!(settings.came_from_file("models: []").await.unwrap());
    assert!(!settings.came_from_file("models: [] # changed").await.unwrap());
}
