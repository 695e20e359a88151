//! What every table does alike [D8].

use crate::{harness::Store, on_every_table};
use stores::table::{Delete, Get, Item, Key, Put, Query, Reason, Returns, TableError, Update, Value, Write, query_all};

on_every_table! {
    an_item_comes_back_as_it_was_put,
    many_items_are_written_over_what_is_there_and_the_later_of_two_stays,
    a_failed_condition_shows_the_item,
    an_update_creates_adds_and_removes,
    d5_a_query_follows_every_page_in_order,
    a_transaction_is_all_or_none_and_says_why,
    a_deleted_item_is_gone,
    a_trillion_dollars_are_exact_to_the_picodollar,
}

async fn an_item_comes_back_as_it_was_put(store: &Store) {
    let item = Item::at("P", "a")
        .with("text", "grüße \" \\ \u{1f600}")
        .with("number", -12_i128)
        .with("truth", true)
        .with("list", vec!["x", "y"])
        .with("map", Value::M([("k".to_owned(), Value::from("v"))].into()));
    store.table.put(&Put::new(&store.names.keys, item.clone())).await.unwrap();
    let get = Get::consistent(&store.names.keys, Key::new("P", "a"));
    assert_eq!(store.table.get(&get).await.unwrap(), Some(item));
    let other = Get::consistent(&store.names.keys, Key::new("P", "b"));
    assert_eq!(store.table.get(&other).await.unwrap(), None);
}

async fn many_items_are_written_over_what_is_there_and_the_later_of_two_stays(store: &Store) {
    store.table.put(&Put::new(&store.names.quotas, Item::at("M", "07").with("old", true))).await.unwrap();
    let row = |n: u32| Item::at("M", format!("{n:02}")).with("n", n);
    let first = Item::at("M", "31").with("first", true);
    let rows: Vec<Item> = std::iter::once(first).chain((0..60).map(row)).collect();
    store.table.put_all(&store.names.quotas, &rows).await.unwrap();
    store.table.put_all(&store.names.quotas, &rows[30..]).await.unwrap();
    store.table.put_all(&store.names.quotas, &[]).await.unwrap();
    let all = query_all(&*store.table, Query::partition(&store.names.quotas, "M")).await.unwrap();
    assert_eq!(all, (0..60).map(row).collect::<Vec<_>>());
}

async fn a_failed_condition_shows_the_item(store: &Store) {
    let item = Item::at("P", "a").with("n", 1_u32);
    let put = Put::new(&store.names.keys, item.clone()).if_absent();
    store.table.put(&put).await.unwrap();
    assert_eq!(store.table.put(&put).await, Err(TableError::ConditionFailed { old: Some(item.clone()) }));
    let update = Update::new(&store.names.keys, Key::new("P", "a"), "SET n = n + :one").when("n > :one");
    let failed = store.table.update(&update.value(":one", 1_u32)).await;
    assert_eq!(failed, Err(TableError::ConditionFailed { old: Some(item) }));
    let absent = Update::new(&store.names.keys, Key::new("P", "none"), "SET n = :one").when("attribute_exists(pk)");
    let failed = store.table.update(&absent.value(":one", 1_u32)).await;
    assert_eq!(failed, Err(TableError::ConditionFailed { old: None }));
}

async fn an_update_creates_adds_and_removes(store: &Store) {
    let update = |expression: &str| {
        Update::new(&store.names.keys, Key::new("P", "u"), expression).name("#n", "n").returning(Returns::New)
    };
    let add = update("SET #n = if_not_exists(#n, :z) + :d").value(":z", 0_u32).value(":d", 5_u32);
    assert_eq!(store.table.update(&add).await.unwrap().unwrap().number("n"), Some(5));
    let before = store.table.update(&add.clone().returning(Returns::Old)).await.unwrap().unwrap();
    assert_eq!(before.number("n"), Some(5));
    assert_eq!(store.table.update(&update("REMOVE #n")).await.unwrap(), None);
    let bare = store.table.get(&Get::consistent(&store.names.keys, Key::new("P", "u"))).await.unwrap();
    assert_eq!(bare, Some(Item::at("P", "u")));
    let fresh = Update::new(&store.names.keys, Key::new("P", "fresh"), "SET a = :d").value(":d", 1_u32);
    assert_eq!(store.table.update(&fresh.returning(Returns::Old)).await.unwrap(), None);
}

async fn d5_a_query_follows_every_page_in_order(store: &Store) {
    for number in 0..25 {
        let item = Item::at("Q", format!("x{number:02}"));
        store.table.put(&Put::new(&store.names.keys, item)).await.unwrap();
    }
    store.table.put(&Put::new(&store.names.keys, Item::at("Q", "y00"))).await.unwrap();
    let mut query = Query::partition(&store.names.keys, "Q").beginning("x");
    query.limit = Some(7);
    let found = query_all(&*store.table, query.clone()).await.unwrap();
    let sort_keys: Vec<_> = found.iter().filter_map(|item| item.text("sk")).collect();
    assert_eq!(sort_keys.len(), 25);
    assert!(sort_keys.is_sorted());
    query.backward = true;
    let page = store.table.query(&query).await.unwrap();
    assert_eq!(page.items.first().and_then(|item| item.text("sk")), Some("x24"));
    assert_eq!(page.next, Some(Key::new("Q", "x18")));
}

async fn a_transaction_is_all_or_none_and_says_why(store: &Store) {
    let there = Item::at("T", "there").with("n", 1_u32);
    store.table.put(&Put::new(&store.names.keys, there.clone())).await.unwrap();
    let writes = [
        Write::Put(Put::new(&store.names.usage, Item::at("T", "new"))),
        Write::Update(
            Update::new(&store.names.keys, Key::new("T", "there"), "SET n = :z").when("n = :z").value(":z", 0_u32),
        ),
    ];
    let failed = loop {
        match store.table.transact(&writes).await {
            Err(error) if error.is_contention() => {}
            answer => break answer,
        }
    };
    let reasons = vec![Reason::None, Reason::ConditionFailed { old: Some(there) }];
    assert_eq!(failed, Err(TableError::TransactionCancelled { reasons }));
    let absent = Get::consistent(&store.names.usage, Key::new("T", "new"));
    assert_eq!(store.table.get(&absent).await.unwrap(), None);
    let sound = [writes[0].clone(), Write::Delete(Delete::new(&store.names.keys, Key::new("T", "there")))];
    while store.table.transact(&sound).await.is_err_and(|error| error.is_contention()) {}
    assert!(store.table.get(&absent).await.unwrap().is_some());
    let gone = Get::consistent(&store.names.keys, Key::new("T", "there"));
    assert_eq!(store.table.get(&gone).await.unwrap(), None);
}

async fn a_deleted_item_is_gone(store: &Store) {
    let item = Item::at("D", "d").with("v", 2_u32);
    store.table.put(&Put::new(&store.names.keys, item.clone())).await.unwrap();
    let delete = Delete::new(&store.names.keys, Key::new("D", "d"));
    let stale = delete.clone().when("v = :one").value(":one", 1_u32);
    assert_eq!(store.table.delete(&stale).await, Err(TableError::ConditionFailed { old: Some(item) }));
    store.table.delete(&delete).await.unwrap();
    store.table.delete(&delete).await.unwrap();
    assert_eq!(store.table.get(&Get::consistent(&store.names.keys, Key::new("D", "d"))).await.unwrap(), None);
}

/// The largest amount is 10⁹ dollars; a thousand times that is still whole.
async fn a_trillion_dollars_are_exact_to_the_picodollar(store: &Store) {
    digits_are_exact(store, 24).await;
}

/// DynamoDB keeps 38 digits, and so does our engine; emulators in other languages keep fewer.
#[tokio::test]
async fn thirty_six_digits_are_exact_in_the_embedded_engine() {
    digits_are_exact(&Store::memory().await.unwrap(), 36).await;
}

async fn digits_are_exact(store: &Store, digits: u32) {
    let large = 10_i128.pow(digits) - 1;
    let item = Item::at("N", "n").with("n", large);
    store.table.put(&Put::new(&store.names.keys, item)).await.unwrap();
    let update = Update::new(&store.names.keys, Key::new("N", "n"), "SET n = n - :d").value(":d", 7_u32);
    let after = store.table.update(&update.returning(Returns::New)).await.unwrap().unwrap();
    assert_eq!(after.number("n"), Some(large - 7));
}
