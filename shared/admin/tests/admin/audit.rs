//! The audit: found again page by page, and written with its change or not at all.

use crate::world::World;
use async_trait::async_trait;
use serde_json::json;
use std::sync::Arc;
use stores::{
    Names, Table, TableError,
    embedded::Embedded,
    table::{Delete, Get, Item, Page, Put, Query, Update, Write},
};

#[tokio::test]
async fn d5_the_audit_is_read_page_by_page_newest_first() {
    let world = World::new().await;
    for name in ["a", "b", "c", "d", "e"] {
        world.key(json!({ "name": name })).await;
        world.clock.advance_millis(1);
    }
    let (mut names, mut path) = (Vec::new(), "/admin/v1/audit?limit=2".to_owned());
    loop {
        let page = world.get(&path).await;
        assert_eq!(page.status, 200, "{}", page.text);
        for entry in page.json["data"].as_array().unwrap() {
            names.push(entry["after"]["name"].as_str().unwrap().to_owned());
            assert!(entry["actor"] == json!({ "kind": "root_admin_key", "id": null, "ip": null }));
            assert!(entry["request_id"].as_str().unwrap().starts_with("req_"));
        }
        match page.json["next_cursor"].as_str() {
            Some(cursor) => path = format!("/admin/v1/audit?limit=2&cursor={cursor}"),
            None => break,
        }
    }
    assert_eq!(names, ["e", "d", "c", "b", "a"]);
    let cursor = world.get("/admin/v1/audit?limit=2").await.json["next_cursor"].as_str().unwrap().to_owned();
    for other in ["action=key&", "object=team&", "from=2026-11-01&"] {
        let answer = world.get(&format!("/admin/v1/audit?{other}limit=2&cursor={cursor}")).await;
        assert_eq!((answer.status, answer.json["error"]["param"].as_str()), (400, Some("cursor")), "{other}");
    }
}

#[tokio::test]
async fn unknown_parameters_and_bad_times_are_400_by_name() {
    let world = World::new().await;
    for (query, param) in
        [("who=me", "who"), ("from=yesterday", "from"), ("limit=201", "limit"), ("cursor=x", "cursor")]
    {
        let answer = world.get(&format!("/admin/v1/audit?{query}")).await;
        assert_eq!((answer.status, answer.json["error"]["param"].as_str()), (400, Some(param)), "{query}");
    }
}

/// A table that takes no change which tells of itself.
struct Mute(Arc<dyn Table>);

#[async_trait]
impl Table for Mute {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        self.0.get(get).await
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.0.put(put).await
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        self.0.update(update).await
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.0.delete(delete).await
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        self.0.query(query).await
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        if format!("{writes:?}").contains("AUDIT#") {
            return Err(TableError::Unavailable("no room for entries".to_owned()));
        }
        self.0.transact(writes).await
    }
}

#[tokio::test]
async fn a4_a_change_whose_entry_cannot_be_kept_is_503_and_not_made() {
    let (engine, names) = (Embedded::open(None).unwrap(), Names::prefixed("test"));
    let table: Arc<dyn Table> = Arc::new(engine.table(&names).await.unwrap());
    let world = World::over(Arc::new(Mute(table)), names, Some(engine));
    assert_eq!(world.post("/admin/v1/keys", json!({ "name": "a" })).await.status, 503);
    assert_eq!(world.get("/admin/v1/keys").await.json["data"], json!([]));
    assert_eq!(world.put_config("direct_models: false", None).await.status, 503);
    assert_eq!(world.get("/admin/v1/config").await.json["version"], 0);
}
