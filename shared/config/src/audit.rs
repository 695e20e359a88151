//! `audit`: what is written down about calls.

use crate::raw::{Reader, raw, words};

/// How the audit behaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Audit {
    pub mode: AuditMode,
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
        /// Prompts and answers are not kept; only false is allowed.
        bodies: bool,
    }
}

words!(AuditMode { "closed" => AuditMode::Closed, "open" => AuditMode::Open, });

impl RawAudit {
    pub(crate) fn check(self, reader: &mut Reader) -> Audit {
        if self.bodies == Some(true) {
            reader.wrong(self.at, "audit.bodies cannot be true: prompts and answers are not kept, leave it out");
        }
        Audit { mode: self.mode.unwrap_or_default() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{ProcessEnv, load};

    #[test]
    fn a1_what_cannot_be_recorded_fails_unless_somebody_says_otherwise() {
        let mode = |text: &str| load("p.yaml", text, &ProcessEnv).map(|config| config.audit.mode);
        assert_eq!(mode("").unwrap(), AuditMode::Closed);
        assert_eq!(mode("audit: { mode: open, bodies: false }").unwrap(), AuditMode::Open);
    }

    #[test]
    fn a5_nobody_is_led_to_believe_that_prompts_are_kept() {
        let problems = load("p.yaml", "audit: { bodies: true }", &ProcessEnv).unwrap_err();
        assert!(problems[0].to_string().contains("audit.bodies cannot be true"), "{problems:?}");
    }
}
