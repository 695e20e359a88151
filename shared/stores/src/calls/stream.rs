//! Call records as the usage table's stream shows them.

use super::{CallItem, from_json};
use crate::table::Item;
use std::fmt;

/// A stream record's place in its shard: decimal digits, compared as a number of any length.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SequenceNumber(String);

impl SequenceNumber {
    const DIGITS: usize = 40;

    /// Reads at most forty decimal digits.
    pub fn parse(digits: &str) -> Option<Self> {
        let sound = !digits.is_empty() && digits.len() <= Self::DIGITS && digits.bytes().all(|b| b.is_ascii_digit());
        sound.then(|| Self(format!("{digits:0>width$}", width = Self::DIGITS)))
    }

    /// Numbering of our own, where there is no stream.
    pub fn of(number: u128) -> Self {
        Self(format!("{number:0>width$}", width = Self::DIGITS))
    }

    /// Forty digits with leading zeros, in the same order as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for SequenceNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// What happened to a call record: put, or corrected by a late settlement.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallImage {
    pub old: Option<CallItem>,
    pub new: CallItem,
}

/// A stream record of a call that cannot be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a stream record of a call cannot be read: {0}")]
pub struct Malformed(&'static str);

impl CallImage {
    /// Reads one record of a Lambda stream event (`{"eventName", "dynamodb": {"NewImage", ...}}`).
    /// `None` for anything but a call put or changed.
    ///
    /// # Errors
    /// [`Malformed`] for a call record without a number or with an image that this program never wrote.
    pub fn from_stream_record(record: &serde_json::Value) -> Result<Option<(SequenceNumber, Self)>, Malformed> {
        let Some(new) = record.pointer("/dynamodb/NewImage") else { return Ok(None) };
        let new = image(new).ok_or(Malformed("its new image"))?;
        if new.text("pk").is_none_or(|pk| !pk.starts_with("CALL#")) {
            return Ok(None);
        }
        let number = record.pointer("/dynamodb/SequenceNumber").and_then(serde_json::Value::as_str);
        let number = number.and_then(SequenceNumber::parse).ok_or(Malformed("its sequence number"))?;
        let new = CallItem::from_item(&new).ok_or(Malformed("its new image"))?;
        let old = match record.pointer("/dynamodb/OldImage") {
            None => None,
            Some(old) => {
                let old = image(old).as_ref().and_then(CallItem::from_item);
                Some(old.ok_or(Malformed("its old image"))?)
            }
        };
        Ok(Some((number, Self { old, new })))
    }
}

fn image(json: &serde_json::Value) -> Option<Item> {
    let entry = |(name, value): (&String, _)| Some((name.clone(), from_json(value)?));
    json.as_object()?.iter().map(entry).collect()
}
