//! `audit`: what is written down about calls.

use crate::raw::{raw, words};

/// How the audit behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub mode: AuditMode,
    /// Prompts and answers are kept too.
    pub bodies: bool,
}

/// What happens when the audit cannot be written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum AuditMode {
    /// The call fails.
    #[default]
    Closed,
    /// The call goes on.
    Open,
}

raw! {
    /// What is written down about calls.
    struct RawAudit {
        /// What happens when the audit cannot be written: the call fails (closed) or goes on (open).
        mode: AuditMode,
        /// Keep prompts and answers too.
        bodies: bool,
    }
}

words!(AuditMode { "closed" => AuditMode::Closed, "open" => AuditMode::Open, });

impl RawAudit {
    pub(crate) fn check(self) -> Audit {
        Audit { mode: self.mode.unwrap_or_default(), bodies: self.bodies.unwrap_or_default() }
    }
}
