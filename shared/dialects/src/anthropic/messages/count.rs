//! `/v1/messages/count_tokens`: the same request without an output cap, answered by a number.

use crate::{
    codec::{Envelope, Will},
    head::{Edit, Head},
    json::{Node, write},
    malformed::Malformed,
};
use domain::chat::Request;

/// The fields the gateway itself needs.
pub fn count_head(body: &Node<'_>) -> Result<Head, Malformed> {
    super::head::head(body, &Envelope::default())
}

/// What the caller wants counted.
pub fn decode_count(body: &Node<'_>) -> Result<Request, Malformed> {
    super::request::counted(body, &Envelope::default())
}

/// The edits that put the gateway's will into a count that otherwise passes through: counting takes neither an output cap
/// nor a stream.
pub fn count_edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = super::head::edits(body, &Will { output_cap: None, ..*will });
    edits.extend(["max_tokens", "stream"].into_iter().map(Edit::remove));
    edits
}

/// The answer.
pub fn encode_count(input_tokens: u64) -> String {
    write::object(|o| {
        o.number("input_tokens", input_tokens);
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
    fn a_count_needs_no_cap_and_sends_none() {
        let body = parse(br#"{"model":"m","max_tokens":5,"messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_eq!(
            copy(&body, &count_edits(&body, &Will { model: "n", output_cap: Some(9), ..Will::default() })),
            r#"{"model":"n","messages":[{"role":"user","content":"hi"}]}"#
        );
        let body = parse(br#"{"model":"m","messages":[{"role":"user","content":"hi"}]}"#).unwrap();
        assert_eq!(decode_count(&body).unwrap().max_output_tokens, None);
        assert_eq!(read_count(&parse(encode_count(7).as_bytes()).unwrap()), Ok(7));
    }
}
