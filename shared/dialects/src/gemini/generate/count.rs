//! `:countTokens`: contents alone, or a whole request under `generateContentRequest`.

use super::{fields, head, request};
use crate::{
    codec::{Envelope, Target, Will},
    count::Count,
    head::{Change, Edit, Head},
    json::{Node, write},
    malformed::Malformed,
};
use domain::{Error, chat::Request};

/// The field that holds a whole request.
const WHOLE: &str = "generateContentRequest";

/// The operation.
pub struct CountTokens;

impl Count for CountTokens {
    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        match fields::optional(body.object()?, WHOLE, Ok)? {
            Some(whole) => head::head(whole, envelope).map_err(|problem| problem.under(WHOLE)),
            None => head::head(body, envelope),
        }
    }

    /// A whole request names its model.
    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        let mut edits = vec![Edit::remove("model")];
        if fields::get(body, WHOLE).is_some() {
            let path = vec![fields::key(body, WHOLE).to_owned(), "model".to_owned()];
            edits.push(Edit { path, change: Change::Set(write::quoted(&format!("models/{}", will.model))) });
        }
        edits
    }

    fn decode_request(&self, body: &Node<'_>) -> Result<Request, Malformed> {
        match fields::get(body, WHOLE) {
            Some(whole) => request::counted(whole).map_err(|problem| problem.under(WHOLE)),
            None => request::counted(body),
        }
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<String, Error> {
        let body = request::encode(request, target)?.body;
        Ok(write::object(|o| {
            o.raw(WHOLE, &named(&body, target.model));
        }))
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<u64, Malformed> {
        fields::required(body, "totalTokens", Node::integer)
    }

    fn encode_response(&self, input_tokens: u64) -> String {
        write::object(|o| {
            o.number("totalTokens", input_tokens);
        })
    }
}

/// The request with its model's name in it.
fn named(body: &str, model: &str) -> String {
    let model = write::quoted(&format!("models/{model}"));
    match body.strip_prefix('{') {
        Some("}") | None => format!(r#"{{"model":{model}}}"#),
        Some(rest) => format!(r#"{{"model":{model},{rest}"#),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    #[test]
    fn both_forms_are_counted_and_a_whole_request_names_its_model() {
        let envelope = Envelope { model: Some("m"), stream: None };
        for text in [
            r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#,
            r#"{"generate_content_request":{"model":"models/m","contents":[{"parts":[{"text":"hi"}]}]}}"#,
        ] {
            let body = parse(text.as_bytes()).unwrap();
            assert_eq!(CountTokens.head(&body, &envelope).unwrap().model, "m");
            assert_eq!(CountTokens.decode_request(&body).unwrap().messages.len(), 1);
            let sent = copy(&body, &CountTokens.edits(&body, &Will { model: "n", ..Will::default() }));
            assert_eq!(sent, text.replace("models/m", "models/n"));
        }
        assert!(CountTokens.decode_request(&parse(b"{}").unwrap()).is_err());
    }

    #[test]
    fn a_count_of_another_dialects_request_is_a_whole_one() {
        let body = parse(br#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#).unwrap();
        let request = CountTokens.decode_request(&body).unwrap();
        assert_eq!(
            CountTokens.encode_request(&request, &Target { model: "g", ..Target::default() }).unwrap(),
            r#"{"generateContentRequest":{"model":"models/g","contents":[{"role":"user","parts":[{"text":"hi"}]}]}}"#
        );
        assert_eq!(CountTokens.decode_response(&parse(CountTokens.encode_response(7).as_bytes()).unwrap()), Ok(7));
    }
}
