//! Tools, the choice among them, and calls of them.

use super::content::opaque;
use crate::{
    json::{
        Node, parse_answer,
        write::{self, Array, Object},
    },
    malformed::Malformed,
};
use domain::{
    Json, Wire,
    chat::{Content, Request, Tool, ToolCall, ToolChoice, ToolDefinition},
};

/// What a function without parameters has for a schema.
const NO_PARAMETERS: &str = r#"{"type":"object","properties":{}}"#;

/// `tools`; `strict_tools` holds for each of them.
pub fn read(body: &Node<'_>) -> Result<Vec<Tool>, Malformed> {
    let strict = body.optional("strict_tools", Node::boolean)?;
    Ok(body.optional("tools", |tools| tools.each(|node| tool(node, strict)))?.unwrap_or_default())
}

fn tool(node: &Node<'_>, strict: Option<bool>) -> Result<Tool, Malformed> {
    let definition = match node.object()?.optional("type", Node::string)? {
        None | Some("function") => node.required("function", |function| {
            Ok(ToolDefinition::Function {
                name: function.object()?.required("name", Node::text)?,
                description: function.optional("description", Node::text)?,
                parameters: function.optional("parameters", Node::json_object)?,
                strict,
            })
        })?,
        Some(kind) => ToolDefinition::Other(opaque(kind, node)),
    };
    Ok(Tool { definition, cache: None })
}

/// `tool_choice`: `REQUIRED` or `NONE`; the wire has no word for the usual.
pub fn read_choice(body: &Node<'_>) -> Result<Option<ToolChoice>, Malformed> {
    body.optional("tool_choice", |node| match node.string()?.to_ascii_uppercase().as_str() {
        "AUTO" => Ok(ToolChoice::Auto),
        "NONE" => Ok(ToolChoice::None),
        "REQUIRED" => Ok(ToolChoice::Required),
        _ => Err(Malformed::invalid("must be `REQUIRED` or `NONE`").with_code("invalid_value")),
    })
}

/// Writes `tools`, `strict_tools` and `tool_choice`, and names what the wire does not have.
pub fn write(o: &mut Object<'_>, request: &Request, dropped: &mut Vec<String>) {
    let offered: Vec<(usize, &Tool)> =
        request.tools.iter().enumerate().filter(|(_, tool)| is_chosen(tool, request.tool_choice.as_ref())).collect();
    let mut written = 0;
    let list = write::array(|array| {
        for (at, tool) in &offered {
            match write_tool(array, tool) {
                true => written += 1,
                false => dropped.push(format!("tools.{at}")),
            }
        }
    });
    if written > 0 {
        o.raw("tools", &list);
        write_strict(o, &offered, dropped);
        write_choice(o, request.tool_choice.as_ref());
    }
    if request.parallel_tool_calls == Some(false) {
        dropped.push("parallel_tool_calls".to_owned());
    }
}

/// A choice of one tool, or among some, is made by offering no others.
fn is_chosen(tool: &Tool, choice: Option<&ToolChoice>) -> bool {
    match (&tool.definition, choice) {
        (ToolDefinition::Function { name, .. }, Some(ToolChoice::Tool { name: chosen })) => name == chosen,
        (ToolDefinition::Function { name, .. }, Some(ToolChoice::Allowed { names, .. })) => names.contains(name),
        (ToolDefinition::Other(_), Some(ToolChoice::Tool { .. } | ToolChoice::Allowed { .. })) => false,
        _ => true,
    }
}

fn write_tool(array: &mut Array<'_>, tool: &Tool) -> bool {
    match &tool.definition {
        ToolDefinition::Function { name, description, parameters, .. } => array.object(|o| {
            o.string("type", "function").object("function", |o| {
                o.string("name", name)
                    .maybe_string("description", description.as_deref())
                    .raw("parameters", &schema(parameters.as_ref()));
            });
        }),
        ToolDefinition::Other(opaque) if opaque.wire == Wire::CohereChat => array.json(&opaque.json),
        ToolDefinition::Other(_) => return false,
    }
    true
}

/// The schema of a tool's arguments, which must be an object's.
fn schema(parameters: Option<&Json>) -> String {
    let Some(parameters) = parameters else { return NO_PARAMETERS.to_owned() };
    match parse_answer(parameters.as_str().as_bytes()) {
        Ok(node) if node.fields().is_empty() => NO_PARAMETERS.to_owned(),
        Ok(node) if node.get("type").is_none() => write::object(|o| {
            node.fields().iter().for_each(|(key, value)| {
                o.raw(key, value.raw);
            });
            o.string("type", "object");
        }),
        _ => parameters.as_str().to_owned(),
    }
}

/// All tools are strict here, or none is.
fn write_strict(o: &mut Object<'_>, offered: &[(usize, &Tool)], dropped: &mut Vec<String>) {
    let strict = |tool: &Tool| match &tool.definition {
        ToolDefinition::Function { strict, .. } => *strict,
        ToolDefinition::Other(_) => None,
    };
    let first = offered.first().and_then(|(_, tool)| strict(tool));
    if offered.iter().all(|(_, tool)| strict(tool) == first) {
        o.maybe_bool("strict_tools", first);
    } else {
        let asked = offered.iter().filter(|(_, tool)| strict(tool) == Some(true));
        dropped.extend(asked.map(|(at, _)| format!("tools.{at}.strict")));
    }
}

fn write_choice(o: &mut Object<'_>, choice: Option<&ToolChoice>) {
    match choice {
        None | Some(ToolChoice::Auto | ToolChoice::Allowed { required: false, .. }) => {}
        Some(ToolChoice::None) => drop(o.string("tool_choice", "NONE")),
        Some(ToolChoice::Required | ToolChoice::Tool { .. } | ToolChoice::Allowed { required: true, .. }) => {
            o.string("tool_choice", "REQUIRED");
        }
    }
}

/// One of a message's `tool_calls`. An id is made up where none is given.
pub fn read_call(node: &Node<'_>, at: usize) -> Result<Content, Malformed> {
    let id = node.object()?.optional("id", Node::text)?.filter(|id| !id.is_empty());
    node.required("function", |function| {
        let arguments = function.object()?.get("arguments").map(|node| node.as_str().unwrap_or(node.raw));
        Ok(Content::ToolCall(ToolCall {
            id: id.unwrap_or_else(|| format!("call_{at}")),
            name: function.required("name", Node::text)?,
            arguments: arguments.unwrap_or("").to_owned(),
        }))
    })
}

/// One of `tool_calls`, as JSON text; a call without arguments has `{}`.
pub fn call(call: &ToolCall) -> String {
    let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    write::object(|o| {
        o.string("id", &call.id).string("type", "function").object("function", |o| {
            o.string("name", &call.name).string("arguments", arguments);
        });
    })
}
