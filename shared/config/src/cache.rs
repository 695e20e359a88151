//! `cache`: when an answer may be given again.

use std::time::Duration;

use domain::Alias;

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
