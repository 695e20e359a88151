//! What an instance remembers of limits: how clocks stood, and who was refused until when. Hints only: they choose the
//! form of a write and refuse at once what was just refused; they never admit.

use super::want::Want;
use crate::{
    sync::Mutex,
    table::{Item, Value},
};
use domain::{Timestamp, limit::Priority};
use std::{collections::HashMap, sync::PoisonError};

/// How long a refusal for tokens is repeated without asking: another instance may give some back.
const TOKENS_MS: u64 = 1_000;
/// The same for calls in flight.
const PARALLEL_MS: u64 = 250;
/// Beyond so many scopes, those not seen for a minute are dropped.
const ENTRIES: usize = 10_000;
const OLD_MS: u64 = 60_000;

/// The numbers of a limit item, as last seen; `None`: nobody looked.
#[derive(Clone, Debug, Default)]
pub struct Image(Option<Vec<(String, i128)>>);

impl Image {
    pub fn of(item: &Item) -> Self {
        let number = |(name, value): (&str, &Value)| match value {
            Value::N(number) => Some((name.to_owned(), *number)),
            _ => None,
        };
        Self(Some(item.iter().filter_map(number).collect()))
    }

    pub fn get(&self, name: &str) -> i128 {
        self.looked(name).unwrap_or_default()
    }

    /// A number, 0 if it is not there; `None` if nobody looked.
    pub fn looked(&self, name: &str) -> Option<i128> {
        let numbers = self.0.as_ref()?;
        Some(numbers.iter().find(|(known, _)| known == name).map_or(0, |(_, number)| *number))
    }
}

/// Why a clock or a count refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// The attribute that refused.
    pub attribute: String,
    pub why: Why,
    /// When the call would pass, as far as is known.
    pub passes_at: Timestamp,
    /// How many it asked for, and in which class: fewer, or a higher class, may pass earlier.
    pub count: u64,
    pub priority: Priority,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    Requests,
    Tokens,
    Parallel,
}

#[derive(Default)]
struct Known {
    image: Image,
    at: Timestamp,
    refusals: Vec<(Refusal, Timestamp)>,
    /// How often something was given back here.
    freed: u64,
}

#[derive(Default)]
pub struct Memory(Mutex<HashMap<String, Known>>);

impl Memory {
    pub fn image(&self, pk: &str) -> Image {
        self.with(pk, |known| known.image.clone()).unwrap_or_default()
    }

    /// How the item stood just now.
    pub fn learn(&self, pk: &str, image: &Image, now: Timestamp) {
        self.edit(pk, now, |known| known.image = image.clone());
    }

    /// Something was given back here: only refusals for requests still hold.
    pub fn freed(&self, pk: &str, now: Timestamp) {
        self.edit(pk, now, |known| {
            known.freed += 1;
            known.refusals.retain(|(refusal, _)| refusal.why == Why::Requests);
        });
    }

    /// A moment to remember, before the table is asked.
    pub fn moment(&self, pk: &str) -> u64 {
        self.with(pk, |known| known.freed).unwrap_or_default()
    }

    /// Remembers a refusal; one for tokens or places only if nothing was given back since `moment`.
    pub fn refused(&self, pk: &str, refusal: Refusal, moment: u64, now: Timestamp) {
        let until = match refusal.why {
            Why::Requests => refusal.passes_at,
            Why::Tokens => refusal.passes_at.min(now.plus_millis(TOKENS_MS)),
            Why::Parallel => now.plus_millis(PARALLEL_MS),
        };
        self.edit(pk, now, |known| {
            if refusal.why == Why::Requests || known.freed == moment {
                known.refusals.retain(|(old, until)| *until > now && old.attribute != refusal.attribute);
                known.refusals.push((refusal, until));
            }
        });
    }

    /// What was just refused to a call like this, the longest wait first: by an item, or by the limit that it is a part of.
    pub fn refusal(&self, pk: &str, want: &Want, now: Timestamp) -> Option<Refusal> {
        self.with(pk, |known| {
            let holds = |(refusal, until): &&(Refusal, Timestamp)| {
                *until > now
                    && refusal.priority >= want.priority
                    && want.asks(&refusal.attribute).is_some_and(|count| count >= refusal.count)
            };
            known.refusals.iter().filter(holds).map(|(refusal, _)| refusal.clone()).max_by_key(|r| r.passes_at)
        })?
    }

    fn with<T>(&self, pk: &str, read: impl Fn(&Known) -> T) -> Option<T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(pk).map(read)
    }

    fn edit(&self, pk: &str, now: Timestamp, change: impl FnOnce(&mut Known)) {
        let mut scopes = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if scopes.len() > ENTRIES {
            scopes.retain(|_, known| now.millis_since(known.at) < OLD_MS);
        }
        let known = scopes.entry(pk.to_owned()).or_default();
        known.at = now;
        change(known);
    }
}
