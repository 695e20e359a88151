//! The table, on DynamoDB. The client is injected, with the SDK's own retries off.

mod convert;
mod tables;

use crate::{
    retry::Backoff,
    table::{Delete, Get, Item, Page, Put, Query, Table, TableError, Update, Write},
};
use async_trait::async_trait;
use aws_sdk_dynamodb::{
    Client,
    types::{ReturnValue, ReturnValuesOnConditionCheckFailure as OnFailure, WriteRequest},
};
use convert::{error, from_item, from_key, to_item, to_key, to_put_request, to_returns, to_transact_item};
use std::{collections::BTreeMap, sync::Arc};

#[cfg(feature = "embedded")]
pub(crate) use tables::turn_on_stream;
pub use tables::{create_tables, is_reachable};

/// The most items that DynamoDB takes at once.
const AT_ONCE: usize = 25;

/// One attempt per request; wrap it in a [`crate::retry::Retrying`].
#[derive(Clone, Debug)]
pub struct DynamoTable(pub Client);

/// Binds an expression's condition, names and values; a failed condition shows the item.
macro_rules! bind {
    ($builder:expr, $terms:expr) => {{
        let terms = $terms;
        let mut builder = $builder;
        for (short, attribute) in &terms.names {
            builder = builder.expression_attribute_names(*short, attribute.as_str());
        }
        for (short, value) in &terms.values {
            builder = builder.expression_attribute_values(*short, crate::dynamodb::convert::to_value(value));
        }
        if let Some(condition) = &terms.condition {
            builder = builder
                .condition_expression(condition.as_str())
                .return_values_on_condition_check_failure(OnFailure::AllOld);
        }
        builder
    }};
}
use bind;

#[async_trait]
impl Table for DynamoTable {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        let request = self.0.get_item().table_name(&*get.table).set_key(Some(to_key(&get.key)));
        let answer = request.consistent_read(get.consistent).send().await.map_err(error)?;
        answer.item.map(from_item).transpose()
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        let request = self.0.put_item().table_name(&*put.table).set_item(Some(to_item(&put.item)));
        bind!(request, &put.terms).send().await.map_err(error)?;
        Ok(())
    }

    async fn put_all(&self, table: &Arc<str>, items: &[Item]) -> Result<(), TableError> {
        for items in last_of_each(items).chunks(AT_ONCE) {
            let requests = items.iter().map(|item| to_put_request(item)).collect::<Result<_, _>>()?;
            self.put_batch(table, requests).await?;
        }
        Ok(())
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        let request = self.0.update_item().table_name(&*update.table).set_key(Some(to_key(&update.key)));
        let request = request.update_expression(update.expression.as_str());
        let request = request.set_return_values(to_returns(update.returns));
        let answer = bind!(request, &update.terms).send().await.map_err(error)?;
        // An engine may show the bare key of an item that the update created.
        let shown = answer.attributes.filter(|attributes| attributes.keys().any(|name| name != "pk" && name != "sk"));
        shown.map(from_item).transpose()
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        let request = self.0.delete_item().table_name(&*delete.table).set_key(Some(to_key(&delete.key)));
        let request = request.return_values(ReturnValue::None);
        bind!(request, &delete.terms).send().await.map_err(error)?;
        Ok(())
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        let mut request = self.0.query().table_name(&*query.table).consistent_read(query.consistent);
        request = request.scan_index_forward(!query.backward).set_limit(query.limit.and_then(|n| n.try_into().ok()));
        request = request.set_exclusive_start_key(query.start.as_ref().map(to_key));
        request = request.expression_attribute_values(":pk", convert::text(&query.pk));
        let answer = if query.sk_prefix.is_empty() {
            request.key_condition_expression("pk = :pk").send().await
        } else {
            request = request.expression_attribute_values(":sk", convert::text(&query.sk_prefix));
            request.key_condition_expression("pk = :pk AND begins_with(sk, :sk)").send().await
        };
        let answer = answer.map_err(error)?;
        let items = answer.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(Page { items, next: answer.last_evaluated_key.map(from_key).transpose()? })
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        let writes = writes.iter().map(to_transact_item).collect::<Result<Vec<_>, _>>()?;
        self.0.transact_write_items().set_transact_items(Some(writes)).send().await.map_err(error)?;
        Ok(())
    }
}

impl DynamoTable {
    /// Sends again what was left over for want of room [D6].
    async fn put_batch(&self, table: &str, mut rest: Vec<WriteRequest>) -> Result<(), TableError> {
        let mut backoff = Backoff::start();
        loop {
            let request = self.0.batch_write_item().request_items(table, rest);
            let mut answer = request.send().await.map_err(error)?.unprocessed_items.unwrap_or_default();
            match answer.remove(table) {
                None => return Ok(()),
                Some(left) if left.is_empty() => return Ok(()),
                Some(left) if backoff.again().await => rest = left,
                Some(_) => return Err(TableError::Throttled),
            }
        }
    }
}

/// One request may name a place once.
fn last_of_each(items: &[Item]) -> Vec<&Item> {
    let place = |item: &Item| (item.text("pk").map(str::to_owned), item.text("sk").map(str::to_owned));
    items.iter().map(|item| (place(item), item)).collect::<BTreeMap<_, _>>().into_values().collect()
}
