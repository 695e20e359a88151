//! `openai.compactions`: a long conversation made short, for the model alone to read on.

use super::responses::{check_input, is_media};
use crate::{
    codec::{Envelope, Will},
    head::{Edit, copy},
    json::Node,
    malformed::Malformed,
    openai::chat::usage,
    service::{Ask, Body, Offer, Said, edits, failure, model_of},
};
use domain::media::Units;

/// The service.
pub struct Compactions;

impl Offer for Compactions {
    fn ask(&self, body: &Body<'_>, envelope: &Envelope<'_>) -> Result<Ask, Malformed> {
        let node = body.json()?;
        check_input(node)?;
        let items = node.get("input").map(Node::elements).unwrap_or_default();
        Ok(Ask {
            model: model_of(body, envelope, None)?,
            text_bytes: node.raw.len(),
            input_images: items.iter().filter(|item| is_media(item)).count() as u64,
            ..Ask::default()
        })
    }

    /// `input` holds the conversation already: the provider has no part in keeping it.
    fn pass(&self, body: &Node<'_>, will: &Will<'_>) -> String {
        let mut edits = edits(body, will);
        if body.fields().iter().any(|(key, _)| key == "previous_response_id") {
            edits.push(Edit::remove("previous_response_id"));
        }
        copy(body, &edits)
    }

    fn said(&self, body: &Node<'_>, _: &dyn Fn(&str) -> Option<u64>) -> Result<Said, Malformed> {
        if let Some(error) = failure(body) {
            return Ok(Said { error: Some(error), ..Said::default() });
        }
        body.object()?.required("output", |output| output.each(|item| item.object().map(drop)))?;
        Ok(Said { usage: usage::of(body), units: Units::default(), error: None })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    fn asked(body: &str) -> Result<Ask, Malformed> {
        Compactions.ask(&Body::Json(&parse(body.as_bytes()).unwrap()), &Envelope::default())
    }

    #[test]
    fn m3_what_is_made_short_is_bounded_by_its_bytes_and_its_media() {
        let body = r#"{"model":"m","input":[{"role":"user","content":[{"type":"input_image","image_url":"u"},{"type":"input_text","text":"t"}]},{"type":"compaction","encrypted_content":"x"}]}"#;
        let ask = asked(body).unwrap();
        assert_eq!((ask.model.as_str(), ask.text_bytes, ask.input_images), ("m", body.len(), 1));
        assert!(asked(r#"{"model":"m","previous_response_id":"resp_1"}"#).is_ok());
        for nothing in
            [r#"{"model":"m"}"#, r#"{"model":"m","input":[]}"#, r#"{"input":"a"}"#, r#"{"model":"m","input":7}"#]
        {
            assert!(asked(nothing).is_err(), "{nothing}");
        }
    }

    #[test]
    fn the_provider_is_given_the_whole_conversation_and_no_id_of_ours() {
        let body = br#"{"model":"a","input":[1.0],"previous_response_id":"resp_1","instructions":null}"#;
        let sent = Compactions.pass(&parse(body).unwrap(), &Will { model: "b", ..Will::default() });
        assert_eq!(sent, r#"{"model":"b","input":[1.0],"instructions":null}"#);
    }

    #[test]
    fn u6_an_answer_without_output_is_no_answer() {
        let said = |body: &str| Compactions.said(&parse(body.as_bytes()).unwrap(), &|_| None);
        for body in ["{}", r#"{"output":null}"#, r#"{"output":[7]}"#, "[]"] {
            assert!(said(body).is_err(), "{body}");
        }
        assert!(said(r#"{"error":{"message":"no"}}"#).unwrap().error.is_some());
        let whole = r#"{"object":"response.compaction","output":[{"type":"compaction"}],"usage":{"input_tokens":9,"output_tokens":4}}"#;
        assert_eq!(said(whole).unwrap().usage.output, Some(4));
    }
}
