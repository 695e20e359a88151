//! Bedrock's own headers of InvokeModel, for targets that are asked otherwise: a guardrail must not be lost, the rest is
//! named.

use crate::call::GUARDRAIL;
use domain::{Error, Wire};
use http::{HeaderName, HeaderValue};

/// The names of headers that `wire` cannot carry.
///
/// # Errors
/// One of them is a guardrail.
pub fn lost(headers: &[(HeaderName, HeaderValue)], inbound: Wire, wire: Wire) -> Result<Vec<String>, Error> {
    if inbound != Wire::BedrockInvoke || wire == Wire::BedrockInvoke {
        return Ok(Vec::new());
    }
    let theirs = headers.iter().map(|(name, _)| name.as_str()).filter(|name| name.starts_with("x-amzn-bedrock-"));
    let names: Vec<String> = theirs.map(str::to_owned).collect();
    if names.iter().any(|name| name == GUARDRAIL) {
        let why = "this model is not asked by InvokeModel, so Bedrock's guardrail cannot stand before it; leave the header out, or ask a model that takes a body of this form";
        return Err(Error::invalid(GUARDRAIL, why));
    }
    Ok(names)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sent(names: &[&'static str]) -> Vec<(HeaderName, HeaderValue)> {
        names.iter().map(|name| (HeaderName::from_static(name), HeaderValue::from_static("x"))).collect()
    }

    #[test]
    fn h1_a_guardrail_is_never_lost_and_other_headers_are_named() {
        let trace = sent(&["anthropic-version", "x-amzn-bedrock-trace"]);
        let lost = |headers, wire| super::lost(headers, Wire::BedrockInvoke, wire);
        assert_eq!(lost(&trace, Wire::OpenAiChat).unwrap(), ["x-amzn-bedrock-trace"]);
        assert!(lost(&trace, Wire::BedrockInvoke).unwrap().is_empty());
        let guarded = sent(&[GUARDRAIL]);
        assert_eq!(lost(&guarded, Wire::BedrockConverse).unwrap_err().status(), 400);
        assert!(lost(&guarded, Wire::BedrockInvoke).unwrap().is_empty());
    }
}
