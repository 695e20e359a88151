//! Call records: the one commit point of a call, its usage record and its outbox entry in one item.

use crate::table::{self, Get, Item, Key, Names, Table, TableError, Value};
use domain::{
    CallId, KeyId, Timestamp, Usage, Usd,
    call::{CallRecord, State, UsageSource},
    media::Units,
};
use std::sync::Arc;

mod stream;
mod units;

pub use stream::{CallImage, Malformed, SequenceNumber};

/// A call record as it is stored: what the call left behind, and what the ledger needs beside it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallItem {
    pub record: CallRecord,
    /// Who made the call.
    pub key: KeyId,
    /// The lane that held its money.
    pub lane: String,
    /// The ledger's window it settled into.
    pub window: String,
    /// What was held for it: W.
    pub held: Usd,
    /// The cost first decided, which a late settlement corrects but never changes.
    pub first_cost: Usd,
}

impl CallItem {
    /// Where the record of `call` lies.
    pub fn key_of(call: &CallId) -> Key {
        Key::new(["CALL#", call.as_str()].concat(), "CALL")
    }

    /// What a lane is charged for the call. One that held it too, as its key got more lanes meanwhile, is charged nothing.
    pub fn cost_in(&self, lane: &str) -> Usd {
        if self.lane == lane { self.first_cost } else { Usd::ZERO }
    }

    /// The item to store.
    pub fn to_item(&self) -> Item {
        let record = &self.record;
        let key = Self::key_of(&record.call);
        let item = Item::at(key.pk, key.sk)
            .and("st", record.state.name())
            .and("cost", record.cost)
            .and("cost0", self.first_cost)
            .and("lane", self.lane.as_str())
            .and("win", self.window.as_str())
            .and("w", self.held)
            .and("key", self.key.as_str())
            .and("ended_at", record.ended_at);
        // Of a call that nobody spoke for, nothing else is known.
        if record.state == State::Expired { item.and("attempts", 0_u32) } else { self.with_outcome(item) }
    }

    fn with_outcome(&self, item: Item) -> Item {
        let record = &self.record;
        let usage = &record.usage;
        units::with(item, &record.units)
            .and("wire", record.wire.as_str())
            .and("alias", record.alias.as_str())
            .and("provider", record.provider.as_str())
            .and("model", record.model.as_str())
            .and_some("region", record.region.as_deref())
            .and_some("input", some(usage.input))
            .and_some("cache_read", some(usage.cache_read))
            .and_some("cache_write", some(usage.cache_write))
            .and_some("cache_write_1h", some(usage.cache_write_1h))
            .and_some("output", some(usage.output))
            .and_some("reasoning", some(usage.reasoning))
            .and("usage_source", record.usage_source.name())
            .and_some("unpriced", record.unpriced.then_some(true))
            .and("status", u32::from(record.status))
            .and_some("error", record.error.as_deref())
            .and_some("over_rate", record.over_rate.then_some(true))
            .and_some("streamed", record.streamed.then_some(true))
            .and_some("attempts", (record.attempts != 1).then_some(record.attempts))
            .and("started_at", record.started_at)
            .and_some("first_byte_ms", record.first_byte_ms)
            .and_some("team_id", record.team_id.as_deref())
            .and_some("user_id", record.user_id.as_deref())
            .and_some("organization_id", record.organization_id.as_deref())
            .and_some("project_id", record.project_id.as_deref())
            .and_some("tags", table::labels(&record.tags))
            .and_some("client_request_id", record.client_request_id.as_deref())
    }

    /// Reads a stored item; `None` if it is not a call record.
    pub fn from_item(item: &Item) -> Option<Self> {
        let call = CallId::from(item.text("pk")?.strip_prefix("CALL#")?);
        let state = State::named(item.text("st")?)?;
        let text = |name| item.text(name).unwrap_or_default().to_owned();
        let some_text = |name| item.text(name).map(str::to_owned);
        let count = |name| item.count(name).unwrap_or_default();
        let record = CallRecord {
            call,
            state,
            cost: item.money("cost")?,
            wire: text("wire"),
            alias: text("alias"),
            provider: text("provider"),
            model: text("model"),
            region: some_text("region"),
            usage: Usage {
                input: count("input"),
                cache_read: count("cache_read"),
                cache_write: count("cache_write"),
                cache_write_1h: count("cache_write_1h"),
                output: count("output"),
                reasoning: count("reasoning"),
            },
            units: units::read(item),
            usage_source: item.text("usage_source").and_then(UsageSource::named).unwrap_or(UsageSource::None),
            unpriced: item.flag("unpriced"),
            status: count("status").try_into().ok()?,
            error: some_text("error"),
            over_rate: item.flag("over_rate"),
            streamed: item.flag("streamed"),
            attempts: item.count("attempts").unwrap_or(1).try_into().ok()?,
            started_at: item.moment("started_at").unwrap_or_default(),
            ended_at: item.moment("ended_at")?,
            first_byte_ms: item.count("first_byte_ms"),
            team_id: some_text("team_id"),
            user_id: some_text("user_id"),
            organization_id: some_text("organization_id"),
            project_id: some_text("project_id"),
            tags: item.labels("tags"),
            client_request_id: some_text("client_request_id"),
        };
        Some(Self {
            record,
            key: KeyId::from(item.text("key")?),
            lane: text("lane"),
            window: text("win"),
            held: item.money("w")?,
            first_cost: item.money("cost0")?,
        })
    }
}

/// Zeros are not stored: they are most of the counts, and read back as they were.
fn some(count: u64) -> Option<u64> {
    (count > 0).then_some(count)
}

/// The record of a call nobody spoke for: only what the ledger knows.
pub(crate) fn bare_record(call: &CallId, state: State, cost: Usd, now: Timestamp) -> CallRecord {
    CallRecord {
        call: call.clone(),
        state,
        cost,
        wire: String::new(),
        alias: String::new(),
        provider: String::new(),
        model: String::new(),
        region: None,
        usage: Usage::default(),
        usage_source: UsageSource::None,
        units: Units::default(),
        unpriced: false,
        status: 0,
        error: None,
        over_rate: false,
        streamed: false,
        attempts: 0,
        started_at: now,
        ended_at: now,
        first_byte_ms: None,
        team_id: None,
        user_id: None,
        organization_id: None,
        project_id: None,
        tags: Vec::new(),
        client_request_id: None,
    }
}

/// Reads call records.
#[derive(Clone)]
pub struct Calls {
    table: Arc<dyn Table>,
    names: Names,
}

impl Calls {
    pub fn new(table: Arc<dyn Table>, names: Names) -> Self {
        Self { table, names }
    }

    /// The record of one call, if it has ended.
    ///
    /// # Errors
    /// As the table.
    pub async fn get(&self, call: &CallId) -> Result<Option<CallItem>, TableError> {
        let item = self.table.get(&Get::consistent(&self.names.usage, CallItem::key_of(call))).await?;
        Ok(item.as_ref().and_then(CallItem::from_item))
    }
}

/// A value in DynamoDB's own JSON, as stream records carry it.
fn from_json(value: &serde_json::Value) -> Option<Value> {
    let (kind, value) = value.as_object()?.iter().next()?;
    Some(match kind.as_str() {
        "S" => Value::S(value.as_str()?.to_owned()),
        "N" => Value::N(value.as_str()?.parse().ok()?),
        "BOOL" => Value::Bool(value.as_bool()?),
        "L" => Value::L(value.as_array()?.iter().map(from_json).collect::<Option<_>>()?),
        "M" => {
            let entry = |(name, value): (&String, _)| Some((name.clone(), from_json(value)?));
            Value::M(value.as_object()?.iter().map(entry).collect::<Option<_>>()?)
        }
        _ => return None,
    })
}
