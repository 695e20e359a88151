//! `cache`: when an answer may be given again.

use std::time::Duration;

use domain::Alias;

use crate::raw::{At, Decimal, Reader, Text, raw};

/// Which caches are on.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Cache {
    pub exact: Option<Exact>,
    pub semantic: Option<Semantic>,
}

/// The same request gets the same answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact {
    pub ttl: Duration,
}

/// A request that means the same gets the same answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Semantic {
    /// Cosine similarity from which two requests mean the same, above 0 and up to 1.
    pub threshold: f64,
    pub embedding_model: Alias,
}

raw! {
    /// When an answer may be given again.
    struct RawCache {
        /// The same request gets the same answer.
        exact: RawExact,
        /// A request that means the same gets the same answer.
        semantic: RawSemantic,
    }
}

raw! {
    /// The same request gets the same answer.
    struct RawExact {
        /// How long an answer is kept, in seconds: 1 to 2592000 (30 days).
        ttl_seconds: At<u64>,
    }
}

raw! {
    /// A request that means the same gets the same answer.
    struct RawSemantic {
        /// Cosine similarity from which two requests mean the same, above 0 and up to 1.
        threshold: Decimal,
        /// The model that turns text into vectors.
        embedding_model: Text,
    }
}

impl RawCache {
    pub(crate) fn check(self, reader: &mut Reader) -> Cache {
        Cache {
            exact: self.exact.and_then(|exact| exact.check(reader)),
            semantic: self.semantic.and_then(|semantic| semantic.check(reader)),
        }
    }
}

impl RawExact {
    fn check(self, reader: &mut Reader) -> Option<Exact> {
        reader.warn(self.at, "cache.exact is read, but this version does not cache");
        match self.ttl_seconds {
            Some(At { value: seconds @ 1..=2_592_000, .. }) => Some(Exact { ttl: Duration::from_secs(seconds) }),
            other => {
                let at = other.map_or(self.at, |ttl| ttl.at);
                reader.wrong(at, "ttl_seconds is missing or out of range, allowed: 1 to 2592000");
                None
            }
        }
    }
}

impl RawSemantic {
    fn check(self, reader: &mut Reader) -> Option<Semantic> {
        reader.warn(self.at, "cache.semantic is read, but this version does not cache");
        let at = self.threshold.as_ref().map_or(self.at, |threshold| threshold.0.at);
        let threshold = self.threshold.and_then(|threshold| threshold.0.text.parse::<f64>().ok());
        let Some(threshold) = threshold.filter(|threshold| *threshold > 0.0 && *threshold <= 1.0) else {
            reader.wrong(at, "threshold is missing or out of range, allowed: above 0 and up to 1");
            return None;
        };
        let Some(model) = self.embedding_model else {
            reader.wrong(self.at, "embedding_model is missing, name the model that turns text into vectors");
            return None;
        };
        Some(Semantic { threshold, embedding_model: model.text.into() })
    }
}
