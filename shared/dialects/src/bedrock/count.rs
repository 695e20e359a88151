//! CountTokens: `POST /model/{modelId}/count-tokens`, a request of either wire inside, answered by a number.

use super::{converse::Converse, invoke::INVOKE};
use crate::{
    codec::{Codec, Envelope, Target, Will},
    count::Count,
    head::{Edit, Head},
    json::{Node, parse, parse_answer, write},
    malformed::Malformed,
};
use base64::{Engine, engine::general_purpose::STANDARD};
use domain::{Error, chat::Request};

/// The operation.
pub struct CountTokens;

/// Fields of a Converse request that count.
const COUNTED: [&str; 4] = ["messages", "system", "toolConfig", "additionalModelRequestFields"];

/// The model is in the path, and nothing that is counted depends on it.
const ENVELOPE: Envelope<'static> = Envelope { model: Some("counted"), stream: Some(false) };

impl Count for CountTokens {
    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        Converse.head(body, envelope)
    }

    /// The path names the model.
    fn edits(&self, _: &Node<'_>, _: &Will<'_>) -> Vec<Edit> {
        Vec::new()
    }

    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        body.required("input", |input| match (input.get("converse"), input.get("invokeModel")) {
            (Some(request), _) => Converse.decode_request(request, &ENVELOPE).map_err(|e| e.under("converse")),
            (None, Some(request)) => request.required("body", invoked).map_err(|e| e.under("invokeModel")),
            (None, None) => Err(Malformed::invalid("`converse` or `invokeModel` is expected")),
        })
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<String, Error> {
        let body = Converse.encode_request(request, target)?.body;
        let node = parse_answer(body.as_bytes())?;
        Ok(write::object(|o| {
            o.object("input", |o| {
                o.object("converse", |o| {
                    for (key, value) in node.fields().iter().filter(|(key, _)| COUNTED.contains(&key.as_ref())) {
                        o.raw(key, value.raw);
                    }
                });
            });
        }))
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<u64, Malformed> {
        body.required("inputTokens", Node::integer)
    }

    fn encode_response(&self, input_tokens: u64) -> String {
        write::object(|o| {
            o.number("inputTokens", input_tokens);
        })
    }
}

fn invoked(body: &Node<'_>) -> Result<Request, Malformed> {
    let bytes = STANDARD.decode(body.string()?).map_err(|_| body.wrong("base64"))?;
    INVOKE.decode_request(&parse(&bytes)?, &ENVELOPE)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(body: &str) -> Result<Request, Malformed> {
        CountTokens.decode_request(&parse(body.as_bytes()).unwrap())
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
        let request = counted(converse).unwrap();
        let target = Target { model: "amazon.nova-lite-v1:0", ..Target::default() };
        let written = CountTokens.encode_request(&request, &target).unwrap();
        assert_eq!(written, r#"{"input":{"converse":{"messages":[{"role":"user","content":[{"text":"hi"}]}]}}}"#);
        let answer = CountTokens.encode_response(7);
        assert_eq!(CountTokens.decode_response(&parse(answer.as_bytes()).unwrap()), Ok(7));
    }
}
