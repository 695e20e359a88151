//! Requests of the text families, both ways.

use super::{
    template::{Layout, Said},
    words::Words,
};
use crate::{
    codec::{Encoded, Envelope, Target, Will},
    head::{Edit, Head},
    json::{
        Node,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::{
    Error, Json, Wire,
    chat::{Block, Content, Extensions, Message, OutputFormat, Request, Role, Sampling},
};

/// The fields of a history.
const HISTORY: &str = "chat_history";
const PREAMBLE: &str = "preamble";
const CHATBOT: &str = "CHATBOT";
/// What an empty conversation asks for.
const GO_ON: &str = "Continue.";

/// The fields the gateway needs.
pub fn head(words: &Words, body: &Node<'_>) -> Result<Head, Malformed> {
    one_answer(words, body)?;
    let output_cap = setting(words, body, words.cap, cap)?;
    Ok(Head { output_cap, n: 1, media: body.get("images").is_some(), ..Head::default() })
}

fn cap(node: &Node<'_>) -> Result<u64, Malformed> {
    match node.integer()? {
        0 => Err(Malformed::invalid("at least one token must be allowed")),
        cap => Ok(cap),
    }
}

fn one_answer(words: &Words, body: &Node<'_>) -> Result<(), Malformed> {
    let Some(field) = words.many else { return Ok(()) };
    match body.optional(field, Node::integer)? {
        None | Some(1) => Ok(()),
        Some(_) => Err(Malformed::invalid("one answer a call is given; leave it out or send 1").under(field)),
    }
}

/// The edits that put the gateway's will into a request that passes through.
pub fn edits(words: &Words, _: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
    let mut edits: Vec<Edit> = will.drop.iter().map(|field| Edit::remove(field)).collect();
    edits.extend(will.rename.iter().map(|(ours, theirs)| Edit::rename(ours, theirs)));
    if let Some(cap) = will.output_cap {
        let path: Vec<&str> = words.settings.into_iter().chain([words.cap]).collect();
        edits.push(Edit::set(&path, cap.to_string()));
    }
    edits
}

/// One setting, where the family keeps them.
fn setting<'n, 'a, T>(
    words: &Words,
    body: &'n Node<'a>,
    key: &str,
    read: impl FnOnce(&'n Node<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    match words.settings {
        Some(settings) => Ok(body.optional(settings, |node| node.object()?.optional(key, read))?.flatten()),
        None => body.optional(key, read),
    }
}

/// What the caller means.
pub fn decode(words: &Words, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
    one_answer(words, body.object()?)?;
    let number = |key: Option<&str>| match key {
        Some(key) => setting(words, body, key, Node::number),
        None => Ok(None),
    };
    let stop = words.stop.map(|stop| setting(words, body, stop, |node| node.each(Node::text))).transpose()?.flatten();
    let prompt = body.required(words.prompt, Node::string)?;
    let turns = match words.template(envelope.model.unwrap_or_default()) {
        Some(template) => template.read(prompt),
        None => history(body, prompt)?,
    };
    Ok(Request {
        messages: turns
            .into_iter()
            .map(|(role, text)| Message { role, content: vec![Block::text(text)], name: None })
            .collect(),
        max_output_tokens: setting(words, body, words.cap, cap)?,
        sampling: Sampling {
            temperature: number(Some(words.temperature))?,
            top_p: number(Some(words.top_p))?,
            top_k: number(words.top_k)?,
            stop: stop.unwrap_or_default(),
            ..Sampling::default()
        },
        extensions: extensions(words, body),
        ..Request::default()
    })
}

fn history(body: &Node<'_>, message: &str) -> Result<Vec<Said>, Malformed> {
    let turn = |node: &Node<'_>| {
        let role = match node.object()?.required("role", Node::string)? {
            CHATBOT => Role::Assistant,
            "SYSTEM" => Role::System,
            _ => Role::User,
        };
        Ok((role, node.optional("message", Node::text)?.unwrap_or_default()))
    };
    let mut turns: Vec<Said> =
        body.optional(PREAMBLE, Node::text)?.map(|text| (Role::System, text)).into_iter().collect();
    turns.extend(body.optional(HISTORY, |turns| turns.each(turn))?.unwrap_or_default());
    turns.push((Role::User, message.to_owned()));
    turns.retain(|(_, text)| !text.is_empty());
    Ok(turns)
}

/// Every field without a canonical home.
fn extensions(words: &Words, body: &Node<'_>) -> Extensions {
    let settings = [Some(words.cap), Some(words.temperature), Some(words.top_p), words.top_k, words.stop];
    let is_setting = |key: &str| settings.contains(&Some(key));
    let known = |key: &str| {
        let history = matches!(words.layout, Layout::History) && (key == HISTORY || key == PREAMBLE);
        let setting = words.settings.is_none() && is_setting(key);
        let named = [Some(words.prompt), words.settings, words.many].contains(&Some(key));
        history || setting || named || key == "stream"
    };
    let mut extensions = Extensions::default();
    for (key, value) in body.fields().iter().filter(|(key, value)| !known(key) && !value.is_null()) {
        extensions.push(Wire::BedrockInvoke, key.as_ref(), value.json());
    }
    extensions
}

/// The request in the family's words. An error is about what one text cannot hold: media, calls of tools, several answers.
pub fn encode(words: &Words, request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(Error::invalid(
            "n",
            format!("this model ({}) gives one answer a call; leave `n` out", words.family),
        ));
    }
    let mut dropped = Vec::new();
    let turns = turns(words, &request.messages, &mut dropped)?;
    let cap = target.output_cap.or(request.max_output_tokens);
    let cap = cap.map(|cap| cap.min(target.max_output.unwrap_or(u64::MAX)));
    let body = write::object(|o| {
        match words.template(target.model) {
            Some(template) => {
                o.string(words.prompt, &template.written(&turns));
            }
            None => write_history(words, turns, o),
        }
        let settings = write::object(|o| write_settings(words, &request.sampling, cap, o));
        match words.settings {
            Some(field) if settings != "{}" => {
                o.raw(field, &settings);
            }
            Some(_) => {}
            None => write_settings(words, &request.sampling, cap, o),
        }
        if words.says_stream && request.stream {
            o.bool("stream", true);
        }
        for (field, value) in request.extensions.of(Wire::BedrockInvoke).filter(|(field, _)| words.own.contains(field))
        {
            o.json(field, value);
        }
    });
    name_the_rest(words, request, &mut dropped);
    Ok(Encoded { body, dropped })
}

/// Turns of text, neighbours of one role joined, all system text first.
fn turns(words: &Words, messages: &[Message], dropped: &mut Vec<String>) -> Result<Vec<Said>, Error> {
    let mut turns: Vec<Said> = Vec::new();
    let ordered = messages.iter().enumerate().filter(|(_, message)| message.role == Role::System);
    for (at, message) in ordered.chain(messages.iter().enumerate().filter(|(_, message)| message.role != Role::System))
    {
        for block in &message.content {
            let Some(text) = text(words, &block.content, at, dropped)? else { continue };
            match turns.last_mut() {
                Some((role, so_far)) if *role == message.role => so_far.extend(["\n\n", text]),
                _ => turns.push((message.role, text.to_owned())),
            }
        }
        if message.name.is_some() {
            name(dropped, format!("messages.{at}.name"));
        }
        if message.content.iter().any(|block| block.cache.is_some()) {
            name(dropped, "cache_control");
        }
    }
    if turns.iter().all(|(role, _)| *role == Role::System) {
        turns.push((Role::User, GO_ON.to_owned()));
    }
    Ok(turns)
}

/// The text of a block; `None` if it says nothing here and is named or empty.
fn text<'c>(
    words: &Words,
    content: &'c Content,
    at: usize,
    dropped: &mut Vec<String>,
) -> Result<Option<&'c str>, Error> {
    let refuse = |what: &str| {
        let why = format!("this model ({}) takes one text, and cannot be given {what}", words.family);
        Err(Error::invalid(format!("messages.{at}.content"), why))
    };
    match content {
        Content::Text { text, .. } | Content::Refusal { text } => {
            Ok(Some(text.as_str()).filter(|text| !text.is_empty()))
        }
        Content::Reasoning { .. } | Content::RedactedReasoning { .. } => {
            name(dropped, "reasoning");
            Ok(None)
        }
        Content::Document { source: domain::chat::Source::Text { text, .. }, .. } => Ok(Some(text)),
        Content::Image { .. } => refuse("images"),
        Content::Document { .. } => refuse("documents"),
        Content::Audio { .. } => refuse("audio"),
        Content::Video { .. } => refuse("video"),
        Content::ToolCall(_) | Content::ToolResult(_) => refuse("calls of tools"),
        Content::Other(opaque) => {
            name(dropped, opaque.kind.clone());
            Ok(None)
        }
    }
}

fn name(dropped: &mut Vec<String>, what: impl Into<String>) {
    let what = what.into();
    if !dropped.contains(&what) {
        dropped.push(what);
    }
}

fn write_history(words: &Words, mut turns: Vec<Said>, o: &mut Object<'_>) {
    let last = match turns.last() {
        Some((Role::User, _)) => turns.pop().map(|(_, text)| text).unwrap_or_default(),
        _ => GO_ON.to_owned(),
    };
    o.string(words.prompt, &last);
    let preamble: Vec<&str> =
        turns.iter().filter(|(role, _)| *role == Role::System).map(|(_, text)| text.as_str()).collect();
    if !preamble.is_empty() {
        o.string(PREAMBLE, &preamble.join("\n\n"));
    }
    let said: Vec<&Said> = turns.iter().filter(|(role, _)| *role != Role::System).collect();
    if !said.is_empty() {
        o.array(HISTORY, |array| {
            for (role, text) in said {
                array.object(|o| {
                    o.string("role", if *role == Role::Assistant { CHATBOT } else { "USER" }).string("message", text);
                });
            }
        });
    }
}

fn write_settings(words: &Words, sampling: &Sampling, cap: Option<u64>, o: &mut Object<'_>) {
    o.maybe_number(words.cap, cap);
    o.maybe_json(words.temperature, sampling.temperature.as_ref()).maybe_json(words.top_p, sampling.top_p.as_ref());
    if let Some(top_k) = words.top_k {
        o.maybe_json(top_k, sampling.top_k.as_ref());
    }
    if let Some(stop) = words.stop {
        o.maybe_strings(stop, &sampling.stop);
    }
}

/// Names what a text family has no field for.
fn name_the_rest(words: &Words, request: &Request, dropped: &mut Vec<String>) {
    let sampling = &request.sampling;
    let is = |json: &Option<Json>| json.is_some();
    let absent = [
        ("tools", !request.tools.is_empty()),
        ("tool_choice", request.tool_choice.is_some()),
        ("parallel_tool_calls", request.parallel_tool_calls.is_some()),
        (
            "response_format",
            matches!(request.output_format, Some(OutputFormat::JsonObject | OutputFormat::JsonSchema { .. })),
        ),
        ("reasoning", request.reasoning.is_some()),
        ("user", request.user.is_some()),
        ("metadata", !request.metadata.is_empty()),
        ("service_tier", request.service_tier.is_some()),
        ("stop", words.stop.is_none() && !sampling.stop.is_empty()),
        ("top_k", words.top_k.is_none() && is(&sampling.top_k)),
        ("seed", is(&sampling.seed)),
        ("frequency_penalty", is(&sampling.frequency_penalty)),
        ("presence_penalty", is(&sampling.presence_penalty)),
        ("logit_bias", is(&sampling.logit_bias)),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some()),
    ];
    absent.into_iter().filter(|(_, asked)| *asked).for_each(|(what, _)| name(dropped, what));
    let foreign = request.extensions.foreign_to(Wire::BedrockInvoke);
    let others = request.extensions.of(Wire::BedrockInvoke).map(|(field, _)| field).filter(|f| !words.own.contains(f));
    foreign.chain(others).for_each(|field| name(dropped, field));
}
