//! The table on the engine itself: no SDK, no JSON, only the engine's own types in between.

use super::engine::{Answer, Job, Operation, PutAll, Queue};
use crate::table::{
    Delete, Get, Item, Page, Put, Query, Reason, Returns, Table, TableError, Terms, Update, Value, Write,
};
use async_trait::async_trait;
use dynoxide::{
    AttributeValue, DynoxideError,
    actions::{
        delete_item::DeleteItemRequest,
        get_item::GetItemRequest,
        put_item::PutItemRequest,
        query::QueryRequest,
        transact_write_items::{
            TransactDelete, TransactPut, TransactUpdate, TransactWriteItem, TransactWriteItemsRequest,
        },
        update_item::UpdateItemRequest,
    },
    errors::CancellationReason,
};
use std::{collections::HashMap, sync::Arc};
use tokio::sync::oneshot;

/// So many items are written at once: a call that comes meanwhile waits for about a millisecond.
const AT_ONCE: usize = 25;

/// The verbs, handed to the engine's thread. The engine neither throttles nor loses answers: no retries.
#[derive(Clone, Debug)]
pub struct DirectTable {
    queue: Queue,
}

impl DirectTable {
    pub(super) fn new(queue: Queue) -> Self {
        Self { queue }
    }

    async fn run(&self, operation: Operation) -> Result<Answer, TableError> {
        let stopped = || TableError::Unavailable("the embedded database has stopped".to_owned());
        let (reply, answer) = oneshot::channel();
        self.queue.send(Job::Run { operation: Box::new(operation), reply }).map_err(|_| stopped())?;
        answer.await.map_err(|_| stopped())?.map_err(error)
    }
}

#[async_trait]
impl Table for DirectTable {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        let request = GetItemRequest {
            table_name: get.table.to_string(),
            key: to_key(&get.key),
            consistent_read: Some(get.consistent),
            ..GetItemRequest::default()
        };
        let Answer::GetItem(answer) = self.run(Operation::GetItem(request)).await? else { return Err(misheard()) };
        answer.item.map(from_item).transpose()
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        let bound = Bound::of(&put.terms);
        let request = PutItemRequest {
            table_name: put.table.to_string(),
            item: to_item(&put.item),
            condition_expression: bound.condition,
            expression_attribute_names: bound.names,
            expression_attribute_values: bound.values,
            return_values_on_condition_check_failure: bound.on_failure,
            ..PutItemRequest::default()
        };
        self.run(Operation::PutItem(request)).await.map(drop)
    }

    async fn put_all(&self, table: &Arc<str>, items: &[Item]) -> Result<(), TableError> {
        for items in items.chunks(AT_ONCE) {
            let request = PutAll { table: Arc::clone(table), items: items.iter().map(to_item).collect() };
            self.run(Operation::PutAll(request)).await?;
        }
        Ok(())
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        let bound = Bound::of(&update.terms);
        let request = UpdateItemRequest {
            table_name: update.table.to_string(),
            key: to_key(&update.key),
            update_expression: Some(update.expression.clone()),
            condition_expression: bound.condition,
            expression_attribute_names: bound.names,
            expression_attribute_values: bound.values,
            return_values: returns(update.returns),
            return_values_on_condition_check_failure: bound.on_failure,
            ..UpdateItemRequest::default()
        };
        let answer = self.run(Operation::UpdateItem(request)).await?;
        let Answer::UpdateItem(answer) = answer else { return Err(misheard()) };
        // The engine shows the bare key of an item that the update created.
        let shown = answer.attributes.filter(|attributes| attributes.keys().any(|name| name != "pk" && name != "sk"));
        shown.map(from_item).transpose()
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        let bound = Bound::of(&delete.terms);
        let request = DeleteItemRequest {
            table_name: delete.table.to_string(),
            key: to_key(&delete.key),
            condition_expression: bound.condition,
            expression_attribute_names: bound.names,
            expression_attribute_values: bound.values,
            return_values_on_condition_check_failure: bound.on_failure,
            ..DeleteItemRequest::default()
        };
        self.run(Operation::DeleteItem(request)).await.map(drop)
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        let mut condition = "pk = :pk".to_owned();
        let mut values = HashMap::from([(":pk".to_owned(), AttributeValue::S(query.pk.clone()))]);
        if !query.sk_prefix.is_empty() {
            condition.push_str(" AND begins_with(sk, :sk)");
            values.insert(":sk".to_owned(), AttributeValue::S(query.sk_prefix.clone()));
        }
        let request = QueryRequest {
            table_name: query.table.to_string(),
            key_condition_expression: Some(condition),
            expression_attribute_values: Some(values),
            scan_index_forward: !query.backward,
            limit: query.limit.and_then(|limit| limit.try_into().ok()),
            exclusive_start_key: query.start.as_ref().map(to_key),
            consistent_read: Some(query.consistent),
            ..QueryRequest::default()
        };
        let Answer::Query(answer) = self.run(Operation::Query(request)).await? else { return Err(misheard()) };
        let items = answer.items.unwrap_or_default().into_iter().map(from_item).collect::<Result<_, _>>()?;
        Ok(Page { items, next: answer.last_evaluated_key.map(from_key).transpose()? })
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        let transact_items = writes.iter().map(to_transact_item).collect();
        let request = TransactWriteItemsRequest { transact_items, ..TransactWriteItemsRequest::default() };
        self.run(Operation::TransactWriteItems(request)).await.map(drop)
    }
}

/// A request's terms, in the engine's types.
struct Bound {
    condition: Option<String>,
    names: Option<HashMap<String, String>>,
    values: Option<Attributes>,
    /// A failed condition shows the item.
    on_failure: Option<String>,
}

impl Bound {
    fn of(terms: &Terms) -> Self {
        let name = |(short, attribute): &(&str, String)| ((*short).to_owned(), attribute.clone());
        let value = |(short, value): &(&str, Value)| ((*short).to_owned(), to_value(value));
        Self {
            condition: terms.condition.clone(),
            names: (!terms.names.is_empty()).then(|| terms.names.iter().map(name).collect()),
            values: (!terms.values.is_empty()).then(|| terms.values.iter().map(value).collect()),
            on_failure: terms.condition.is_some().then(|| "ALL_OLD".to_owned()),
        }
    }
}

fn to_transact_item(write: &Write) -> TransactWriteItem {
    let mut item = TransactWriteItem::default();
    match write {
        Write::Delete(delete) => {
            let Bound { condition, names, values, on_failure } = Bound::of(&delete.terms);
            item.delete = Some(TransactDelete {
                table_name: delete.table.to_string(),
                key: to_key(&delete.key),
                condition_expression: condition,
                expression_attribute_names: names,
                expression_attribute_values: values,
                return_values_on_condition_check_failure: on_failure,
            });
        }
        Write::Put(put) => {
            let Bound { condition, names, values, on_failure } = Bound::of(&put.terms);
            item.put = Some(TransactPut {
                table_name: put.table.to_string(),
                item: to_item(&put.item),
                condition_expression: condition,
                expression_attribute_names: names,
                expression_attribute_values: values,
                return_values_on_condition_check_failure: on_failure,
            });
        }
        Write::Update(update) => {
            let Bound { condition, names, values, on_failure } = Bound::of(&update.terms);
            item.update = Some(TransactUpdate {
                table_name: update.table.to_string(),
                key: to_key(&update.key),
                update_expression: update.expression.clone(),
                condition_expression: condition,
                expression_attribute_names: names,
                expression_attribute_values: values,
                return_values_on_condition_check_failure: on_failure,
            });
        }
    }
    item
}

fn returns(returns: Returns) -> Option<String> {
    match returns {
        Returns::Nothing => None,
        Returns::New => Some("ALL_NEW".to_owned()),
        Returns::Old => Some("ALL_OLD".to_owned()),
    }
}

crate::attributes::conversions!(AttributeValue, truth: BOOL);

fn error(error: DynoxideError) -> TableError {
    match error {
        DynoxideError::ConditionalCheckFailedException(_, old) => {
            old.map(from_item).transpose().map_or_else(|error| error, |old| TableError::ConditionFailed { old })
        }
        DynoxideError::TransactionCanceledException(_, reasons) => {
            let reasons = reasons.into_iter().map(reason).collect::<Result<_, _>>();
            reasons.map_or_else(|error| error, TableError::cancelled)
        }
        DynoxideError::InternalServerError(reason) => TableError::Unavailable(reason),
        DynoxideError::SqliteError(error) => TableError::Unavailable(error.to_string()),
        DynoxideError::ResourceNotFoundException(reason) => TableError::Unavailable(reason),
        other => TableError::Invalid(other.to_string()),
    }
}

fn reason(reason: CancellationReason) -> Result<Reason, TableError> {
    Ok(match reason.code.as_str() {
        "None" => Reason::None,
        "ConditionalCheckFailed" => Reason::ConditionFailed { old: reason.item.map(from_item).transpose()? },
        code => Reason::Other(format!("{code}: {}", reason.message.unwrap_or_default())),
    })
}

fn misheard() -> TableError {
    TableError::Invalid("the engine answered another question".to_owned())
}
