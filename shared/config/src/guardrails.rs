//! `guardrails`: checks on text.

use crate::{
    raw::{Read, Reader},
    yaml::Node,
};

/// A check on prompts and answers. There is no kind of guardrail yet, so there is no value of this
/// type, and a configuration that asks for one is refused rather than silently not obeyed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Guardrail {}

/// What is written for a guardrail: nothing that is written can be one.
#[derive(Clone, Debug)]
pub(crate) enum RawGuardrail {}

impl RawGuardrail {
    pub(crate) fn check(self) -> Guardrail {
        match self {}
    }
}

impl Read for RawGuardrail {
    fn read(node: &Node, reader: &mut Reader) -> Option<Self> {
        reader.wrong(node.at, "guardrails are not available in this version, allowed: an empty list");
        None
    }

    fn schema() -> serde_json::Value {
        serde_json::Value::Bool(false)
    }
}
