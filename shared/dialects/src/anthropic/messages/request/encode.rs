//! Writes a request.

use super::{
    super::{
        block,
        cache::{self, Room, Rooms},
        extras,
    },
    output::{Output, output},
    sampling, schema,
    thinking::{Plan, plan},
    tools::{Tools, tools},
    turns::{Conversation, FILLER, NO_RESULT, Piece, Turn, arrange},
};
use crate::{
    codec::{Encoded, Target},
    json::write::{self, Array, Object},
};
use domain::{
    Error, Wire,
    chat::{Block, Content, Request, Role},
};

/// The request in this wire's words. An error is about media, or several answers, that can be neither carried nor left
/// out.
pub fn encode(request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
    if request.n.is_some_and(|n| n > 1) {
        return Err(Error::invalid("n", "this model's provider (Anthropic) gives one answer a call; leave `n` out"));
    }
    let mut dropped: Vec<String> = foreign(request);
    let talk = arrange(request, target, &mut dropped)?;
    let plan = plan(request, target, &talk, &mut dropped);
    let output = output(request, target, &plan);
    let tools = tools(request, &talk, &plan, &output, target.abilities.response_schema, &mut dropped);
    let rooms = rooms(&talk, &tools, target);
    if rooms.crowded {
        dropped.push("cache_control".to_owned());
    }
    let tier = tier(request, &mut dropped);
    let body = write::object(|o| {
        o.string("model", target.model).number("max_tokens", plan.max_tokens);
        system(&talk, &output, &rooms.system, o);
        o.array("messages", |array| messages(&talk.turns, &rooms.messages, array));
        tools.write(request, &rooms.tools, o);
        sampling::write(&request.sampling, &target.abilities, &plan, o, &mut dropped);
        plan.write(request, o);
        output_config(request, &plan, &output, o);
        if let Some(user) = &request.user {
            o.object("metadata", |o| {
                o.string("user_id", user);
            });
        }
        o.maybe_string("service_tier", tier);
        if request.stream {
            o.bool("stream", true);
        }
        own_extensions(request, o);
    });
    Ok(Encoded { body, dropped })
}

/// Names of what other dialects alone understand, and of what this one cannot put back.
fn foreign(request: &Request) -> Vec<String> {
    let mut names: Vec<String> = request.extensions.foreign_to(Wire::AnthropicMessages).map(str::to_owned).collect();
    let own = request.extensions.of(Wire::AnthropicMessages).map(|(path, _)| path);
    names.extend(own.filter(|path| !extras::returns(path)).map(str::to_owned));
    names
}

fn tier<'r>(request: &'r Request, dropped: &mut Vec<String>) -> Option<&'r str> {
    match request.service_tier.as_deref() {
        None => None,
        Some("auto") => Some("auto"),
        Some("default" | "standard" | "standard_only") => Some("standard_only"),
        Some(_) => {
            dropped.push("service_tier".to_owned());
            None
        }
    }
}

fn rooms(talk: &Conversation<'_>, tools: &Tools<'_>, target: &Target<'_>) -> Rooms {
    let system = talk.system.iter().filter(|block| block.cache.is_some()).count();
    let pieces = talk.turns.iter().flat_map(|turn| &turn.pieces);
    let messages = pieces.map(|piece| if let Piece::Block(block, _) = piece { marks(block) } else { 0 }).sum();
    cache::rooms(tools.marks(), system, messages, target.abilities.prompt_caching)
}

/// Marks of a block and of the result in it.
fn marks(block: &Block) -> usize {
    let inner = match &block.content {
        Content::ToolResult(result) => result.content.iter().map(marks).sum(),
        Content::Reasoning { .. } | Content::RedactedReasoning { .. } => return 0,
        Content::Other(opaque) if opaque.wire == Wire::AnthropicMessages => return 0,
        _ => 0,
    };
    inner + usize::from(block.cache.is_some())
}

fn system(talk: &Conversation<'_>, output: &Output<'_>, room: &Room, o: &mut Object<'_>) {
    if talk.system.is_empty() && output.instruction.is_none() {
        return;
    }
    o.array("system", |array| {
        talk.system.iter().for_each(|block| block::asked(block, room, array));
        if let Some(instruction) = &output.instruction {
            text(instruction, array);
        }
    });
}

fn text(text: &str, array: &mut Array<'_>) {
    array.object(|o| {
        o.string("type", "text").string("text", text);
    });
}

fn messages(turns: &[Turn<'_>], room: &Room, array: &mut Array<'_>) {
    for (at, turn) in turns.iter().enumerate() {
        let role = match turn.role {
            Role::Assistant => "assistant",
            Role::System => "system",
            Role::User => "user",
        };
        let last = at + 1 == turns.len() && turn.role == Role::Assistant;
        array.object(|o| {
            o.string("role", role).array("content", |array| pieces(&turn.pieces, last, room, array));
        });
    }
}

/// The blocks of a turn. The provider refuses white space at the end of a turn it is to continue.
fn pieces(pieces: &[Piece<'_>], to_continue: bool, room: &Room, array: &mut Array<'_>) {
    for (at, piece) in pieces.iter().enumerate() {
        match piece {
            Piece::Filler => text(FILLER, array),
            Piece::NoResult(call) => array.object(|o| {
                o.string("type", "tool_result").string("tool_use_id", &super::super::ids::mapped(call));
                o.string("content", NO_RESULT).bool("is_error", true);
            }),
            Piece::Block(block, _) => match &block.content {
                Content::Text { text, citations } if to_continue && at + 1 == pieces.len() => {
                    let content = Content::Text { text: text.trim_end().to_owned(), citations: citations.clone() };
                    block::asked(&Block { content, cache: block.cache.clone() }, room, array);
                }
                _ => block::asked(block, room, array),
            },
        }
    }
}

fn output_config(request: &Request, plan: &Plan, output: &Output<'_>, o: &mut Object<'_>) {
    let mut own: Vec<_> = extras::inside(request, "output_config").collect();
    own.retain(|(key, _)| !(*key == "effort" && plan.effort.is_some() || *key == "format" && output.native.is_some()));
    if own.is_empty() && plan.effort.is_none() && output.native.is_none() {
        return;
    }
    o.object("output_config", |o| {
        o.maybe_string("effort", plan.effort.as_deref());
        if let Some(schema) = output.native {
            o.object("format", |o| {
                o.string("type", "json_schema").raw("schema", &schema::answer(schema));
            });
        }
        own.into_iter().for_each(|(key, value)| {
            o.json(key, value);
        });
    });
}

/// Top-level fields that came in on this dialect.
fn own_extensions(request: &Request, o: &mut Object<'_>) {
    let own = request.extensions.of(Wire::AnthropicMessages).filter(|(path, _)| !path.contains('.'));
    own.for_each(|(field, value)| {
        o.json(field, value);
    });
}
