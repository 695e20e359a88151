//! `guardrails`: checks on text.

/// A check on prompts and answers. There is no kind of guardrail yet, so there is no value of this
/// type, and a configuration that asks for one is refused rather than silently not obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guardrail {}
