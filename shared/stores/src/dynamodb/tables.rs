//! Making the tables, for the embedded engine and for emulators. On AWS the template makes them.

use super::convert::error;
use crate::table::{Names, TableError};
use aws_sdk_dynamodb::{
    Client,
    operation::create_table::{CreateTableError, builders::CreateTableFluentBuilder},
    types::{
        AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType, StreamSpecification,
        StreamViewType,
    },
};

/// Creates every table that is not there yet. `stream` turns on the usage table's stream of old and new images.
///
/// # Errors
/// [`TableError::Unavailable`] and [`TableError::Invalid`], from the first table that cannot be made.
pub async fn create_tables(client: &Client, names: &Names, stream: bool) -> Result<(), TableError> {
    for name in names.all() {
        let mut request = create(client, name)?;
        if stream && *name == names.usage {
            request = request.stream_specification(old_and_new_images()?);
        }
        match request.send().await {
            Ok(_) => {}
            Err(failed) if failed.as_service_error().is_some_and(CreateTableError::is_resource_in_use_exception) => {}
            Err(failed) => return Err(error(failed)),
        }
    }
    Ok(())
}

/// Turns on the stream of a usage table that was made without one.
///
/// # Errors
/// As [`create_tables`].
#[cfg(feature = "embedded")]
pub async fn turn_on_stream(client: &Client, names: &Names) -> Result<(), TableError> {
    let table = client.describe_table().table_name(&*names.usage).send().await.map_err(error)?.table;
    let stream = table.and_then(|table| table.stream_specification);
    if stream.is_some_and(|stream| stream.stream_enabled) {
        return Ok(());
    }
    let request = client.update_table().table_name(&*names.usage).stream_specification(old_and_new_images()?);
    request.send().await.map(drop).map_err(error)
}

/// Can the table be asked at all? For health checks.
pub async fn is_reachable(client: &Client, table: &str) -> bool {
    client.describe_table().table_name(table).send().await.is_ok()
}

fn create(client: &Client, name: &str) -> Result<CreateTableFluentBuilder, TableError> {
    let request = client.create_table().table_name(name).billing_mode(BillingMode::PayPerRequest);
    let request = request.key_schema(key("pk", KeyType::Hash)?).key_schema(key("sk", KeyType::Range)?);
    Ok(request.attribute_definitions(text("pk")?).attribute_definitions(text("sk")?))
}

fn key(name: &str, kind: KeyType) -> Result<KeySchemaElement, TableError> {
    KeySchemaElement::builder().attribute_name(name).key_type(kind).build().map_err(unfinished)
}

fn text(name: &str) -> Result<AttributeDefinition, TableError> {
    AttributeDefinition::builder()
        .attribute_name(name)
        .attribute_type(ScalarAttributeType::S)
        .build()
        .map_err(unfinished)
}

fn old_and_new_images() -> Result<StreamSpecification, TableError> {
    StreamSpecification::builder()
        .stream_enabled(true)
        .stream_view_type(StreamViewType::NewAndOldImages)
        .build()
        .map_err(unfinished)
}

fn unfinished(error: aws_sdk_dynamodb::error::BuildError) -> TableError {
    TableError::Invalid(error.to_string())
}
