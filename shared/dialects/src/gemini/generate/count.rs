//! `:countTokens`: contents alone, or a whole request under `generateContentRequest`.

use super::{fields, head, request};
use crate::{
    codec::{Envelope, Target, Will},
    head::{Change, Edit, Head},
    json::{Node, write},
    malformed::Malformed,
};
use domain::{Error, chat::Request};

/// The field that holds a whole request.
const WHOLE: &str = "generateContentRequest";

/// The fields the gateway itself needs.
pub fn count_head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    let whole = fields::optional(body.object()?, WHOLE, Ok)?;
    let envelope = Envelope { stream: Some(false), ..*envelope };
    match whole {
        Some(whole) => head::head(whole, &envelope).map_err(|problem| problem.under(WHOLE)),
        None => head::head(body, &envelope),
    }
}

/// What the caller wants counted.
pub fn decode_count(body: &Node<'_>) -> Result<Request, Malformed> {
    match fields::get(body, WHOLE) {
        Some(whole) => request::counted(whole).map_err(|problem| problem.under(WHOLE)),
        None => request::counted(body),
    }
}

/// The edits that put the gateway's will into a count that passes through: a whole request names its model.
pub fn count_edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::remove("model")];
    if fields::get(body, WHOLE).is_some() {
        let path = vec![fields::key(body, WHOLE).to_owned(), "model".to_owned()];
        edits.push(Edit { path, change: Change::Set(write::quoted(&format!("models/{}", will.model))) });
    }
    edits
}

/// A count of a request in another dialect.
///
/// # Errors
/// The caller's 400: media that the provider cannot be given.
pub fn encode_request(request: &Request, target: &Target<'_>) -> Result<String, Error> {
    let body = super::request::encode(request, target)?.body;
    Ok(write::object(|o| {
        o.raw(WHOLE, &named(&body, target.model));
    }))
}

/// The request with its model's name in it.
fn named(body: &str, model: &str) -> String {
    let model = write::quoted(&format!("models/{model}"));
    match body.strip_prefix('{') {
        Some("}") | None => format!(r#"{{"model":{model}}}"#),
        Some(rest) => format!(r#"{{"model":{model},{rest}"#),
    }
}

/// The answer.
pub fn encode_count(input_tokens: u64) -> String {
    write::object(|o| {
        o.number("totalTokens", input_tokens);
    })
}

/// The number in a provider's answer.
pub fn read_count(body: &Node<'_>) -> Result<u64, Malformed> {
    fields::required(body, "totalTokens", Node::integer)
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
            assert_eq!(count_head(&body, &envelope).unwrap().model, "m");
            assert_eq!(decode_count(&body).unwrap().messages.len(), 1);
            let sent = copy(&body, &count_edits(&body, &Will { model: "n", ..Will::default() }));
            assert_eq!(sent, text.replace("models/m", "models/n"));
        }
        assert!(decode_count(&parse(b"{}").unwrap()).is_err());
    }

    #[test]
    fn a_count_of_another_dialects_request_is_a_whole_one() {
        let body = parse(br#"{"contents":[{"role":"user","parts":[{"text":"hi"}]}]}"#).unwrap();
        let request = decode_count(&body).unwrap();
        assert_eq!(
            encode_request(&request, &Target { model: "g", ..Target::default() }).unwrap(),
            r#"{"generateContentRequest":{"model":"models/g","contents":[{"role":"user","parts":[{"text":"hi"}]}]}}"#
        );
        assert_eq!(read_count(&parse(encode_count(7).as_bytes()).unwrap()), Ok(7));
    }
}
