//! `limits`: sizes.

/// What a request may be at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    pub max_body_bytes: u64,
}

impl Limits {
    /// 4 MiB: what passes every front door.
    pub const DEFAULT_BODY_BYTES: u64 = 4 << 20;
    /// 20 MiB.
    pub const MAX_BODY_BYTES: u64 = 20 << 20;
}

impl Default for Limits {
    fn default() -> Self {
        Self { max_body_bytes: Self::DEFAULT_BODY_BYTES }
    }
}
