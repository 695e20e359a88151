//! Writes a request for Bedrock.

use super::{
    messages,
    thinking::{self, Cap},
    tools,
    turns::{self, Arranged, Piece},
};
use crate::{
    bedrock::converse::{
        cache::Marks,
        element::{self, Elements},
        family::Family,
    },
    codec::{Encoded, JSON_OUTPUT_TOOL, Target},
    json::write::{self, Object},
};
use domain::{
    Error, Wire,
    chat::{OutputFormat, Request},
};

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

/// A request being written, and what could not be.
pub(super) struct Writer<'r> {
    pub request: &'r Request,
    pub target: &'r Target<'r>,
    pub family: Family,
    pub thinking: thinking::Plan,
    pub tools: tools::Plan<'r>,
    dropped: Vec<String>,
}

impl Writer<'_> {
    /// Names what is not carried.
    pub fn drop(&mut self, what: impl Into<String>) {
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
        let messages = messages::messages(arranged, &mut elements, &mut marks)?;
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
        let mut texts = messages::written(pieces, elements)?;
        texts.extend(self.instruction().map(|text| (element::text_element(&text), None)));
        Ok((!texts.is_empty()).then(|| messages::array(&texts, marks)))
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

    fn extensions(&self, o: &mut Object<'_>) {
        let ours = self.request.extensions.of(Wire::BedrockConverse);
        let merged = ["additionalModelRequestFields", "anthropic_beta", "outputConfig"];
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
        request.extensions.foreign_to(Wire::BedrockConverse).for_each(|field| self.drop(field));
    }
}

#[cfg(test)]
mod tests;
