//! CountTokens: `POST /model/{modelId}/count-tokens`, a request of either wire inside, answered by a number.

use super::{converse::Converse, invoke::INVOKE};
use crate::{
    codec::{Codec, Envelope},
    json::{Node, parse, write},
    malformed::Malformed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::chat::Request;

/// The model is in the path, and nothing that is counted depends on it.
const ENVELOPE: Envelope<'static> = Envelope { model: Some("counted"), stream: Some(false) };

/// What the caller wants counted.
pub fn decode_count(body: &Node<'_>) -> Result<Request, Malformed> {
    body.required("input", |input| match (input.get("converse"), input.get("invokeModel")) {
        (Some(request), _) => Converse.decode_request(request, &ENVELOPE).map_err(|e| e.under("converse")),
        (None, Some(request)) => request.required("body", invoked).map_err(|e| e.under("invokeModel")),
        (None, None) => Err(Malformed::invalid("`converse` or `invokeModel` is expected")),
    })
}

fn invoked(body: &Node<'_>) -> Result<Request, Malformed> {
    let bytes = STANDARD.decode(body.string()?).map_err(|_| body.wrong("base64"))?;
    INVOKE.decode_request(&parse(&bytes)?, &ENVELOPE)
}

/// The answer.
pub fn encode_count(input_tokens: u64) -> String {
    write::object(|o| {
        o.number("inputTokens", input_tokens);
    })
}

/// The number in Bedrock's answer.
pub fn read_count(body: &Node<'_>) -> Result<u64, Malformed> {
    body.required("inputTokens", Node::integer)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(body: &str) -> Result<Request, Malformed> {
        decode_count(&parse(body.as_bytes()).unwrap())
    }

    #[test]
    fn either_request_is_read_and_the_number_comes_back() {
        let converse = r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"hi"}]}],"system":[]}}}"#;
        let claude =
            r#"{"anthropic_version":"bedrock-2023-05-31","max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#;
        let invoke = format!(r#"{{"input":{{"invokeModel":{{"body":"{}"}}}}}}"#, STANDARD.encode(claude));
        for body in [converse, &invoke] {
            assert_eq!(counted(body).unwrap().messages.len(), 1, "{body}");
        }
        assert_eq!(counted(r#"{"input":{}}"#).unwrap_err().param.as_deref(), Some("input"));
        let damaged = counted(r#"{"input":{"invokeModel":{"body":"?"}}}"#).unwrap_err();
        assert_eq!(damaged.param.as_deref(), Some("input.invokeModel.body"));
        assert_eq!(read_count(&parse(encode_count(7).as_bytes()).unwrap()), Ok(7));
    }
}
