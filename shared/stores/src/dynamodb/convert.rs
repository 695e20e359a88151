//! Between our items and the SDK's, and from the SDK's errors to ours.

use super::bind;
use crate::table::{Item, Reason, Returns, TableError, Write};
use aws_sdk_dynamodb::{
    error::{DisplayErrorContext, ProvideErrorMetadata, SdkError},
    operation::{
        batch_write_item::BatchWriteItemError, create_table::CreateTableError, delete_item::DeleteItemError,
        describe_table::DescribeTableError, get_item::GetItemError, put_item::PutItemError, query::QueryError,
        transact_write_items::TransactWriteItemsError, update_item::UpdateItemError, update_table::UpdateTableError,
    },
    types::{
        self, AttributeValue, CancellationReason, PutRequest, ReturnValue,
        ReturnValuesOnConditionCheckFailure as OnFailure, TransactWriteItem, WriteRequest,
    },
};
pub fn text(text: &str) -> AttributeValue {
    AttributeValue::S(text.to_owned())
}

crate::attributes::conversions!(AttributeValue, truth: Bool);

pub fn to_returns(returns: Returns) -> Option<ReturnValue> {
    match returns {
        Returns::Nothing => None,
        Returns::New => Some(ReturnValue::AllNew),
        Returns::Old => Some(ReturnValue::AllOld),
    }
}

pub fn to_put_request(item: &Item) -> Result<WriteRequest, TableError> {
    let put = PutRequest::builder().set_item(Some(to_item(item))).build().map_err(unfinished)?;
    Ok(WriteRequest::builder().put_request(put).build())
}

pub fn to_transact_item(write: &Write) -> Result<TransactWriteItem, TableError> {
    let item = TransactWriteItem::builder();
    let item = match write {
        Write::Put(put) => {
            let builder = types::Put::builder().table_name(&*put.table).set_item(Some(to_item(&put.item)));
            item.put(bind!(builder, &put.terms).build().map_err(unfinished)?)
        }
        Write::Update(update) => {
            let builder = types::Update::builder().table_name(&*update.table).set_key(Some(to_key(&update.key)));
            let builder = builder.update_expression(update.expression.as_str());
            item.update(bind!(builder, &update.terms).build().map_err(unfinished)?)
        }
        Write::Delete(delete) => {
            let builder = types::Delete::builder().table_name(&*delete.table).set_key(Some(to_key(&delete.key)));
            item.delete(bind!(builder, &delete.terms).build().map_err(unfinished)?)
        }
    };
    Ok(item.build())
}

fn unfinished(error: aws_sdk_dynamodb::error::BuildError) -> TableError {
    TableError::Invalid(error.to_string())
}

/// What an SDK error means to us.
pub fn error<E: Verdict>(error: SdkError<E>) -> TableError {
    match error {
        SdkError::ConstructionFailure(_) => TableError::Invalid(DisplayErrorContext(&error).to_string()),
        SdkError::ServiceError(context) => context.into_err().verdict(),
        SdkError::TimeoutError(_) => TableError::Unavailable("timeout".to_owned()),
        SdkError::DispatchFailure(_) => TableError::Unavailable("connection failed".to_owned()),
        _ => TableError::Unavailable("unreadable answer".to_owned()),
    }
}

/// An operation's own error, judged.
pub trait Verdict: std::error::Error + 'static {
    fn verdict(self) -> TableError;
}

/// By the error's code, where it carries nothing else that we use.
fn by_code(error: &impl ProvideErrorMetadata) -> TableError {
    match error.code().unwrap_or_default() {
        "ProvisionedThroughputExceededException" | "RequestLimitExceeded" | "ThrottlingException" => {
            TableError::Throttled
        }
        "TransactionConflictException" | "TransactionInProgressException" => TableError::Conflict,
        "ConditionalCheckFailedException" => TableError::ConditionFailed { old: None },
        code @ ("ValidationException" | "SerializationException") => {
            TableError::Invalid(format!("{code}: {}", error.message().unwrap_or_default()))
        }
        code => TableError::Unavailable(code.to_owned()),
    }
}

macro_rules! by_code {
    ($($error:ty),+) => {
        $(impl Verdict for $error {
            fn verdict(self) -> TableError {
                by_code(&self)
            }
        })+
    };
}
by_code!(BatchWriteItemError, GetItemError, QueryError, CreateTableError, DescribeTableError, UpdateTableError);

macro_rules! with_old_item {
    ($($error:ident),+) => {
        $(impl Verdict for $error {
            fn verdict(self) -> TableError {
                match self {
                    $error::ConditionalCheckFailedException(failed) => match failed.item.map(from_item).transpose() {
                        Ok(old) => TableError::ConditionFailed { old },
                        Err(error) => error,
                    },
                    other => by_code(&other),
                }
            }
        })+
    };
}
with_old_item!(PutItemError, UpdateItemError, DeleteItemError);

impl Verdict for TransactWriteItemsError {
    fn verdict(self) -> TableError {
        match self {
            Self::TransactionCanceledException(cancelled) => cancellation(cancelled.cancellation_reasons),
            other => by_code(&other),
        }
    }
}

fn cancellation(reasons: Option<Vec<CancellationReason>>) -> TableError {
    let reasons = reasons.unwrap_or_default().into_iter().map(reason).collect::<Result<_, _>>();
    reasons.map_or_else(|error| error, TableError::cancelled)
}

fn reason(reason: CancellationReason) -> Result<Reason, TableError> {
    Ok(match reason.code.as_deref().unwrap_or("None") {
        "None" => Reason::None,
        "ConditionalCheckFailed" => Reason::ConditionFailed { old: reason.item.map(from_item).transpose()? },
        "TransactionConflict" => Reason::Conflict,
        "ProvisionedThroughputExceeded" | "ThrottlingError" => Reason::Throttled,
        code => Reason::Other(format!("{code}: {}", reason.message.unwrap_or_default())),
    })
}
