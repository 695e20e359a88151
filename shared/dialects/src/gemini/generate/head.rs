//! The fast path: what the gateway reads of a request, and what it changes in one.

use super::fields;
use crate::{
    codec::{Envelope, Will},
    head::{Edit, Head, refuse_forbidden},
    json::Node,
    malformed::Malformed,
};

/// The most contents [I1].
const CONTENTS: usize = 100_000;
/// The most functions and other tools [I1].
const TOOLS: usize = 256;
/// The most answers to one request [I5].
const ANSWERS: u64 = 16;
/// The most labels, and the bytes each may have [I1].
const LABELS: (usize, usize) = (16, 512);
/// Tools that bring tokens of their own into the prompt.
const READING: [&str; 5] = ["codeExecution", "fileSearch", "googleMaps", "googleSearch", "urlContext"];

/// The fields the gateway needs; the model and the kind of answer are in the path.
pub fn head(body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
    body.object()?;
    refuse_forbidden(body)?;
    within_limits(body)?;
    Ok(Head {
        model: model(envelope)?,
        stream: envelope.stream.unwrap_or(false),
        stream_usage: true,
        output_cap: config(body, "maxOutputTokens", cap)?,
        n: config(body, "candidateCount", answers)?.unwrap_or(1),
        metadata: labels(body)?,
        media: has_media(body),
    })
}

/// Contents are there, and not too many; not too many tools [I1].
pub fn within_limits(body: &Node<'_>) -> Result<(), Malformed> {
    fields::required(body, "contents", |contents| match contents.elements().len() {
        _ if contents.is_object() => Ok(()),
        _ if !contents.is_array() => Err(contents.wrong("an array")),
        count if count > CONTENTS => Err(Malformed::invalid("more than 100,000 contents")),
        _ => Ok(()),
    })?;
    let tools: usize = fields::list(body, "tools").iter().map(count_of).sum();
    if tools > TOOLS {
        return Err(Malformed::invalid("more than 256 tools").under("tools"));
    }
    Ok(())
}

fn count_of(tool: &Node<'_>) -> usize {
    match fields::get(tool, "functionDeclarations") {
        Some(functions) => functions.elements().len() + tool.fields().len() - 1,
        None => tool.fields().len(),
    }
}

/// The model in the path, at most 256 bytes [I1].
pub fn model(envelope: &Envelope<'_>) -> Result<String, Malformed> {
    match envelope.model {
        Some("") | None => Err(Malformed::missing("model")),
        Some(model) if model.len() > 256 => Err(Malformed::invalid("longer than 256 bytes").under("model")),
        Some(model) => Ok(model.to_owned()),
    }
}

/// A field of `generationConfig`.
pub fn config<'n, 'a, T>(
    body: &'n Node<'a>,
    name: &str,
    read: impl FnOnce(&'n Node<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    let found = fields::optional(body, "generationConfig", |config| fields::optional(config.object()?, name, read))?;
    Ok(found.flatten())
}

/// An output cap.
pub fn cap(node: &Node<'_>) -> Result<u64, Malformed> {
    match node.integer()? {
        0 => Err(Malformed::invalid("at least one token must be allowed")),
        cap => Ok(cap),
    }
}

/// How many answers: 1 to 16 [I5].
pub fn answers(node: &Node<'_>) -> Result<u64, Malformed> {
    match node.integer()? {
        n @ 1..=ANSWERS => Ok(n),
        _ => Err(Malformed::invalid(format!("must be 1 to {ANSWERS}"))),
    }
}

/// `labels`: pairs of text, in order.
pub fn labels(body: &Node<'_>) -> Result<Vec<(String, String)>, Malformed> {
    let (most, longest) = LABELS;
    let pairs = fields::optional(body, "labels", |labels| {
        if labels.object()?.fields().len() > most {
            return Err(Malformed::invalid(format!("more than {most} labels")));
        }
        let pair = |(key, value): &(std::borrow::Cow<'_, str>, Node<'_>)| {
            let value = value.text().map_err(|problem| problem.under(key))?;
            match key.len().max(value.len()) > longest {
                true => Err(Malformed::invalid(format!("longer than {longest} bytes")).under(key)),
                false => Ok((key.to_string(), value)),
            }
        };
        labels.fields().iter().map(pair).collect()
    })?;
    Ok(pairs.unwrap_or_default())
}

/// Anything whose tokens are not bounded by its bytes: media, cached contents, tools that read for themselves.
fn has_media(body: &Node<'_>) -> bool {
    let contents = fields::list(body, "contents").iter().chain(fields::get(body, "systemInstruction"));
    fields::get(body, "cachedContent").is_some()
        || contents.flat_map(|content| fields::list(content, "parts")).any(is_media)
        || fields::list(body, "tools").iter().any(|tool| READING.iter().any(|name| fields::get(tool, name).is_some()))
}

fn is_media(part: &Node<'_>) -> bool {
    ["inlineData", "fileData"].iter().any(|name| fields::get(part, name).is_some())
        || fields::get(part, "functionResponse").is_some_and(|result| fields::get(result, "parts").is_some())
}

/// The edits that put the gateway's will into a request that passes through. The path names the model, so a body that
/// names one too must not contradict it.
pub fn edits(body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits = vec![Edit::remove("model")];
    edits.extend(will.drop.iter().map(|field| Edit::remove(fields::key(body, field))));
    edits.extend(will.rename.iter().map(|(ours, theirs)| Edit::rename(fields::key(body, ours), theirs)));
    if let Some(cap) = will.output_cap {
        let config = fields::get(body, "generationConfig");
        let key = config.map_or("maxOutputTokens", |config| fields::key(config, "maxOutputTokens"));
        edits.push(Edit::set(&[fields::key(body, "generationConfig"), key], cap.to_string()));
    }
    edits
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{head::copy, json::parse};

    const ENVELOPE: Envelope<'static> = Envelope { model: Some("gemini-2.5-flash"), stream: Some(true) };

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
            r#"{"contents":[{"parts":[{"inline_data":{}}]}],"generation_config":{"max_output_tokens":7,"candidateCount":2},
                "labels":{"team":"a"}}"#,
        )
        .unwrap();
        assert_eq!((head.model.as_str(), head.stream, head.output_cap), ("gemini-2.5-flash", true, Some(7)));
        assert_eq!((head.n, head.media, head.metadata), (2, true, vec![("team".to_owned(), "a".to_owned())]));
        assert!(!head_of(r#"{"contents":[{"parts":[{"text":"hi"}]}]}"#).unwrap().media);
    }

    #[test]
    fn what_reads_for_itself_is_not_bounded_by_its_bytes() {
        for more in [r#""cachedContent":"c""#, r#""tools":[{"google_search":{}}]"#, r#""tools":[{"urlContext":{}}]"#] {
            assert!(head_of(&format!(r#"{{"contents":[],{more}}}"#)).unwrap().media, "{more}");
        }
    }

    #[test]
    fn i1_257_functions_are_too_many_wherever_they_stand() {
        let with = |functions: usize| {
            let functions = vec![r#"{"name":"f"}"#; functions].join(",");
            head_of(&format!(
                r#"{{"contents":[],"tools":[{{"functionDeclarations":[{functions}]}},{{"googleSearch":{{}}}}]}}"#
            ))
        };
        assert!(with(255).is_ok());
        assert_eq!(with(256).unwrap_err().param.as_deref(), Some("tools"));
    }

    #[test]
    fn i5_caps_and_counts_are_whole_numbers() {
        for (field, value) in [("maxOutputTokens", "1e3"), ("maxOutputTokens", "0"), ("candidateCount", "17")] {
            let problem =
                head_of(&format!(r#"{{"contents":[],"generationConfig":{{"{field}":{value}}}}}"#)).unwrap_err();
            assert_eq!(problem.param, Some(format!("generationConfig.{field}")));
        }
        assert_eq!(head_of("{}").unwrap_err().param.as_deref(), Some("contents"));
    }

    #[test]
    fn m3_two_spellings_of_the_cap_are_refused() {
        for body in [
            r#"{"contents":[],"generationConfig":{"maxOutputTokens":7,"max_output_tokens":7}}"#,
            r#"{"contents":[],"generationConfig":{"maxOutputTokens":7},"generation_config":{}}"#,
        ] {
            assert_eq!(head_of(body).unwrap_err().code, Some("duplicate_key"), "{body}");
        }
    }

    #[test]
    fn m3_an_enforced_cap_replaces_the_callers_under_its_own_spelling() {
        let will = Will { model: "other", output_cap: Some(9), ..Will::default() };
        for (body, expected) in [
            (r#"{"contents":[],"x":1.50}"#, r#"{"contents":[],"x":1.50,"generationConfig":{"maxOutputTokens":9}}"#),
            (
                r#"{"generation_config":{"top_p":0.10,"max_output_tokens":70},"model":"models/m","contents":[]}"#,
                r#"{"generation_config":{"top_p":0.10,"max_output_tokens":9},"contents":[]}"#,
            ),
        ] {
            assert_eq!(edited(body, &will), expected);
        }
    }

    #[test]
    fn e1_fields_that_would_steer_the_gateway_are_refused() {
        assert_eq!(head_of(r#"{"contents":[],"api_base":"x"}"#).unwrap_err().code, Some("forbidden_parameter"));
    }
}
