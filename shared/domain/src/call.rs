//! What the ledger holds for a call, and the record the call leaves behind.

use crate::{
    ids::{CallId, KeyId},
    key::VirtualKey,
    limit::Bound,
    media::Units,
    money::Usd,
    time::Timestamp,
    tokens::Usage,
};

/// What an admission asks the ledger for.
#[derive(Clone, Debug)]
pub struct Ask<'a> {
    pub call: &'a CallId,
    pub key: &'a VirtualKey,
    /// Every budget the call is charged to: the key's own, and those above it.
    pub bounds: &'a [Bound],
    /// The worst this call could cost over every route it may take: W.
    pub worst_case: Usd,
    /// Charged if the call is dispatched and never heard of again (its input).
    pub ambiguous: Usd,
    pub now: Timestamp,
    /// When the hold may be taken back: the call's deadline and a minute [M6].
    pub lease_until: Timestamp,
}

/// Money held for one call. It must be settled or released; dropping it leaves it to its lease.
#[must_use = "a reservation is settled or released, never dropped"]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reservation {
    pub call: CallId,
    pub key: KeyId,
    /// The lane item that carries the hold.
    pub lane: String,
    /// The resolved budget window the call settles into, whenever it ends [M16].
    pub window: String,
    pub worst_case: Usd,
    pub ambiguous: Usd,
    pub lease_until: Timestamp,
    /// When it was asked for: its windows are those of this moment, also where it moves to.
    pub at: Timestamp,
    /// What the key and its groups have left in this window after this hold; `None` without a budget of theirs.
    pub remaining: Option<Usd>,
    /// There is so much else to spend that nobody minds if the hold is freed a little later.
    pub may_wait: bool,
    /// The lane that carries the hold wants more money lent to it, once this call is over.
    pub is_low: bool,
}

impl Reservation {
    /// What stands in for the hold of a call that goes on without one.
    pub fn unheld(ask: &Ask<'_>) -> Self {
        Self {
            call: ask.call.clone(),
            key: ask.key.id.clone(),
            lane: String::new(),
            window: String::new(),
            worst_case: ask.worst_case,
            ambiguous: ask.ambiguous,
            lease_until: ask.lease_until,
            at: ask.now,
            remaining: None,
            may_wait: false,
            is_low: false,
        }
    }

    /// Nothing is held.
    pub fn is_unheld(&self) -> bool {
        self.lane.is_empty()
    }
}

/// How a call ended, in the ledger's eyes. Exactly one of them wins [M5].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The lease passed with nobody heard from; the ambiguous charge was taken.
    Expired,
    /// Nothing was spent.
    Released,
    /// The true cost is known, or estimated and marked so.
    Settled,
}

impl State {
    pub fn name(self) -> &'static str {
        match self {
            State::Expired => "expired",
            State::Released => "released",
            State::Settled => "settled",
        }
    }

    pub fn named(name: &str) -> Option<State> {
        [State::Expired, State::Released, State::Settled].into_iter().find(|state| state.name() == name)
    }
}

/// Where the token counts of a record come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum UsageSource {
    /// Counted by the gateway: the provider did not say, or not believably [M10, M13].
    Estimated,
    /// No tokens were used.
    None,
    /// Said by the provider.
    Reported,
}

impl UsageSource {
    pub fn name(self) -> &'static str {
        match self {
            UsageSource::Estimated => "estimated",
            UsageSource::None => "none",
            UsageSource::Reported => "reported",
        }
    }

    pub fn named(name: &str) -> Option<UsageSource> {
        [UsageSource::Estimated, UsageSource::None, UsageSource::Reported].into_iter().find(|s| s.name() == name)
    }
}

/// The record of one call: usage record, audit outcome and outbox entry in one, put once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallRecord {
    pub call: CallId,
    pub state: State,
    pub cost: Usd,
    /// Which dialect the caller spoke, by wire name: `openai.chat`.
    pub wire: String,
    /// The model the caller named.
    pub alias: String,
    pub provider: String,
    /// The provider's name of the model.
    pub model: String,
    pub region: Option<String>,
    pub usage: Usage,
    pub usage_source: UsageSource,
    /// What a service used beside tokens; nothing of a chat.
    pub units: Units,
    /// The model had no price: the cost is not known, and is not claimed to be zero.
    pub unpriced: bool,
    /// The status the caller saw (499 if it went away).
    pub status: u16,
    /// `error.code`, if it failed.
    pub error: Option<String>,
    /// It was over a rate limit that is only observed, and let through.
    pub over_rate: bool,
    pub streamed: bool,
    pub attempts: u32,
    pub started_at: Timestamp,
    pub ended_at: Timestamp,
    /// From the start to the first byte for the caller.
    pub first_byte_ms: Option<u64>,
    pub team_id: Option<String>,
    pub user_id: Option<String>,
    pub organization_id: Option<String>,
    pub project_id: Option<String>,
    /// The key's and the request's tags.
    pub tags: Vec<(String, String)>,
    /// What the client called it: `x-request-id`, never used as a key of ours.
    pub client_request_id: Option<String>,
}

impl CallRecord {
    /// What the call cost; `None` if the model had no price, which is not the same as nothing.
    pub fn known_cost(&self) -> Option<Usd> {
        (!self.unpriced || self.cost != Usd::ZERO).then_some(self.cost)
    }
}
