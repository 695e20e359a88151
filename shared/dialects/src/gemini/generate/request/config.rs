//! `generationConfig`: how the answer is made.

use super::super::{fields, head::config, schema};
use crate::{
    codec::Abilities,
    json::{Node, write::Object},
    malformed::Malformed,
};
use domain::{
    Json, Wire,
    chat::{Extensions, OutputFormat, Reasoning, Request, Sampling},
};

/// Fields with a canonical home.
const KNOWN: [&str; 15] = [
    "candidateCount",
    "frequencyPenalty",
    "logprobs",
    "maxOutputTokens",
    "presencePenalty",
    "responseJsonSchema",
    "responseLogprobs",
    "responseMimeType",
    "responseSchema",
    "seed",
    "stopSequences",
    "temperature",
    "thinkingConfig",
    "topK",
    "topP",
];
/// The most stop sequences Gemini takes.
const STOPS: usize = 5;
/// What fields of `generationConfig` that have no canonical home are kept under.
const PREFIX: &str = "generationConfig.";

pub fn sampling(body: &Node<'_>, extensions: &mut Extensions) -> Result<Sampling, Malformed> {
    let number = |name| config(body, name, Node::number);
    keep_unknown(body, extensions);
    let small = |node: &Node<'_>| u32::try_from(node.integer()?).map_err(|_| Malformed::invalid("is too large"));
    Ok(Sampling {
        temperature: number("temperature")?,
        top_p: number("topP")?,
        top_k: config(body, "topK", whole)?,
        seed: number("seed")?,
        frequency_penalty: number("frequencyPenalty")?,
        presence_penalty: number("presencePenalty")?,
        stop: config(body, "stopSequences", |node| node.each(Node::text))?.unwrap_or_default(),
        logprobs: config(body, "responseLogprobs", Node::boolean)?,
        top_logprobs: config(body, "logprobs", small)?,
        logit_bias: None,
    })
}

fn keep_unknown(body: &Node<'_>, extensions: &mut Extensions) {
    for (key, value) in fields::get(body, "generationConfig").map(Node::fields).unwrap_or_default() {
        let known = KNOWN.iter().any(|name| fields::is(key, name)) || key == "_responseJsonSchema";
        if !known && !value.is_null() && !is_plain_text(key, value) {
            extensions.push(Wire::GeminiGenerate, format!("{PREFIX}{key}"), value.json());
        }
    }
}

/// An answer in text alone is what everybody gives.
fn is_plain_text(key: &str, value: &Node<'_>) -> bool {
    fields::is(key, "responseModalities")
        && value.elements().iter().all(|one| one.as_str().is_some_and(|word| word.eq_ignore_ascii_case("text")))
}

/// What form the answer has.
pub fn format(body: &Node<'_>, extensions: &mut Extensions) -> Result<Option<OutputFormat>, Malformed> {
    let kind = config(body, "responseMimeType", Node::text)?;
    let own = config(body, "responseSchema", |node| node.object().map(schema::to_json_schema))?;
    let standard = config(body, "responseJsonSchema", Node::json_object)?;
    let older = fields::get(body, "generationConfig").and_then(|config| config.get("_responseJsonSchema"));
    let schema = standard.or_else(|| older.map(Node::json)).or(own);
    Ok(match kind.as_deref() {
        None | Some("" | "text/plain") if schema.is_none() => None,
        None | Some("" | "application/json") => Some(match schema {
            Some(schema) => OutputFormat::JsonSchema { name: None, description: None, schema, strict: None },
            None => OutputFormat::JsonObject,
        }),
        // One word of a list, and what is yet to come.
        Some(_) => {
            for name in ["responseMimeType", "responseSchema", "responseJsonSchema"] {
                if let Some(value) = config(body, name, |node| Ok(node.json()))? {
                    extensions.push(Wire::GeminiGenerate, format!("{PREFIX}{name}"), value);
                }
            }
            None
        }
    })
}

/// How hard to think.
pub fn reasoning(body: &Node<'_>) -> Result<Option<Reasoning>, Malformed> {
    let asked = config(body, "thinkingConfig", |node| {
        let level = fields::optional(node.object()?, "thinkingLevel", Node::text)?.map(|level| level.to_lowercase());
        let shown = fields::optional(node, "includeThoughts", Node::boolean)?.unwrap_or(false);
        let adaptive = || Reasoning::Adaptive { effort: None };
        Ok(match (fields::optional(node, "thinkingBudget", budget)?, level) {
            (Some(Some(0)), _) => Some(Reasoning::Disabled),
            (Some(Some(budget)), _) => Some(Reasoning::Budget(budget)),
            (Some(None), _) => Some(adaptive()),
            (None, Some(level)) if level != "thinking_level_unspecified" => Some(Reasoning::Effort(level)),
            (None, _) => shown.then(adaptive),
        })
    })?;
    Ok(asked.flatten())
}

/// A whole number, which JSON of protocol buffers may write with a fraction of nothing.
fn whole(node: &Node<'_>) -> Result<Json, Malformed> {
    let text = node.raw.split_once('.').filter(|(_, rest)| rest.bytes().all(|b| b == b'0'));
    match text.and_then(|(whole, _)| whole.parse::<u64>().ok()) {
        Some(whole) => Ok(Json::verbatim(whole.to_string())),
        None => node.integer().map(|_| node.json()),
    }
}

/// A budget of tokens; -1 leaves it to the model.
fn budget(node: &Node<'_>) -> Result<Option<u64>, Malformed> {
    if node.raw == "-1" { Ok(None) } else { node.integer().map(Some) }
}

/// Writes the sampling parameters.
pub fn write_sampling(o: &mut Object<'_>, sampling: &Sampling, abilities: &Abilities, dropped: &mut Vec<String>) {
    let most = abilities.stop_sequences.unwrap_or(STOPS);
    o.maybe_json("temperature", sampling.temperature.as_ref())
        .maybe_json("topP", sampling.top_p.as_ref())
        .maybe_json("topK", sampling.top_k.as_ref())
        .maybe_json("seed", sampling.seed.as_ref())
        .maybe_json("presencePenalty", sampling.presence_penalty.as_ref())
        .maybe_json("frequencyPenalty", sampling.frequency_penalty.as_ref())
        .maybe_bool("responseLogprobs", sampling.logprobs)
        .maybe_number("logprobs", sampling.top_logprobs.map(u64::from));
    o.maybe_strings("stopSequences", sampling.stop.get(..most).unwrap_or(&sampling.stop));
    if sampling.stop.len() > most {
        dropped.push("stop".to_owned());
    }
    if sampling.logit_bias.is_some() {
        dropped.push("logit_bias".to_owned());
    }
}

/// Writes the form of the answer. A schema is sent as it is to a model that takes it, and in Gemini's own words to others.
pub fn write_format(o: &mut Object<'_>, request: &Request, standard: bool, dropped: &mut Vec<String>) {
    let Some(format) = &request.output_format else { return };
    o.string("responseMimeType", "application/json");
    if let OutputFormat::JsonSchema { schema: wanted, .. } = format {
        write_schema(o, ("responseJsonSchema", "responseSchema"), wanted, standard, "response_format", dropped);
    }
}

/// Writes a schema under the first of two names as it is, or under the second in Gemini's own words; what those cannot
/// say is named under `path`.
pub fn write_schema(
    o: &mut Object<'_>,
    names: (&str, &str),
    wanted: &Json,
    standard: bool,
    path: &str,
    dropped: &mut Vec<String>,
) {
    if standard {
        o.json(names.0, wanted);
        return;
    }
    let (written, lost) = schema::of_json_schema(wanted);
    o.raw(names.1, &written);
    dropped.extend(lost.into_iter().map(|keyword| format!("{path}.{keyword}")));
}

/// Writes the fields that only this wire has.
pub fn write_own(o: &mut Object<'_>, extensions: &Extensions) {
    for (key, value) in extensions.of(Wire::GeminiGenerate) {
        if let Some(key) = key.strip_prefix(PREFIX) {
            o.json(key, value);
        }
    }
}
