//! Answers, both ways.

use super::logprobs;
use crate::{
    codec::Reply,
    json::{
        Node,
        write::{self, Object},
    },
    malformed::Malformed,
    openai::chat::{finish, glance, usage},
};
use domain::{
    Wire,
    chat::{Block, Choice, Content, Extensions, FinishReason, Opaque, Response},
};

/// Fields of an answer with a canonical home.
const KNOWN: [&str; 8] = ["choices", "created", "error", "id", "model", "object", "service_tier", "usage"];

pub fn decode(body: &Node<'_>) -> Result<Response, Malformed> {
    if let Some(error) = body.get("error") {
        let message = error.str_of("message").or(error.as_str()).unwrap_or("the provider reported an error");
        return Err(Malformed::invalid(crate::error::redact(message)).under("error"));
    }
    glance::choices(body)?;
    let text = |key: &str| body.str_of(key).filter(|text| !text.is_empty()).map(str::to_owned);
    let mut extensions = Extensions::default();
    for (key, value) in body.fields() {
        if !value.is_null() && !KNOWN.contains(&key.as_ref()) {
            extensions.push(Wire::OpenAiCompletions, key.as_ref(), value.json());
        }
    }
    Ok(Response {
        id: text("id"),
        model: text("model"),
        created: body.get("created").and_then(Node::as_integer).filter(|at| *at > 0),
        choices: body.required("choices", |choices| choices.each(choice))?,
        usage: usage::of(body),
        service_tier: text("service_tier"),
        extensions,
    })
}

fn choice(node: &Node<'_>) -> Result<Choice, Malformed> {
    let text = node.object()?.required("text", Node::text)?;
    let word = node.optional("finish_reason", Node::string)?;
    // vLLM says which stop sequence was hit.
    let stop_sequence = node.str_of("stop_reason").map(str::to_owned);
    let finish = finish::read(word, false, stop_sequence.is_some());
    Ok(Choice {
        content: if text.is_empty() { Vec::new() } else { vec![Block::text(text)] },
        stop_sequence: stop_sequence.filter(|_| finish == FinishReason::StopSequence),
        finish,
        logprobs: node.get("logprobs").map(own_logprobs),
    })
}

/// Log probabilities in this wire's form.
pub fn own_logprobs(node: &Node<'_>) -> Opaque {
    Opaque { wire: Wire::OpenAiCompletions, kind: "logprobs".to_owned(), json: node.json() }
}

pub fn encode(response: &Response, reply: &Reply<'_>) -> String {
    write::object(|o| {
        o.string("id", &format!("cmpl-{}", reply.call_id))
            .string("object", "text_completion")
            .number("created", response.created.unwrap_or(reply.created))
            .string("model", reply.model);
        o.array("choices", |array| {
            for (index, choice) in response.choices.iter().enumerate() {
                array.object(|o| write_choice(o, index, choice));
            }
        });
        usage::write(o, &response.usage);
        for (key, value) in response.extensions.of(Wire::OpenAiCompletions) {
            o.json(key, value);
        }
    })
}

fn write_choice(o: &mut Object<'_>, index: usize, choice: &Choice) {
    let texts = choice.content.iter().filter_map(|block| match &block.content {
        Content::Text { text, .. } | Content::Refusal { text } => Some(text.as_str()),
        _ => None,
    });
    o.string("text", &texts.collect::<String>()).number("index", index as u64);
    match choice.logprobs.as_ref().and_then(|all| logprobs::of(all, 0)) {
        Some(logprobs) => o.raw("logprobs", &logprobs),
        None => o.null("logprobs"),
    };
    let refused = choice.content.iter().any(|block| matches!(block.content, Content::Refusal { .. }));
    write_finish(o, &told(&choice.finish, refused), choice.stop_sequence.as_deref());
}

/// Why a choice ended: words of a refusal look like any others here.
pub fn told(finish: &FinishReason, refused: bool) -> FinishReason {
    match finish {
        FinishReason::Stop if refused => FinishReason::Refusal,
        other => other.clone(),
    }
}

/// `finish_reason`, and beside it what it cannot say. Nobody calls tools here.
pub fn write_finish(o: &mut Object<'_>, finish: &FinishReason, stop_sequence: Option<&str>) {
    let (word, native) = finish::write(finish, false);
    o.string("finish_reason", if word == "tool_calls" { "stop" } else { word })
        .maybe_string("native_finish_reason", native)
        .maybe_string("stop_reason", stop_sequence);
}
