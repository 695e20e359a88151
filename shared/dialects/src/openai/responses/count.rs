//! `/v1/responses/input_tokens`: the same request without what governs the answer, answered by a number.

use crate::{
    codec::{Envelope, Will},
    head::Edit,
    json::{Node, write},
    malformed::Malformed,
};
use domain::chat::Request;

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

/// What the caller wants counted.
pub fn decode_count(body: &Node<'_>) -> Result<Request, Malformed> {
    super::request::decode(body, &Envelope::default())
}

/// The edits that make a request a count of it.
pub fn count_edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let uncounted = body.fields().iter().filter(|(key, _)| !COUNTED.contains(&key.as_ref()));
    let model = Edit::set(&["model"], write::quoted(will.model));
    uncounted.map(|(key, _)| Edit::remove(key)).chain([model]).collect()
}

/// The answer.
pub fn encode_count(input_tokens: u64) -> String {
    write::object(|o| {
        o.string("object", "response.input_tokens").number("input_tokens", input_tokens);
    })
}

/// The number in a provider's answer.
pub fn read_count(body: &Node<'_>) -> Result<u64, Malformed> {
    body.required("input_tokens", Node::integer)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    #[test]
    fn a_count_is_of_what_goes_in() {
        let body =
            parse(br#"{"model":"m","input":"hi","store":false,"previous_response_id":"r","max_output_tokens":9}"#);
        let body = body.unwrap();
        let edits = count_edits(&body, &Will { model: "n", ..Will::default() });
        assert_eq!(copy(&body, &edits), r#"{"model":"n","input":"hi"}"#);
        assert_eq!(encode_count(7), r#"{"object":"response.input_tokens","input_tokens":7}"#);
    }
}
