//! The fast path of requests: what the gateway needs to know, and what it changes.

use super::content::is_words;
use crate::{
    codec::{Envelope, Will},
    head::{Edit, Head, refuse_forbidden},
    json::{Node, write},
    malformed::Malformed,
};

/// The longest model name in bytes [I1].
const MAX_MODEL: usize = 256;
/// The most of each list [I1].
const MOST: [(&str, usize); 3] = [("documents", 100_000), ("messages", 100_000), ("tools", 256)];

pub fn head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    refuse_forbidden(body.object()?)?;
    check_sizes(body)?;
    Ok(Head {
        model: model(body, envelope)?,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: false,
        output_cap: output_cap(body)?,
        n: 1,
        metadata: Vec::new(),
        media: has_media(body),
    })
}

/// `model`, or the one in the path.
pub fn model(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<String, Malformed> {
    match (body.get("model"), envelope.model) {
        (None, Some(model)) => Ok(model.to_owned()),
        _ => body.required("model", name),
    }
}

fn name(node: &Node<'_>) -> Result<String, Malformed> {
    let name = node.text()?;
    match name.len() {
        0 => Err(Malformed::invalid("the model's name is empty")),
        1..=MAX_MODEL => Ok(name),
        _ => Err(Malformed::invalid(format!("the model's name is longer than {MAX_MODEL} bytes"))),
    }
}

/// `messages` must be there; lists must not be endless [I1].
pub fn check_sizes(body: &Node<'_>) -> Result<(), Malformed> {
    body.required("messages", |node| match node.elements() {
        _ if !node.is_array() => Err(node.wrong("an array")),
        [] => Err(Malformed::invalid("at least one message is required").with_code("empty_array")),
        _ => Ok(()),
    })?;
    for (key, most) in MOST {
        let count = body.get(key).map_or(0, |list| list.elements().len());
        if count > most {
            return Err(Malformed::invalid(format!("{count} elements, at most {most} are taken")).under(key));
        }
    }
    Ok(())
}

/// `max_tokens`: at least one.
pub fn output_cap(body: &Node<'_>) -> Result<Option<u64>, Malformed> {
    body.optional("max_tokens", |node| match node.integer()? {
        0 => Err(Malformed::invalid("at least one token must be allowed")),
        cap => Ok(cap),
    })
}

/// Whether any message carries more than words.
fn has_media(body: &Node<'_>) -> bool {
    let messages = body.get("messages").map(Node::elements).unwrap_or_default();
    let mut parts = messages.iter().filter_map(|message| message.get("content")).flat_map(Node::elements);
    parts.any(|part| !is_words(part.str_of("type").unwrap_or("text")))
}

/// Usage comes with every stream: nothing asks for it.
pub fn edits(will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::set(&["model"], write::quoted(will.model))];
    edits.extend(will.output_cap.map(|cap| Edit::set(&["max_tokens"], cap.to_string())));
    edits.extend(will.drop.iter().map(|field| Edit::remove(field)));
    edits.extend(will.rename.iter().map(|(ours, theirs)| Edit::rename(ours, theirs)));
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    fn read(body: &str) -> Result<Head, Malformed> {
        head(&parse(body.as_bytes()).unwrap(), &Envelope::default())
    }

    #[test]
    fn a_head_says_what_the_gateway_needs() {
        let head = read(
            r#"{"model":"command-a-03-2025","stream":true,"max_tokens":9,"messages":[{"role":"user","content":"hi"}]}"#,
        )
        .unwrap();
        assert_eq!(
            (head.model.as_str(), head.stream, head.output_cap, head.n),
            ("command-a-03-2025", true, Some(9), 1)
        );
        assert!(!head.media);
    }

    #[test]
    fn m11_images_are_media_documents_are_text() {
        let with = |part: &str| read(&format!(r#"{{"model":"m","messages":[{{"role":"user","content":[{part}]}}]}}"#));
        assert!(with(r#"{"type":"image_url","image_url":{"url":"https://x/y.png"}}"#).unwrap().media);
        assert!(!with(r#"{"type":"document","document":{"data":{"a":"b"}}}"#).unwrap().media);
    }

    #[test]
    fn i5_what_is_out_of_bounds_is_refused_by_name() {
        for (body, param) in [
            (r#"{"messages":[{"role":"user","content":"x"}]}"#, "model"),
            (r#"{"model":"","messages":[{"role":"user","content":"x"}]}"#, "model"),
            (r#"{"model":"m","messages":[]}"#, "messages"),
            (r#"{"model":"m","messages":[{}],"max_tokens":0}"#, "max_tokens"),
            (r#"{"model":"m","messages":[{}],"max_tokens":1.5}"#, "max_tokens"),
            (r#"{"model":"m","messages":[{}],"api_base":"x"}"#, "api_base"),
        ] {
            assert_eq!(read(body).unwrap_err().param.as_deref(), Some(param), "{body}");
        }
    }

    #[test]
    fn m3_the_cap_replaces_the_requests_own() {
        let body = r#"{"model":"a","messages":[],"max_tokens":100,"k":1}"#;
        let will = Will { model: "b", output_cap: Some(7), ..Will::default() };
        let copied = copy(&parse(body.as_bytes()).unwrap(), &edits(&will));
        assert_eq!(copied, r#"{"model":"b","messages":[],"max_tokens":7,"k":1}"#);
    }
}
