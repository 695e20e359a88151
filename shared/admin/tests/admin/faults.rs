//! A store that fails.

use crate::world::World;
use async_trait::async_trait;
use http::Method;
use serde_json::json;
use std::sync::Arc;
use stores::{
    Names, Table, TableError,
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};

/// Never reached, and talkative about it.
struct Dead;

const TALK: &str = "endpoint internal.example.com of account 123456789012";

fn dead<T>() -> Result<T, TableError> {
    Err(TableError::Unavailable(TALK.to_owned()))
}

#[async_trait]
impl Table for Dead {
    async fn get(&self, _: &Get) -> Result<Option<Item>, TableError> {
        dead()
    }

    async fn put(&self, _: &Put) -> Result<(), TableError> {
        dead()
    }

    async fn update(&self, _: &Update) -> Result<Option<Item>, TableError> {
        dead()
    }

    async fn delete(&self, _: &Delete) -> Result<(), TableError> {
        dead()
    }

    async fn query(&self, _: &Query) -> Result<Page, TableError> {
        dead()
    }

    async fn transact(&self, _: &[Write]) -> Result<(), TableError> {
        dead()
    }
}

#[tokio::test]
async fn r3_a_store_that_does_not_answer_is_503_and_tells_nothing_of_itself() {
    let world = World::over(Arc::new(Dead), Names::prefixed("test"), None);
    for (method, path) in [
        (Method::POST, "/admin/v1/keys"),
        (Method::GET, "/admin/v1/keys"),
        (Method::GET, "/admin/v1/keys/key_a"),
        (Method::DELETE, "/admin/v1/keys/key_a"),
        (Method::GET, "/admin/v1/usage"),
        (Method::GET, "/admin/v1/requests/call_a"),
        (Method::GET, "/admin/v1/requests"),
        (Method::GET, "/admin/v1/audit"),
        (Method::GET, "/admin/v1/config"),
        (Method::GET, "/admin/v1/models"),
    ] {
        let body = (method == Method::POST).then(|| json!({ "name": "a" }));
        let answer = world.call(method.clone(), path, body).await;
        assert_eq!((answer.status, answer.code()), (503, "store_unavailable"), "{method} {path}");
        assert!(!answer.text.contains("example.com") && !answer.text.contains("123456789012"));
    }
}
