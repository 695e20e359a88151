//! `media`: media that a request names by URL [E5].

use crate::raw::{raw, words};

/// How media URLs are treated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Media {
    pub fetch: Fetch,
}

/// Whether the gateway fetches media itself.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Fetch {
    /// URLs go to providers that take them; for others the request is refused.
    #[default]
    Never,
}

raw! {
    /// Media that a request names by URL.
    struct RawMedia {
        /// never: URLs go to providers that take them, for others the request is refused.
        fetch: Fetch,
    }
}

words!(Fetch { "never" => Fetch::Never, });

impl RawMedia {
    pub(crate) fn check(self) -> Media {
        Media { fetch: self.fetch.unwrap_or_default() }
    }
}
