//! `limits`: sizes.

use crate::raw::{At, Reader, raw};

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

raw! {
    /// What a request may be at most.
    struct RawLimits {
        /// Bytes of a request body: 1024 to 20971520 (20 MiB); 4194304 (4 MiB) if not given.
        max_body_bytes: At<u64>,
    }
}

impl RawLimits {
    pub(crate) fn check(self, reader: &mut Reader) -> Limits {
        let Some(bytes) = self.max_body_bytes else { return Limits::default() };
        if !(1024..=Limits::MAX_BODY_BYTES).contains(&bytes.value) {
            reader.wrong(
                bytes.at,
                format!("max_body_bytes is out of range, allowed: 1024 to {}", Limits::MAX_BODY_BYTES),
            );
        }
        Limits { max_body_bytes: bytes.value }
    }
}
