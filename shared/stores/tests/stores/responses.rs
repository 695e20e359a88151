//! Responses are there whole or not at all, for their own key, for thirty days.

use crate::{harness::Store, on_every_table};
use domain::KeyId;
use stores::{
    responses::{Responses, Stored},
    table::{Delete, Key},
};

on_every_table! {
    a_response_comes_back_as_it_was_put,
    d1_a_response_larger_than_an_item_is_kept_in_parts,
    another_keys_response_is_not_there,
    a_response_without_all_its_parts_is_not_there,
    a_response_is_forgotten_when_it_is_deleted_or_too_old,
}

fn responses(store: &Store) -> Responses {
    Responses::new(store.table.clone(), &store.names)
}

fn key(id: &str) -> KeyId {
    KeyId::from(id)
}

fn stored(id: &str, text: &str) -> Stored {
    Stored {
        id: id.into(),
        before: vec!["resp_0".into()],
        input: format!(r#"[{{"role":"user","content":"{text}"}}]"#),
        response: r#"{"id":"resp_1","output":[]}"#.into(),
    }
}

async fn a_response_comes_back_as_it_was_put(store: &Store) {
    let (responses, put) = (responses(store), stored("resp_1", "hé \\\"quoted\\\""));
    assert_eq!(responses.get(&key("a"), "resp_1", store.now()).await.unwrap(), None);
    responses.put(&key("a"), &put, store.now()).await.unwrap();
    responses.put(&key("a"), &put, store.now()).await.unwrap();
    assert_eq!(responses.get(&key("a"), "resp_1", store.now()).await.unwrap(), Some(put));
}

async fn d1_a_response_larger_than_an_item_is_kept_in_parts(store: &Store) {
    let (responses, put) = (responses(store), stored("resp_1", &"é0".repeat(400_000)));
    responses.put(&key("a"), &put, store.now()).await.unwrap();
    assert!(responses.get(&key("a"), "resp_1", store.now()).await.unwrap() == Some(put));
}

async fn another_keys_response_is_not_there(store: &Store) {
    let responses = responses(store);
    responses.put(&key("a"), &stored("resp_1", "secret"), store.now()).await.unwrap();
    assert_eq!(responses.get(&key("b"), "resp_1", store.now()).await.unwrap(), None);
    assert!(!responses.delete(&key("b"), "resp_1", store.now()).await.unwrap());
    assert!(responses.get(&key("a"), "resp_1", store.now()).await.unwrap().is_some());
}

async fn a_response_without_all_its_parts_is_not_there(store: &Store) {
    let responses = responses(store);
    for part in ["HEAD", "PART#00001"] {
        responses.put(&key("a"), &stored("resp_1", &"x".repeat(900_000)), store.now()).await.unwrap();
        store.table.delete(&Delete::new(&store.names.cache, Key::new("RESP#a#resp_1", part))).await.unwrap();
        assert_eq!(responses.get(&key("a"), "resp_1", store.now()).await.unwrap(), None, "{part}");
    }
}

async fn a_response_is_forgotten_when_it_is_deleted_or_too_old(store: &Store) {
    let responses = responses(store);
    responses.put(&key("a"), &stored("resp_1", &"x".repeat(400_000)), store.now()).await.unwrap();
    assert!(responses.delete(&key("a"), "resp_1", store.now()).await.unwrap());
    assert!(!responses.delete(&key("a"), "resp_1", store.now()).await.unwrap());
    assert_eq!(responses.get(&key("a"), "resp_1", store.now()).await.unwrap(), None);
    responses.put(&key("a"), &stored("resp_2", "x"), store.now()).await.unwrap();
    store.clock.advance_millis(30 * 86_400_000);
    assert_eq!(responses.get(&key("a"), "resp_2", store.now()).await.unwrap(), None);
}
