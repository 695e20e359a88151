//! `audit`: what is written down about calls.

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
