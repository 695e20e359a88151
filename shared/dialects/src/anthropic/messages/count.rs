//! `/v1/messages/count_tokens`: the same request without an output cap, answered by a number.

use crate::{
    codec::{Envelope, Target, Will},
    count::Count,
    head::{Edit, Head},
    json::{Node, parse_answer, write},
    malformed::Malformed,
};
use domain::{Error, chat::Request};

/// The operation.
pub struct CountTokens;

/// Fields that a count does not take.
const UNCOUNTED: [&str; 2] = ["max_tokens", "stream"];

impl Count for CountTokens {
    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        super::head::head(body, envelope)
    }

    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        let mut edits = super::head::edits(body, &Will { output_cap: None, ..*will });
        edits.extend(UNCOUNTED.into_iter().map(Edit::remove));
        edits
    }

    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        super::request::counted(body, &Envelope::default())
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<String, Error> {
        let body = super::request::encode(request, target)?.body;
        let edits = UNCOUNTED.map(Edit::remove);
        Ok(parse_answer(body.as_bytes()).map_or_else(|_| body.clone(), |node| crate::head::copy(&node, &edits)))
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<u64, Malformed> {
        body.required("input_tokens", Node::integer)
    }

    fn encode_response(&self, input_tokens: u64) -> String {
        write::object(|o| {
            o.number("input_tokens", input_tokens);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    #[test]
    fn a_count_needs_no_cap_and_sends_none() {
        let body = parse(br#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_eq!(
            copy(&body, &CountTokens.edits(&body, &Will { model: "n", output_cap: Some(9), ..Will::default() })),
            r#"{"model":"n","messages":[{"role":"user","content":"hi"}]}"#
        );
        let body = parse(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_eq!(CountTokens.decode_request(&body).unwrap().max_output_tokens, None);
        let request = CountTokens.decode_request(&body).unwrap();
        assert_eq!(
            CountTokens
                .encode_request(&request, &Target { model: "n", default_output_cap: 5, ..Target::default() })
                .unwrap(),
            r#"{"model":"n","messages":[{"role":"user","content":[{"type":"text","text":"hi"}]}]}"#
        );
        assert_eq!(CountTokens.decode_response(&parse(CountTokens.encode_response(7).as_bytes()).unwrap()), Ok(7));
    }
}
