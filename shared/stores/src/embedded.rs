//! A DynamoDB engine in this process, behind the same SDK client as DynamoDB itself.
//!
//! For `serve` and tests. Only the connector is ours: what the SDK would send over the network is handed to a
//! thread of its own that owns the engine. Never part of a Lambda binary.

mod connector;
mod direct;
mod engine;
mod stream;
mod tail;

use crate::{
    dynamodb::DynamoTable,
    retry::Retrying,
    table::{Names, TableError},
};
use aws_sdk_dynamodb::{
    Client,
    config::{
        BehaviorVersion, Region, SharedHttpClient, StalledStreamProtectionConfig,
        endpoint::{Endpoint, EndpointFuture, Params, ResolveEndpoint},
        retry::RetryConfig,
        timeout::TimeoutConfig,
    },
};
use connector::InProcess;
pub use direct::DirectTable;
use engine::Engine;
use std::{path::Path, sync::Arc};
pub use stream::{Batch, Position, Stream};

/// The engine's file, within the data directory.
const FILE: &str = "portunus.db";

/// A running engine. It stops when told to, or when this and every client of it are gone.
#[derive(Debug)]
pub struct Embedded {
    engine: Engine,
    client: Client,
}

impl Embedded {
    /// Opens the database in `data_dir`, or one in memory that dies with the process.
    /// A write is answered when it is on disk.
    ///
    /// # Errors
    /// [`TableError::Unavailable`] if the directory or the database cannot be opened.
    pub fn open(data_dir: Option<&Path>) -> Result<Self, TableError> {
        Self::start(data_dir, false)
    }

    /// The same with a stream of the usage table, for [`Embedded::stream`].
    ///
    /// # Errors
    /// As [`Embedded::open`].
    pub fn open_streaming(data_dir: Option<&Path>) -> Result<Self, TableError> {
        Self::start(data_dir, true)
    }

    fn start(data_dir: Option<&Path>, streams: bool) -> Result<Self, TableError> {
        let engine = match data_dir {
            None => Engine::in_memory(streams),
            Some(directory) => Engine::on_file(directory, FILE, streams),
        };
        let engine = engine.map_err(|reason| TableError::Unavailable(format!("the embedded database: {reason}")))?;
        let client = client(InProcess::new(engine.queue()));
        Ok(Self { engine, client })
    }

    /// An SDK client of this engine, with the SDK's own retries off.
    pub fn client(&self) -> Client {
        self.client.clone()
    }

    /// What DynamoDB would answer over HTTP to a request whose `x-amz-target` and body these are: the status and the body.
    /// For who serves the engine to other hosts.
    ///
    /// # Errors
    /// [`TableError::Unavailable`]: the engine has stopped.
    pub async fn exchange(&self, target: &str, body: &[u8]) -> Result<(u16, Vec<u8>), TableError> {
        let answer = connector::exchange(&self.engine.queue(), target, body).await;
        answer.map_err(|error| TableError::Unavailable(error.to_string()))
    }

    /// The table on this engine, with its tables made.
    ///
    /// # Errors
    /// As [`crate::dynamodb::create_tables`].
    pub async fn table(&self, names: &Names) -> Result<Retrying<DynamoTable>, TableError> {
        crate::dynamodb::create_tables(&self.client, names, false).await?;
        Ok(Retrying::patient(DynamoTable(self.client())))
    }

    /// The same table without the SDK between: the verbs handed to the engine as they are. A call of the
    /// ledger costs about half as much processor time this way; the conformance suite holds both to the same.
    ///
    /// # Errors
    /// As [`crate::dynamodb::create_tables`].
    pub async fn direct_table(&self, names: &Names) -> Result<DirectTable, TableError> {
        crate::dynamodb::create_tables(&self.client, names, false).await?;
        Ok(DirectTable::new(self.engine.queue()))
    }

    /// The stream of the usage table, with its tables made. Call records put before there was a stream are not in it.
    ///
    /// # Errors
    /// As [`crate::dynamodb::create_tables`]; [`TableError::Unavailable`] when it was opened without one.
    pub async fn stream(&self, names: &Names) -> Result<Stream, TableError> {
        crate::dynamodb::create_tables(&self.client, names, true).await?;
        crate::dynamodb::turn_on_stream(&self.client, names).await?;
        let stream = Stream::new(self.engine.queue(), Arc::clone(&names.usage));
        stream.next(Position::default(), 0).await?;
        Ok(stream)
    }

    /// Finishes what is queued, closes the file and returns when the engine's thread has ended.
    pub fn shutdown(self) {
        self.engine.stop();
    }
}

fn client(connector: InProcess) -> Client {
    let config = aws_sdk_dynamodb::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::from_static("local"))
        .endpoint_resolver(Here)
        .allow_no_auth()
        .http_client(SharedHttpClient::new(connector))
        .retry_config(RetryConfig::disabled())
        .timeout_config(TimeoutConfig::disabled())
        .stalled_stream_protection(StalledStreamProtectionConfig::disabled())
        .build();
    Client::from_conf(config)
}

/// There is only one place to go, so the SDK's rules about regions and accounts are not asked.
#[derive(Debug)]
struct Here;

impl ResolveEndpoint for Here {
    fn resolve_endpoint<'a>(&'a self, _: &'a Params) -> EndpointFuture<'a> {
        EndpointFuture::ready(Ok(Endpoint::builder().url("http://embedded").build()))
    }
}
