//! Betas of Claude: asked for by a header or a body, taken by some providers, each in a place of its own [H1].

use crate::{call::Call, target::ResolvedTarget};
use dialects::{anthropic::betas, codec::Encoded, json::Node};
use domain::{Api, Wire};
use http::{HeaderMap, HeaderName, HeaderValue};

/// Those asked for, sorted by what becomes of them.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Betas<'a> {
    /// They go along.
    pub taken: Vec<&'a str>,
    /// They stay behind: the provider does not know them, or its wire cannot name them.
    pub left: Vec<&'a str>,
    /// They came in the body, where a translation may have named their field.
    in_body: bool,
}

/// What the headers of a request ask for.
pub(crate) fn asked(headers: &HeaderMap) -> Vec<String> {
    let values = headers.get_all(betas::HEADER).iter().filter_map(|value| value.to_str().ok());
    betas::in_headers(values).into_iter().map(str::to_owned).collect()
}

impl<'a> Betas<'a> {
    /// Sorts what a call asks for. A body that passes through keeps its own list.
    pub fn of(call: &'a Call, body: &'a Node<'_>, target: &ResolvedTarget, wire: Wire, passes: bool) -> Self {
        let mut asked: Vec<&str> = call.extras.betas.iter().map(String::as_str).collect();
        let holder = match call.api() {
            Api::Chat(Wire::BedrockInvoke) if !passes => Some(body),
            Api::Chat(Wire::BedrockConverse) if !passes => body.get("additionalModelRequestFields"),
            _ => None,
        };
        asked.extend(holder.into_iter().flat_map(betas::in_body));
        let in_body = holder.is_some();
        let has_place = matches!(wire, Wire::AnthropicMessages | Wire::BedrockConverse | Wire::BedrockInvoke);
        let known = |beta: &&str| has_place && target.quirks.betas.iter().any(|known| known == beta);
        let (taken, left) = asked.into_iter().partition(known);
        Self { taken, left, in_body }
    }

    /// The header they go in, on the wire that has one.
    pub fn header(&self, wire: Wire) -> Option<(HeaderName, HeaderValue)> {
        let has_header = wire == Wire::AnthropicMessages && !self.taken.is_empty();
        let value = has_header.then(|| HeaderValue::from_str(&self.taken.join(",")).ok()).flatten()?;
        Some((HeaderName::from_static(betas::HEADER), value))
    }

    /// Names those that stay behind, one by one instead of their field.
    pub fn name_in(&self, encoded: &mut Encoded) {
        if self.in_body {
            encoded.dropped.retain(|field| field != betas::FIELD);
        }
        encoded.dropped.extend(self.left.iter().map(|beta| betas::dropped(beta)));
    }
}
