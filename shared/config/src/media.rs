//! `media`: media that a request names by URL [E5].

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
