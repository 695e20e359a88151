//! Writes a request for Bedrock.

use super::{
    thinking::{self, Cap},
    tools,
    turns::{self, Arranged, Piece, Said},
};
use crate::{
    bedrock::converse::{
        cache::Marks,
        element::{self, Elements},
        family::Family,
        fields::Fields,
        head::OTHER_CAPS,
    },
    codec::{Encoded, JSON_OUTPUT_TOOL, Target},
    json::write::{self, Array, Object},
};
use domain::{
    Dialect, Error, Json,
    chat::{OutputFormat, Request, Role},
};

/// The most stop sequences Bedrock's models take.
const STOPS: usize = 4;
/// What is said to a model that is to answer in JSON and cannot be made to.
const JSON_ONLY: &str = "Answer with one JSON object only: no other text, no code fence.";

/// The request in Bedrock's words.
pub fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(Error::invalid(
            "n",
            "this model's provider (Amazon Bedrock) gives one answer a call; leave `n` out",
        ));
    }
    let family = Family::of(target.model);
    let mut arranged = turns::arrange(&request.messages);
    let thinking = thinking::plan(
        request.reasoning.as_ref(),
        family,
        &target.abilities,
        cap(request, target),
        turns::thoughts_are_missing(&arranged.turns),
        request.sampling.temperature.is_some() || request.sampling.top_p.is_some(),
    );
    let tools = tools::plan(request, &arranged.turns, family, &target.abilities, thinking.claude_thinks)?;
    let dropped = std::mem::take(&mut arranged.dropped);
    let mut writer = Writer { request, target, family, thinking, tools, dropped };
    let body = writer.body(&arranged)?;
    writer.name_the_rest();
    Ok(Encoded { body, dropped: writer.dropped })
}

/// The cap in force: the gateway's own, or the caller's as far as the model goes.
fn cap(request: &Request, target: &Target<'_>) -> Cap {
    let own = request.max_output_tokens.map(|cap| cap.min(target.max_output.unwrap_or(u64::MAX)));
    Cap { tokens: target.output_cap.or(own), enforced: target.output_cap.is_some(), model_max: target.max_output }
}

struct Writer<'r> {
    request: &'r Request,
    target: &'r Target<'r>,
    family: Family,
    thinking: thinking::Plan,
    tools: tools::Plan<'r>,
    dropped: Vec<String>,
}

impl Writer<'_> {
    fn drop(&mut self, what: impl Into<String>) {
        let what = what.into();
        if !self.dropped.contains(&what) {
            self.dropped.push(what);
        }
    }

    fn body(&mut self, arranged: &Arranged<'_>) -> Result<String, Error> {
        let count = self.count_marks(arranged);
        let mut marks = Marks::new(count, self.target.abilities.prompt_caching);
        if marks.drops_some(count) {
            self.drop("cache_control");
        }
        let mut elements = Elements::of_request(self.family);
        let tools = self.tool_config(&mut marks);
        let system = self.system(&arranged.system, &mut elements, &mut marks)?;
        let messages = messages(arranged, &mut elements, &mut marks)?;
        elements.dropped.into_iter().for_each(|what| self.drop(what));
        let (sampling, additional) = (self.inference(), self.additional());
        let (output, metadata, tier) = (self.output_config(), self.metadata(), self.service_tier());
        Ok(write::object(|o| {
            o.raw("messages", &messages);
            let rest = [
                ("system", system),
                ("inferenceConfig", sampling),
                ("toolConfig", tools),
                ("additionalModelRequestFields", additional),
                ("outputConfig", output),
                ("requestMetadata", metadata),
                ("serviceTier", tier),
            ];
            for (key, text) in rest {
                if let Some(text) = text {
                    o.raw(key, &text);
                }
            }
            self.extensions(o);
        }))
    }

    fn count_marks(&self, arranged: &Arranged<'_>) -> usize {
        let tools = self.tools.tools.iter().filter(|(_, mark)| mark.is_some()).count();
        let pieces = arranged.system.iter().chain(arranged.turns.iter().flat_map(|turn| &turn.pieces));
        tools + pieces.filter(|piece| piece.cache.is_some()).count()
    }

    fn tool_config(&self, marks: &mut Marks) -> Option<String> {
        let tools = &self.tools;
        (!tools.tools.is_empty()).then(|| {
            write::object(|o| {
                o.array("tools", |out| {
                    for (text, mark) in &tools.tools {
                        out.raw(text);
                        marks.write(*mark, out);
                    }
                });
                if let Some(choice) = &tools.choice {
                    o.raw("toolChoice", choice);
                }
            })
        })
    }

    fn system(
        &self,
        pieces: &[Piece<'_>],
        elements: &mut Elements,
        marks: &mut Marks,
    ) -> Result<Option<String>, Error> {
        let mut texts = written(pieces, elements)?;
        texts.extend(self.instruction().map(|text| (element::text_element(&text), None)));
        Ok((!texts.is_empty()).then(|| array(&texts, marks)))
    }

    /// What the model is told because it cannot be made to.
    fn instruction(&self) -> Option<String> {
        match &self.request.output_format {
            Some(OutputFormat::JsonObject) => Some(JSON_ONLY.to_owned()),
            _ if self.tools.tell_to_call => {
                Some(format!("Give your final answer by calling the tool `{JSON_OUTPUT_TOOL}`, not as text."))
            }
            _ => None,
        }
    }

    fn inference(&mut self) -> Option<String> {
        let (temperature, top_p) = self.sampling();
        let stop = self.stop();
        let mut fields = Fields::default();
        if let Some(cap) = self.thinking.cap {
            fields.add("maxTokens", cap.to_string());
        }
        if let Some(temperature) = temperature {
            fields.add("temperature", temperature);
        }
        if let Some(top_p) = top_p {
            fields.add("topP", top_p);
        }
        if !stop.is_empty() {
            fields.add("stopSequences", strings(&stop));
        }
        (!fields.is_empty()).then(|| fields.text())
    }

    /// Temperature and top_p, as far as the model takes them.
    fn sampling(&mut self) -> (Option<String>, Option<String>) {
        let sampling = &self.request.sampling;
        let abilities = self.target.abilities;
        let temperature = sampling.temperature.as_ref().map(at_most_one);
        let top_p = sampling.top_p.as_ref().map(at_most_one);
        let thinks = self.thinking.claude_thinks;
        let kept_temperature =
            temperature.clone().filter(|t| abilities.sampling && (!thinks || value(t).is_some_and(|t| t == 1.0)));
        let kept_top_p = top_p.clone().filter(|p| {
            abilities.sampling
                && !(abilities.one_of_temperature_and_top_p && kept_temperature.is_some())
                && (!thinks || value(p).is_some_and(|p| p >= 0.95))
        });
        if temperature.is_some() && kept_temperature.is_none() {
            self.drop("temperature");
        }
        if top_p.is_some() && kept_top_p.is_none() {
            self.drop("top_p");
        }
        (kept_temperature, kept_top_p)
    }

    fn stop(&mut self) -> Vec<String> {
        let all = &self.request.sampling.stop;
        let kept: Vec<String> = all.iter().filter(|stop| !stop.trim().is_empty()).take(STOPS).cloned().collect();
        if kept.len() < all.len() {
            self.drop("stop");
        }
        kept
    }

    fn extension(&self, key: &str) -> Option<&Json> {
        self.request.extensions.of(Dialect::Bedrock).find(|(name, _)| *name == key).map(|(_, json)| json)
    }

    /// The caller's own extra fields first, then ours; one cap only.
    fn additional(&mut self) -> Option<String> {
        let mut fields = Fields::of(self.extension("additionalModelRequestFields"));
        OTHER_CAPS.iter().for_each(|cap| fields.remove(cap));
        self.nested(&mut fields);
        match self.thinking.field.take() {
            Some((key, text)) => {
                let thinks_as_asked = key == "thinking" && text.contains("adaptive");
                if !thinks_as_asked {
                    fields.remove(key);
                }
                fields.add(key, text);
            }
            None if self.thinking.dropped.is_some() => fields.remove("thinking"),
            None => {}
        }
        if let Some(choice) = self.tools.claude_choice.take() {
            fields.remove("tool_choice");
            fields.add("tool_choice", choice);
        }
        self.top_k(&mut fields);
        (!fields.is_empty()).then(|| fields.text())
    }

    /// Nova's extra `inferenceConfig` may hold a cap as well.
    fn nested(&self, fields: &mut Fields) {
        let Some(nested) = fields.get("inferenceConfig") else { return };
        let mut nested = Fields::of(Some(&Json::verbatim(nested)));
        OTHER_CAPS.iter().for_each(|cap| nested.remove(cap));
        fields.remove("inferenceConfig");
        if !nested.is_empty() {
            fields.add("inferenceConfig", nested.text());
        }
    }

    fn top_k(&mut self, fields: &mut Fields) {
        let Some(top_k) = &self.request.sampling.top_k else { return };
        if !self.target.abilities.sampling || self.thinking.claude_thinks {
            fields.remove("top_k");
            return self.drop("top_k");
        }
        match self.family {
            Family::Nova | Family::Nova2 => {
                fields.add(
                    "inferenceConfig",
                    write::object(|o| {
                        o.json("topK", top_k);
                    }),
                );
            }
            Family::Cohere => fields.add("k", top_k.as_str()),
            Family::GptOss | Family::Llama => self.drop("top_k"),
            Family::Claude | Family::Qwen | Family::Other => fields.add("top_k", top_k.as_str()),
        }
    }

    fn output_config(&mut self) -> Option<String> {
        let mut fields = Fields::of(self.extension("outputConfig"));
        fields.remove("textFormat");
        if let Some(effort) = &self.thinking.effort {
            fields.remove("effort");
            fields.add("effort", write::quoted(effort));
        }
        if let Some(OutputFormat::JsonSchema { name, description, schema, .. }) = &self.request.output_format
            && self.target.abilities.response_schema
        {
            fields.add("textFormat", text_format(name.as_deref(), description.as_deref(), schema));
        }
        (!fields.is_empty()).then(|| fields.text())
    }

    /// Pairs that Bedrock's logs take; others are named.
    fn metadata(&mut self) -> Option<String> {
        let request = self.request;
        let user = request.user.iter().map(|user| ("user_id", user.as_str(), "user".to_owned()));
        let pairs = request.metadata.iter().map(|(k, v)| (k.as_str(), v.as_str(), format!("metadata.{k}")));
        let mut fields = Fields::default();
        for (count, (key, value, name)) in pairs.chain(user).enumerate() {
            if count < 16 && !key.is_empty() && is_plain(key) && is_plain(value) && !fields.has(key) {
                fields.add(key, write::quoted(value));
            } else {
                self.drop(name);
            }
        }
        (!fields.is_empty()).then(|| fields.text())
    }

    fn service_tier(&mut self) -> Option<String> {
        let tier = match self.request.service_tier.as_deref()? {
            tier @ ("default" | "flex" | "priority" | "reserved") => tier,
            "standard" | "standard_only" => "default",
            // Whatever the account gives: Bedrock's own default.
            "auto" => return None,
            _ => {
                self.drop("service_tier");
                return None;
            }
        };
        Some(write::object(|o| {
            o.string("type", tier);
        }))
    }

    fn extensions(&self, o: &mut Object<'_>) {
        let ours = self.request.extensions.of(Dialect::Bedrock);
        let merged = ["additionalModelRequestFields", "outputConfig"];
        for (key, json) in ours.filter(|(key, _)| !merged.contains(key)) {
            o.json(key, json);
        }
    }

    /// Names what Converse has no field for.
    fn name_the_rest(&mut self) {
        let sampling = &self.request.sampling;
        let absent = [
            ("seed", sampling.seed.is_some()),
            ("frequency_penalty", sampling.frequency_penalty.is_some()),
            ("presence_penalty", sampling.presence_penalty.is_some()),
            ("logit_bias", sampling.logit_bias.is_some()),
            ("logprobs", sampling.logprobs == Some(true)),
            ("top_logprobs", sampling.top_logprobs.is_some()),
        ];
        absent.into_iter().filter(|(_, asked)| *asked).for_each(|(what, _)| self.drop(what));
        self.thinking.dropped.into_iter().for_each(|what| self.drop(what));
        std::mem::take(&mut self.tools.dropped).into_iter().for_each(|what| self.drop(what));
        let request = self.request;
        request.extensions.foreign_to(Dialect::Bedrock).for_each(|field| self.drop(field));
    }
}

type Written<'r> = (String, Option<&'r domain::chat::CacheMark>);

/// Each piece as an element, with its mark.
fn written<'r>(pieces: &[Piece<'r>], elements: &mut Elements) -> Result<Vec<Written<'r>>, Error> {
    let mut texts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let text = match piece.said {
            Said::Content(content) => elements.write(content)?,
            Said::Ours(text) => Some(element::text_element(text)),
            Said::Prefill(text) => Some(element::text_element(text)),
            Said::Missing { call_id, text } => Some(elements.missing_result(call_id, text)),
        };
        texts.extend(text.map(|text| (text, piece.cache)));
    }
    Ok(texts)
}

fn array(texts: &[Written<'_>], marks: &mut Marks) -> String {
    write::array(|out| fill(texts, marks, out))
}

fn fill(texts: &[Written<'_>], marks: &mut Marks, out: &mut Array<'_>) {
    for (text, mark) in texts {
        out.raw(text);
        marks.write(*mark, out);
    }
}

fn messages(arranged: &Arranged<'_>, elements: &mut Elements, marks: &mut Marks) -> Result<String, Error> {
    let mut turns = Vec::with_capacity(arranged.turns.len());
    for turn in &arranged.turns {
        let mut texts = written(&turn.pieces, elements)?;
        if needs_text(&texts) {
            texts.push((element::text_element("The document is attached."), None));
        }
        let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
        turns.push(write::object(|o| {
            o.string("role", role).array("content", |out| fill(&texts, marks, out));
        }));
    }
    Ok(write::array(|out| turns.iter().for_each(|turn| out.raw(turn))))
}

/// A document may not come without text beside it.
fn needs_text(texts: &[Written<'_>]) -> bool {
    let is = |kind: &str| texts.iter().any(|(text, _)| text.starts_with(&format!("{{\"{kind}\":")));
    is("document") && !is("text")
}

fn strings(texts: &[String]) -> String {
    write::array(|out| texts.iter().for_each(|text| out.string(text)))
}

fn text_format(name: Option<&str>, description: Option<&str>, schema: &Json) -> String {
    write::object(|o| {
        o.string("type", "json_schema").object("structure", |o| {
            o.object("jsonSchema", |o| {
                o.string("schema", schema.as_str()).maybe_string("name", name).maybe_string("description", description);
            });
        });
    })
}

/// Bedrock's ranges end at 1; the number's text is kept up to there.
fn at_most_one(number: &Json) -> String {
    if value(number.as_str()).is_some_and(|number| number > 1.0) { "1".to_owned() } else { number.as_str().to_owned() }
}

fn value(number: &str) -> Option<f64> {
    number.parse().ok()
}

/// What `requestMetadata` takes: `[a-zA-Z0-9\s:_@$#=/+,-.]{0,256}`.
fn is_plain(text: &str) -> bool {
    text.len() <= 256
        && text.chars().all(|c| c.is_ascii_alphanumeric() || c.is_ascii_whitespace() || ":_@$#=/+,-.".contains(c))
}
