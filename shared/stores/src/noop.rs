//! A table that takes everything and keeps nothing: for benchmarks of what lies around it.
//!
//! Every condition holds and every item is absent, so a ledger over it admits always.

use crate::table::{Delete, Get, Item, Page, Put, Query, Table, TableError, Update, Write};
use async_trait::async_trait;
use std::sync::Arc;

/// For benchmarks only: what is written here is gone.
#[derive(Clone, Copy, Debug, Default)]
pub struct NoopTable;

#[async_trait]
impl Table for NoopTable {
    async fn get(&self, _: &Get) -> Result<Option<Item>, TableError> {
        Ok(None)
    }

    async fn put(&self, _: &Put) -> Result<(), TableError> {
        Ok(())
    }

    async fn put_all(&self, _: &Arc<str>, _: &[Item]) -> Result<(), TableError> {
        Ok(())
    }

    async fn update(&self, _: &Update) -> Result<Option<Item>, TableError> {
        Ok(None)
    }

    async fn delete(&self, _: &Delete) -> Result<(), TableError> {
        Ok(())
    }

    async fn query(&self, _: &Query) -> Result<Page, TableError> {
        Ok(Page::default())
    }

    async fn transact(&self, _: &[Write]) -> Result<(), TableError> {
        Ok(())
    }
}
