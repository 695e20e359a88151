//! A table whose items show their attributes in order of name. The SDK's stand in the random order of a hash map, and who
//! goes through them would do so in another order each time a seed is played.

use async_trait::async_trait;
use stores::{
    Table, TableError,
    table::{Delete, Get, Item, Page, Put, Query, Reason, Update, Write},
};

/// A table, put in order.
pub struct Ordered<T>(pub T);

fn in_order(item: Item) -> Item {
    let mut all: Vec<_> = item.iter().map(|(name, value)| (name.to_owned(), value.clone())).collect();
    all.sort_by(|(one, _), (two, _)| one.cmp(two));
    all.into_iter().collect()
}

fn error(error: TableError) -> TableError {
    match error {
        TableError::ConditionFailed { old } => TableError::ConditionFailed { old: old.map(in_order) },
        TableError::TransactionCancelled { reasons } => {
            TableError::TransactionCancelled { reasons: reasons.into_iter().map(reason).collect() }
        }
        other => other,
    }
}

fn reason(reason: Reason) -> Reason {
    match reason {
        Reason::ConditionFailed { old } => Reason::ConditionFailed { old: old.map(in_order) },
        other => other,
    }
}

#[async_trait]
impl<T: Table> Table for Ordered<T> {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        Ok(self.0.get(get).await?.map(in_order))
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.0.put(put).await.map_err(error)
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        Ok(self.0.update(update).await.map_err(error)?.map(in_order))
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.0.delete(delete).await.map_err(error)
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        let page = self.0.query(query).await?;
        Ok(Page { items: page.items.into_iter().map(in_order).collect(), ..page })
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        self.0.transact(writes).await.map_err(error)
    }
}
