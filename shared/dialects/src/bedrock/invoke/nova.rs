//! Nova: Converse's request with a version, its own extra fields at the top, and other names for some settings.

use crate::{
    bedrock::converse::Converse,
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Will},
    framing::{Frame, Framing},
    head::{Change, Edit, Head},
    json::{
        Node, parse,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::{
    Error,
    chat::{Request, Response},
};
use std::borrow::Cow;

const SCHEMA: &str = "schemaVersion";
const VERSION: &str = "messages-v1";
const INFERENCE: &str = "inferenceConfig";
const ADDITIONAL: &str = "additionalModelRequestFields";
/// Fields that both have.
const SHARED: [&str; 3] = ["messages", "system", "toolConfig"];
/// Nova's other names of settings, and Converse's.
const SETTINGS: [(&str, &str); 4] =
    [("max_new_tokens", "maxTokens"), ("stop_sequences", "stopSequences"), ("top_k", "topK"), ("top_p", "topP")];
/// Settings that Converse has no field for.
const OWN_SETTING: &str = "topK";
/// Names of the output cap.
const CAPS: [&str; 2] = ["maxTokens", "max_new_tokens"];

/// The form.
pub struct Nova;

impl Codec for Nova {
    fn framing(&self) -> Framing {
        Converse.framing()
    }

    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        Converse.head(&parse(as_converse(body)?.as_bytes())?, envelope)
    }

    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        let mut edits: Vec<Edit> = will.drop.iter().map(|field| Edit::remove(field)).collect();
        edits.extend(will.rename.iter().map(|(ours, theirs)| Edit::rename(ours, theirs)));
        if let Some(cap) = will.output_cap {
            let named = body.get(INFERENCE).and_then(|config| CAPS.iter().find(|cap| config.get(cap).is_some()));
            let named = named.unwrap_or(&CAPS[0]);
            edits.push(Edit::set(&[INFERENCE, named], cap.to_string()));
            edits.extend(
                CAPS.iter().filter(|other| *other != named).map(|other| Edit {
                    path: vec![INFERENCE.to_owned(), (*other).to_owned()],
                    change: Change::Remove,
                }),
            );
        }
        edits
    }

    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        Converse.decode_request(&parse(as_converse(body)?.as_bytes())?, envelope)
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
        let Encoded { body, mut dropped } = Converse.encode_request(request, target)?;
        let node = parse(body.as_bytes()).map_err(Error::from)?;
        let body = from_converse(&node, &mut dropped);
        Ok(Encoded { body, dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        Converse.decode_response(body)
    }

    fn encode_response(&self, response: &Response, reply: &Reply<'_>) -> String {
        Converse.encode_response(response, reply)
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Converse.decoder()
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        Converse.encoder(reply)
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        Converse.glance(frame)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        Converse.glance_response(body)
    }
}

/// The request as Converse would have it: Nova's own fields among the additional ones.
fn as_converse(body: &Node<'_>) -> Result<String, Malformed> {
    let settings = body.optional(INFERENCE, settings)?;
    let own = body.fields().iter().filter(|(key, _)| {
        let key = key.as_ref();
        !SHARED.contains(&key) && key != SCHEMA && key != INFERENCE
    });
    let own: Vec<_> = own.collect();
    let (shared, nested) = settings.unwrap_or_default();
    Ok(write::object(|o| {
        copied(body.fields().iter().filter(|(key, _)| SHARED.contains(&key.as_ref())), o);
        if !shared.is_empty() {
            o.object(INFERENCE, |o| texts(&shared, o));
        }
        if !own.is_empty() || !nested.is_empty() {
            o.object(ADDITIONAL, |o| {
                copied(own.iter().copied(), o);
                if !nested.is_empty() {
                    o.object(INFERENCE, |o| texts(&nested, o));
                }
            });
        }
    }))
}

type Fields = Vec<(String, String)>;

fn texts(fields: &Fields, o: &mut Object<'_>) {
    for (key, text) in fields {
        o.raw(key, text);
    }
}

/// Fields as they were written.
fn copied<'n, 'a: 'n>(fields: impl Iterator<Item = &'n (Cow<'a, str>, Node<'a>)>, o: &mut Object<'_>) {
    for (key, value) in fields {
        o.raw(key, value.raw);
    }
}

/// Settings under Converse's names, and those it does not have; one under two names is refused.
fn settings(config: &Node<'_>) -> Result<(Fields, Fields), Malformed> {
    let (mut shared, mut own): (Fields, Fields) = Default::default();
    for (key, value) in config.object()?.fields() {
        let name = SETTINGS.iter().find(|(theirs, _)| key == theirs).map_or(key.as_ref(), |(_, ours)| ours);
        let fields = if name == OWN_SETTING { &mut own } else { &mut shared };
        if fields.iter().any(|(taken, _)| taken == name) {
            return Err(Malformed::invalid(format!("given twice: it is another name of `{name}`")).under(key));
        }
        fields.push((name.to_owned(), value.raw.to_owned()));
    }
    Ok((shared, own))
}

/// The request as Nova has it. What is a header of this operation is named.
fn from_converse(body: &Node<'_>, dropped: &mut Vec<String>) -> String {
    let additional = body.get(ADDITIONAL).map(Node::fields).unwrap_or_default();
    let nested = additional.iter().find(|(key, _)| key == INFERENCE).map(|(_, node)| node.fields()).unwrap_or_default();
    let shared = body.get(INFERENCE).map(Node::fields).unwrap_or_default();
    let known = |key: &str| SHARED.contains(&key) || key == INFERENCE || key == ADDITIONAL;
    dropped.extend(body.fields().iter().filter(|(key, _)| !known(key)).map(|(key, _)| key.to_string()));
    write::object(|o| {
        o.string(SCHEMA, VERSION);
        copied(body.fields().iter().filter(|(key, _)| SHARED.contains(&key.as_ref())), o);
        if !(shared.is_empty() && nested.is_empty()) {
            o.object(INFERENCE, |o| copied(shared.iter().chain(nested), o));
        }
        copied(additional.iter().filter(|(key, _)| key != INFERENCE), o);
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::head::copy;

    const ENVELOPE: Envelope<'static> = Envelope { model: Some("amazon.nova-lite-v1:0"), stream: Some(false) };

    fn read(text: &str) -> Result<Request, Malformed> {
        Nova.decode_request(&parse(text.as_bytes()).unwrap(), &ENVELOPE)
    }

    #[test]
    fn either_name_of_a_setting_is_read_and_converses_is_written() {
        let body = r#"{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"max_new_tokens":9,"top_p":0.9,"top_k":20,"temperature":0.50},"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}}"#;
        let request = read(body).unwrap();
        assert_eq!(request.max_output_tokens, Some(9));
        assert_eq!(request.sampling.top_k.as_ref().unwrap().as_str(), "20");
        let target = Target { model: "amazon.nova-2-lite-v1:0", ..Target::default() };
        let encoded = Nova.encode_request(&request, &target).unwrap();
        assert_eq!(
            encoded.body,
            r#"{"schemaVersion":"messages-v1","messages":[{"role":"user","content":[{"text":"hi"}]}],"inferenceConfig":{"maxTokens":9,"temperature":0.50,"topP":0.9,"topK":20},"reasoningConfig":{"type":"enabled","maxReasoningEffort":"low"}}"#
        );
        assert_eq!(encoded.dropped, Vec::<String>::new());
    }

    #[test]
    fn i5_a_setting_under_both_its_names_is_refused() {
        let body = r#"{"messages":[],"inferenceConfig":{"max_new_tokens":9,"maxTokens":8}}"#;
        assert_eq!(read(body).unwrap_err().param.as_deref(), Some("inferenceConfig.maxTokens"));
    }

    #[test]
    fn m3_the_cap_goes_where_the_request_has_one() {
        let will = Will { output_cap: Some(5), ..Will::default() };
        for (body, copied) in [
            (r#"{"inferenceConfig":{"max_new_tokens":9}}"#, r#"{"inferenceConfig":{"max_new_tokens":5}}"#),
            (r#"{"inferenceConfig":{"topK":1}}"#, r#"{"inferenceConfig":{"topK":1,"maxTokens":5}}"#),
            (r#"{"a":1}"#, r#"{"a":1,"inferenceConfig":{"maxTokens":5}}"#),
        ] {
            let node = parse(body.as_bytes()).unwrap();
            assert_eq!(copy(&node, &Nova.edits(&node, &will)), copied);
        }
    }
}
