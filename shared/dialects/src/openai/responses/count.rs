//! `/v1/responses/input_tokens`: the same request without what governs the answer, answered by a number.

use crate::{
    codec::{Envelope, Target, Will},
    count::Count,
    head::{Edit, Head, copy},
    json::{Node, parse_answer, write},
    malformed::Malformed,
};
use domain::{Error, chat::Request};

/// The operation.
pub struct CountTokens;

/// The fields that count.
const COUNTED: [&str; 9] = [
    "input",
    "instructions",
    "model",
    "parallel_tool_calls",
    "reasoning",
    "text",
    "tool_choice",
    "tools",
    "truncation",
];

impl Count for CountTokens {
    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        super::head::head(body, envelope)
    }

    /// The edits that make a request a count of it.
    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        let uncounted = body.fields().iter().filter(|(key, _)| !COUNTED.contains(&key.as_ref()));
        let model = Edit::set(&["model"], write::quoted(will.model));
        uncounted.map(|(key, _)| Edit::remove(key)).chain([model]).collect()
    }

    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        super::request::decode(body, &Envelope::default())
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<String, Error> {
        let body = super::request::encode(request, target)?.body;
        let will = Will { model: target.model, ..Will::default() };
        Ok(parse_answer(body.as_bytes()).map_or_else(|_| body.clone(), |node| copy(&node, &self.edits(&node, &will))))
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<u64, Malformed> {
        body.required("input_tokens", Node::integer)
    }

    fn encode_response(&self, input_tokens: u64) -> String {
        write::object(|o| {
            o.string("object", "response.input_tokens").number("input_tokens", input_tokens);
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn a_count_is_of_what_goes_in() {
        let body =
            parse(br#"{"model":"m","input":"hi","store":false,"previous_response_id":"r","max_output_tokens":9}"#);
        let body = body.unwrap();
        let edits = CountTokens.edits(&body, &Will { model: "n", ..Will::default() });
        assert_eq!(copy(&body, &edits), r#"{"model":"n","input":"hi"}"#);
        assert_eq!(CountTokens.encode_response(7), r#"{"object":"response.input_tokens","input_tokens":7}"#);
    }
}
