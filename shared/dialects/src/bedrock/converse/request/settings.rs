//! Everything of a request that is neither a message nor a tool.

use super::encode::Writer;
use crate::{
    anthropic::betas,
    bedrock::converse::{family::Family, fields::Fields, head::OTHER_CAPS},
    json::write,
};
use domain::{Json, Wire, chat::OutputFormat};

/// The most stop sequences Bedrock's models take.
const STOPS: usize = 4;

impl Writer<'_> {
    pub(super) fn inference(&mut self) -> Option<String> {
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
        if sampling.temperature.as_ref().is_some_and(|t| kept_temperature.as_deref() != Some(t.as_str())) {
            self.drop("temperature");
        }
        if sampling.top_p.as_ref().is_some_and(|p| kept_top_p.as_deref() != Some(p.as_str())) {
            self.drop("top_p");
        }
        (kept_temperature, kept_top_p)
    }

    fn stop(&mut self) -> Vec<String> {
        let all = &self.request.sampling.stop;
        let kept: Vec<String> = all
            .iter()
            .filter(|stop| !stop.trim().is_empty())
            .take(self.target.abilities.stop_sequences.unwrap_or(STOPS))
            .cloned()
            .collect();
        if kept.len() < all.len() {
            self.drop("stop");
        }
        kept
    }

    fn extension(&self, key: &str) -> Option<&Json> {
        self.request.extensions.of(Wire::BedrockConverse).find(|(name, _)| *name == key).map(|(_, json)| json)
    }

    /// The caller's own extra fields first, then ours; one cap only.
    pub(super) fn additional(&mut self) -> Option<String> {
        let mut fields = Fields::of(self.extension("additionalModelRequestFields"));
        OTHER_CAPS.iter().for_each(|cap| fields.remove(cap));
        self.nested(&mut fields);
        if let Some(own) = self.extension(betas::FIELD) {
            fields.add(betas::FIELD, own.as_str().to_owned());
        }
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
        self.betas(&mut fields);
        (!fields.is_empty()).then(|| fields.text())
    }

    /// Betas are asked for in the body, of Claude only; the caller's own list stays.
    fn betas(&mut self, fields: &mut Fields) {
        if self.target.betas.is_empty() || fields.get(betas::FIELD).is_some() {
            return;
        }
        if self.family != Family::Claude {
            return self.target.betas.iter().for_each(|beta| self.drop(betas::dropped(beta)));
        }
        let list = write::array(|out| self.target.betas.iter().for_each(|beta| out.string(beta)));
        fields.add(betas::FIELD, list);
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

    pub(super) fn output_config(&mut self) -> Option<String> {
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
    pub(super) fn metadata(&mut self) -> Option<String> {
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

    pub(super) fn service_tier(&mut self) -> Option<String> {
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
