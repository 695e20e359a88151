//! JSON kept as it was written: key order and number text survive, because nothing is re-encoded.

use std::{fmt, sync::Arc};

/// One JSON value as text. Whoever makes one has checked that it is well formed.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Json(Arc<str>);

impl Json {
    /// Keeps `text`, which the caller has parsed or written as exactly one JSON value.
    pub fn verbatim(text: impl Into<Arc<str>>) -> Self {
        Self(text.into())
    }

    /// `{}`
    pub fn empty_object() -> Self {
        Self::verbatim("{}")
    }

    /// The value as it was written.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Json {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}
