//! The fast path: what the gateway reads of a request, and what it changes in one that passes through.

use crate::{
    codec::{Envelope, Will},
    head::{Edit, Head, refuse_forbidden},
    json::{MAX_INTEGER, Node, write},
    malformed::Malformed,
};

/// The longest model name, in bytes [I1].
const MAX_MODEL: usize = 256;
/// The most messages of a request [I1].
const MAX_MESSAGES: usize = 100_000;
/// The most tools of a request [I1].
const MAX_TOOLS: usize = 256;
/// The most pairs of metadata, and the most bytes of each key and value [I1].
const MAX_METADATA: (usize, usize) = (16, 512);
/// The smallest thinking budget the provider takes.
pub const MIN_BUDGET: u64 = 1024;

/// The fields the gateway itself needs. `max_tokens` is not asked for: a count of tokens has none.
pub fn head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    body.object()?;
    refuse_forbidden(body)?;
    within_limits(body)?;
    Ok(Head {
        model: named(body, envelope)?,
        stream: body.optional("stream", Node::boolean)?.unwrap_or(false),
        stream_usage: false,
        output_cap: body.optional("max_tokens", cap)?,
        n: 1,
        metadata: body.optional("metadata", pairs)?.unwrap_or_default(),
        media: holds_media(body),
    })
}

/// `model`, or the one in the path (Bedrock's).
pub fn named(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<String, Malformed> {
    match (body.get("model"), envelope.model) {
        (None, Some(model)) => Ok(model.to_owned()),
        _ => body.required("model", model),
    }
}

/// The model's name, not empty and not too long.
pub fn model(node: &Node<'_>) -> Result<String, Malformed> {
    match node.string()? {
        "" => Err(Malformed::invalid("the name of a model is expected")),
        name if name.len() > MAX_MODEL => Err(Malformed::invalid("the name is longer than 256 bytes")),
        name => Ok(name.to_owned()),
    }
}

/// An output cap: at least one token.
pub fn cap(node: &Node<'_>) -> Result<u64, Malformed> {
    match node.integer()? {
        0 => Err(Malformed::invalid("at least 1 is expected")),
        cap => Ok(cap),
    }
}

/// How much there may be of everything [I1].
pub fn within_limits(body: &Node<'_>) -> Result<(), Malformed> {
    for (field, most) in [("messages", MAX_MESSAGES), ("tools", MAX_TOOLS)] {
        if body.get(field).is_some_and(|node| node.elements().len() > most) {
            return Err(Malformed::invalid(format!("more than {most} are not accepted")).under(field));
        }
    }
    Ok(())
}

/// The text pairs of `metadata`.
pub fn pairs(metadata: &Node<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let (most, longest) = MAX_METADATA;
    let fields = metadata.object()?.fields();
    if fields.len() > most {
        return Err(Malformed::invalid(format!("more than {most} pairs are not accepted")));
    }
    if let Some((key, _)) =
        fields.iter().find(|(key, value)| key.len() > longest || value.as_str().is_some_and(|v| v.len() > longest))
    {
        return Err(Malformed::invalid(format!("longer than {longest} bytes")).under(key));
    }
    Ok(fields.iter().filter_map(|(key, value)| Some((key.to_string(), value.as_str()?.to_owned()))).collect())
}

/// Media whose tokens do not follow from their bytes: images, documents that are not text, uploads to a container.
fn holds_media(body: &Node<'_>) -> bool {
    let messages = body.get("messages").map(Node::elements).unwrap_or_default();
    messages.iter().any(|message| message.get("content").is_some_and(any_media))
}

fn any_media(content: &Node<'_>) -> bool {
    content.elements().iter().any(|block| match block.str_of("type") {
        Some("container_upload" | "image") => true,
        Some("document") => match block.get("source") {
            Some(source) if source.str_of("type") == Some("text") => false,
            Some(source) if source.str_of("type") == Some("content") => source.get("content").is_some_and(any_media),
            _ => true,
        },
        _ => block.get("content").is_some_and(any_media),
    })
}

/// The edits that put the gateway's will into a request that otherwise passes through.
pub fn edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::set(&["model"], write::quoted(will.model))];
    if let Some(cap) = will.output_cap {
        edits.push(Edit::set(&["max_tokens"], cap.to_string()));
        edits.extend(thinking_under(body, cap));
    }
    edits.extend(will.drop.iter().map(|field| Edit::remove(field)));
    edits.extend(will.rename.iter().map(|(ours, theirs)| Edit::rename(ours, theirs)));
    edits
}

/// A thinking budget must stay below the cap: one that does not any more is halved into it, or thinking is turned off.
fn thinking_under(body: &Node<'_>, cap: u64) -> Option<Edit> {
    let budget = body.get("thinking")?.get("budget_tokens")?.as_integer().filter(|budget| *budget <= MAX_INTEGER)?;
    match (budget >= cap, under_cap(budget, MIN_BUDGET, cap)) {
        (false, _) => None,
        (true, Some(budget)) => Some(Edit::set(&["thinking", "budget_tokens"], budget.to_string())),
        (true, None) => Some(Edit::set(&["thinking"], r#"{"type":"disabled"}"#)),
    }
}

/// A thinking budget that fits below a cap that cannot be raised, leaving room to answer; `None` if no budget of at least `least`
/// fits.
pub fn under_cap(budget: u64, least: u64, cap: u64) -> Option<u64> {
    match budget.max(least) {
        fits if fits < cap => Some(fits),
        _ if cap > least => Some((cap / 2).max(least)),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    fn read(body: &str) -> Result<Head, Malformed> {
        head(&parse(body.as_bytes()).unwrap(), &Envelope::default())
    }

    fn passed(body: &str, will: &Will<'_>) -> String {
        let body = parse(body.as_bytes()).unwrap();
        copy(&body, &edits(&body, will))
    }

    #[test]
    fn the_head_is_what_the_gateway_needs() {
        let head = read(
            r#"{"model":"claude","max_tokens":7,"stream":true,"metadata":{"user_id":"u"},"messages":[{"role":"user",
                "content":[{"type":"tool_result","tool_use_id":"t","content":[{"type":"image","source":{}}]}]}]}"#,
        )
        .unwrap();
        assert_eq!((head.model.as_str(), head.stream, head.output_cap, head.n), ("claude", true, Some(7), 1));
        assert_eq!(head.metadata, [("user_id".to_owned(), "u".to_owned())]);
        assert!(head.media);
    }

    #[test]
    fn plain_text_documents_are_no_media() {
        let document = |source: &str| {
            read(&format!(
                r#"{{"model":"m","messages":[{{"role":"user","content":[{{"type":"document","source":{source}}}]}}]}}"#
            ))
        };
        assert!(!document(r#"{"type":"text","media_type":"text/plain","data":"x"}"#).unwrap().media);
        assert!(document(r#"{"type":"url","url":"https://x/y.pdf"}"#).unwrap().media);
    }

    #[test]
    fn i5_numbers_are_whole_and_caps_are_positive() {
        for (body, param) in [
            (r#"{"model":"m","max_tokens":"5"}"#, "max_tokens"),
            (r#"{"model":"m","max_tokens":0}"#, "max_tokens"),
            (r#"{"model":"m","max_tokens":1e3}"#, "max_tokens"),
            (r#"{"model":"m","stream":"yes"}"#, "stream"),
            (r#"{"max_tokens":5}"#, "model"),
            (r#"{"model":""}"#, "model"),
        ] {
            assert_eq!(read(body).unwrap_err().param.as_deref(), Some(param), "{body}");
        }
    }

    #[test]
    fn i1_too_much_is_refused() {
        let tools = vec!["{}"; 257].join(",");
        assert_eq!(read(&format!(r#"{{"model":"m","tools":[{tools}]}}"#)).unwrap_err().param.as_deref(), Some("tools"));
        let long = "x".repeat(257);
        assert_eq!(read(&format!(r#"{{"model":"{long}"}}"#)).unwrap_err().param.as_deref(), Some("model"));
        let long = "x".repeat(513);
        let body = format!(r#"{{"model":"m","metadata":{{"a":"{long}"}}}}"#);
        assert_eq!(read(&body).unwrap_err().param.as_deref(), Some("metadata.a"));
    }

    #[test]
    fn m3_the_cap_is_written_and_thinking_stays_below_it() {
        let body = r#"{"model":"a","max_tokens":9000,"thinking":{"type":"enabled","budget_tokens":5000,"x":1.0}}"#;
        let will = |cap| Will { model: "b", output_cap: Some(cap), ..Will::default() };
        assert_eq!(
            passed(body, &will(4096)),
            r#"{"model":"b","max_tokens":4096,"thinking":{"type":"enabled","budget_tokens":2048,"x":1.0}}"#
        );
        assert_eq!(passed(body, &will(1000)), r#"{"model":"b","max_tokens":1000,"thinking":{"type":"disabled"}}"#);
        assert_eq!(passed(r#"{"model":"a"}"#, &will(5)), r#"{"model":"b","max_tokens":5}"#);
    }

    #[test]
    fn quirks_drop_and_rename() {
        let (drop, rename) = (["top_k".to_owned()], [("max_tokens".to_owned(), "limit".to_owned())]);
        let will = Will { model: "b", drop: &drop, rename: &rename, ..Will::default() };
        assert_eq!(passed(r#"{"model":"a","top_k":1,"max_tokens":5}"#, &will), r#"{"model":"b","limit":5}"#);
    }
}
