//! The fast path: what the gateway reads of a Converse request, and what it changes in one.

use crate::{
    codec::{Envelope, Will},
    head::{Change, Edit, Head, refuse_forbidden},
    json::Node,
    malformed::Malformed,
};

/// Names under which models take an output cap of their own; beside `inferenceConfig.maxTokens` they would outbid it.
pub const OTHER_CAPS: [&str; 6] =
    ["max_tokens", "max_completion_tokens", "max_new_tokens", "max_gen_len", "max_tokens_to_sample", "maxTokens"];

/// Blocks whose tokens are not bounded by their bytes.
const MEDIA: [&str; 4] = ["audio", "document", "image", "video"];

/// The most messages [I1].
const MESSAGES: usize = 100_000;
/// The most tools, cache points aside [I1].
const TOOLS: usize = 256;

/// The least budget Claude thinks with.
const LEAST_BUDGET: u64 = 1024;

/// The fields the gateway needs; the model and the kind of answer are in the path.
pub fn head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    body.object()?;
    refuse_forbidden(body)?;
    within_limits(body)?;
    Ok(Head {
        model: model(envelope)?,
        stream: envelope.stream.unwrap_or(false),
        stream_usage: true,
        output_cap: output_cap(body)?,
        n: 1,
        metadata: metadata(body)?,
        media: has_media(body),
    })
}

/// Not too many messages, not too many tools [I1].
pub fn within_limits(body: &Node<'_>) -> Result<(), Malformed> {
    let count = |node: Option<&Node<'_>>| node.map_or(0, |node| node.elements().len());
    let tools = body.get("toolConfig").and_then(|config| config.get("tools"));
    let points = tools.map_or(0, |t| t.elements().iter().filter(|tool| tool.get("cachePoint").is_some()).count());
    if count(body.get("messages")) > MESSAGES {
        return Err(Malformed::invalid("more than 100,000 messages").under("messages"));
    }
    if count(tools) - points > TOOLS {
        return Err(Malformed::invalid("more than 256 tools").under("tools").under("toolConfig"));
    }
    Ok(())
}

/// The model in the path, at most 256 bytes [I1].
pub fn model(envelope: &Envelope<'_>) -> Result<String, Malformed> {
    match envelope.model {
        Some("") | None => Err(Malformed::missing("modelId")),
        Some(model) if model.len() > 256 => Err(Malformed::invalid("longer than 256 bytes").under("modelId")),
        Some(model) => Ok(model.to_owned()),
    }
}

/// The output cap; two that differ are an error [M3].
pub fn output_cap(body: &Node<'_>) -> Result<Option<u64>, Malformed> {
    let cap =
        body.optional("inferenceConfig", |config| config.object()?.optional("maxTokens", Node::integer))?.flatten();
    let Some(extra) = body.get("additionalModelRequestFields") else { return Ok(cap) };
    let mut caps = cap.into_iter().chain(OTHER_CAPS.iter().filter_map(|key| extra.get(key)?.as_integer()));
    let first = caps.next();
    if caps.any(|other| Some(other) != first) {
        let problem = Malformed::invalid("two output caps differ; set `inferenceConfig.maxTokens` only");
        return Err(problem.under("additionalModelRequestFields"));
    }
    Ok(first)
}

/// `requestMetadata`, at most 16 pairs of 512 bytes [I1].
pub fn metadata(body: &Node<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let pairs = body.optional("requestMetadata", |node| {
        if node.object()?.fields().len() > 16 {
            return Err(Malformed::invalid("more than 16 pairs"));
        }
        node.fields().iter().map(|(key, value)| pair(key, value).map_err(|e| e.under(key))).collect()
    })?;
    Ok(pairs.unwrap_or_default())
}

fn pair(key: &str, value: &Node<'_>) -> Result<(String, String), Malformed> {
    let value = value.string()?;
    if key.len() + value.len() > 512 {
        return Err(Malformed::invalid("longer than 512 bytes"));
    }
    Ok((key.to_owned(), value.to_owned()))
}

fn has_media(body: &Node<'_>) -> bool {
    let messages = body.get("messages").map_or(&[][..], Node::elements);
    messages.iter().filter_map(|message| message.get("content")).any(content_has_media)
}

fn content_has_media(content: &Node<'_>) -> bool {
    content.elements().iter().any(|block| {
        MEDIA.iter().any(|kind| block.get(kind).is_some())
            || block.get("guardContent").is_some_and(|guarded| guarded.get("image").is_some())
            || block.get("toolResult").and_then(|result| result.get("content")).is_some_and(content_has_media)
    })
}

/// The edits that put the gateway's will into a request that passes through.
pub fn edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits: Vec<Edit> = will.drop.iter().map(|field| Edit::remove(field)).collect();
    edits.extend(will.rename.iter().map(|(ours, theirs)| Edit::rename(ours, theirs)));
    if let Some(cap) = will.output_cap {
        edits.push(Edit::set(&["inferenceConfig", "maxTokens"], cap.to_string()));
        edits.extend(no_other_cap(body));
        edits.extend(budget_below(body, cap));
    }
    edits
}

/// An enforced cap is the only one.
fn no_other_cap(body: &Node<'_>) -> Vec<Edit> {
    let Some(extra) = body.get("additionalModelRequestFields") else { return Vec::new() };
    let nested = extra.get("inferenceConfig");
    let direct = OTHER_CAPS.iter().filter(|key| extra.get(key).is_some()).map(|key| vec![*key]);
    let deep = OTHER_CAPS.iter().filter(|key| nested.is_some_and(|n| n.get(key).is_some()));
    direct.chain(deep.map(|key| vec!["inferenceConfig", key])).map(|path| remove(&path)).collect()
}

fn remove(path: &[&str]) -> Edit {
    let path = std::iter::once(&"additionalModelRequestFields").chain(path).map(|key| (*key).to_owned()).collect();
    Edit { path, change: Change::Remove }
}

/// A thinking budget must stay below the cap; one that an enforced cap has overtaken is lowered, or taken out.
fn budget_below(body: &Node<'_>, cap: u64) -> Option<Edit> {
    let thinking = body.get("additionalModelRequestFields")?.get("thinking")?;
    let budget = thinking.get("budget_tokens")?.as_integer()?;
    match budget < cap {
        true => None,
        false if cap > LEAST_BUDGET => Some(Edit::set(
            &["additionalModelRequestFields", "thinking", "budget_tokens"],
            (cap / 2).max(LEAST_BUDGET).to_string(),
        )),
        false => Some(remove(&["thinking"])),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    const ENVELOPE: Envelope<'static> = Envelope { model: Some("amazon.nova-lite-v1:0"), stream: Some(true) };

    fn head_of(text: &str) -> Result<Head, Malformed> {
        head(&parse(text.as_bytes()).unwrap(), &ENVELOPE)
    }

    fn edited(text: &str, will: &Will<'_>) -> String {
        let body = parse(text.as_bytes()).unwrap();
        copy(&body, &edits(&body, will))
    }

    #[test]
    fn the_path_names_the_model_and_the_body_the_rest() {
        let head = head_of(
            r#"{"inferenceConfig":{"maxTokens":7},"requestMetadata":{"team":"a"},
                "messages":[{"role":"user","content":[{"toolResult":{"toolUseId":"t","content":[{"image":{}}]}}]}]}"#,
        )
        .unwrap();
        assert_eq!((head.model.as_str(), head.stream, head.output_cap), ("amazon.nova-lite-v1:0", true, Some(7)));
        assert_eq!((head.metadata, head.media), (vec![("team".to_owned(), "a".to_owned())], true));
        assert!(!head_of(r#"{"messages":[{"content":[{"text":"hi"}]}]}"#).unwrap().media);
    }

    #[test]
    fn i1_257_tools_are_too_many_and_cache_points_are_no_tools() {
        let with = |tools: usize| {
            let tools = vec![r#"{"toolSpec":{}}"#; tools].join(",");
            head_of(&format!(r#"{{"toolConfig":{{"tools":[{tools},{{"cachePoint":{{}}}}]}}}}"#))
        };
        assert!(with(256).is_ok());
        assert_eq!(with(257).unwrap_err().param.as_deref(), Some("toolConfig.tools"));
    }

    #[test]
    fn i1_a_model_name_has_256_bytes_at_most() {
        let body = parse(b"{}").unwrap();
        let named = |name: &str| model(&Envelope { model: Some(name), stream: None });
        assert!(named(&"m".repeat(256)).is_ok() && named(&"m".repeat(257)).is_err() && named("").is_err());
        assert!(head(&body, &Envelope::default()).is_err());
    }

    #[test]
    fn e1_fields_that_would_steer_the_gateway_are_refused() {
        assert_eq!(head_of(r#"{"api_base":"https://evil"}"#).unwrap_err().code, Some("forbidden_parameter"));
    }

    #[test]
    fn m3_caps_that_differ_are_refused() {
        let two = r#"{"inferenceConfig":{"maxTokens":7},"additionalModelRequestFields":{"max_tokens":9}}"#;
        assert_eq!(head_of(two).unwrap_err().param.as_deref(), Some("additionalModelRequestFields"));
    }

    #[test]
    fn i5_a_cap_is_a_whole_number() {
        for cap in ["1e3", "\"7\"", "-1", "1.5"] {
            let problem = head_of(&format!(r#"{{"inferenceConfig":{{"maxTokens":{cap}}}}}"#)).unwrap_err();
            assert_eq!(problem.param.as_deref(), Some("inferenceConfig.maxTokens"));
        }
    }

    #[test]
    fn m3_an_enforced_cap_cannot_be_outbid() {
        let will = Will { output_cap: Some(4000), ..Will::default() };
        assert_eq!(
            edited(
                r#"{"zeta":1.50,"additionalModelRequestFields":{"max_tokens":9,"inferenceConfig":{"max_new_tokens":9,"topK":1},"thinking":{"type":"enabled","budget_tokens":9000}}}"#,
                &will
            ),
            r#"{"zeta":1.50,"additionalModelRequestFields":{"inferenceConfig":{"topK":1},"thinking":{"type":"enabled","budget_tokens":2000}},"inferenceConfig":{"maxTokens":4000}}"#
        );
        let small = Will { output_cap: Some(100), ..Will::default() };
        assert_eq!(
            edited(r#"{"additionalModelRequestFields":{"thinking":{"budget_tokens":1024}}}"#, &small),
            r#"{"additionalModelRequestFields":{},"inferenceConfig":{"maxTokens":100}}"#
        );
    }
}
