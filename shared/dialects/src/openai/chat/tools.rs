//! Tools, the choice among them, and calls of them.

use super::parts::{cache_mark, opaque, write_mark};
use crate::{
    json::{
        Node,
        write::{self, Array, Object},
    },
    malformed::Malformed,
};
use domain::{
    Wire,
    chat::{Content, Extensions, Opaque, Tool, ToolCall, ToolChoice, ToolDefinition},
};

/// Before the kind of a tool call that is no function's: `tool_calls.custom`.
const CALL: &str = "tool_calls.";

/// `tools`, and the older `functions` after them.
pub fn read(body: &Node<'_>) -> Result<Vec<Tool>, Malformed> {
    let mut tools = body.optional("tools", |node| node.each(tool))?.unwrap_or_default();
    let functions = body.optional("functions", |node| node.each(|function| definition(function, function)))?;
    tools.extend(functions.unwrap_or_default());
    Ok(tools)
}

fn tool(node: &Node<'_>) -> Result<Tool, Malformed> {
    match node.object()?.optional("type", Node::string)? {
        None | Some("function") => node.required("function", |function| definition(function, node)),
        Some(kind) => Ok(Tool { definition: ToolDefinition::Other(opaque(kind, node)), cache: cache_mark(node)? }),
    }
}

fn definition(function: &Node<'_>, marked: &Node<'_>) -> Result<Tool, Malformed> {
    let definition = ToolDefinition::Function {
        name: function.object()?.required("name", Node::text)?,
        description: function.optional("description", Node::text)?,
        parameters: function.optional("parameters", Node::json_object)?,
        strict: function.optional("strict", Node::boolean)?,
    };
    let cache = match cache_mark(marked)? {
        None => cache_mark(function)?,
        mark => mark,
    };
    Ok(Tool { definition, cache })
}

/// Writes one tool; `false` if the dialect does not have it.
pub fn write(array: &mut Array<'_>, tool: &Tool, marks: bool) -> bool {
    match &tool.definition {
        ToolDefinition::Function { name, description, parameters, strict } => array.object(|o| {
            o.string("type", "function").object("function", |o| {
                o.string("name", name)
                    .maybe_string("description", description.as_deref())
                    .maybe_json("parameters", parameters.as_ref())
                    .maybe_bool("strict", *strict);
            });
            write_mark(o, tool.cache.as_ref().filter(|_| marks));
        }),
        ToolDefinition::Other(opaque) if opaque.wire == Wire::OpenAiChat => array.json(&opaque.json),
        ToolDefinition::Other(_) => return false,
    }
    true
}

/// `tool_choice`, or the older `function_call`. A form only this dialect knows goes to the extensions.
pub fn read_choice(body: &Node<'_>, extensions: &mut Extensions) -> Result<Option<ToolChoice>, Malformed> {
    for key in ["tool_choice", "function_call"] {
        let Some(node) = body.get(key) else { continue };
        let choice = choice(node).map_err(|problem| problem.under(key))?;
        if choice.is_none() {
            extensions.push(Wire::OpenAiChat, key, node.json());
        }
        return Ok(choice);
    }
    Ok(None)
}

fn choice(node: &Node<'_>) -> Result<Option<ToolChoice>, Malformed> {
    if let Some(word) = node.as_str() {
        return word_choice(word).map(Some).ok_or_else(|| {
            Malformed::invalid("must be `auto`, `none`, `required` or an object").with_code("invalid_value")
        });
    }
    let named = |node: &Node<'_>| Ok(ToolChoice::Tool { name: node.object()?.required("name", Node::text)? });
    match node.object()?.optional("type", Node::string)? {
        Some("function") if node.get("function").is_some() => node.required("function", named).map(Some),
        None if node.get("function").is_some() => node.required("function", named).map(Some),
        None | Some("function" | "tool") => named(node).map(Some),
        Some("allowed_tools") => node.required("allowed_tools", allowed),
        Some(word) => Ok(word_choice(word)),
    }
}

fn word_choice(word: &str) -> Option<ToolChoice> {
    match word {
        "auto" => Some(ToolChoice::Auto),
        "none" => Some(ToolChoice::None),
        "required" | "any" => Some(ToolChoice::Required),
        _ => None,
    }
}

/// A subset; `None` if other than functions are in it.
fn allowed(node: &Node<'_>) -> Result<Option<ToolChoice>, Malformed> {
    let required = node.object()?.optional("mode", Node::string)? == Some("required");
    let name =
        |tool: &Node<'_>| Ok(tool.get("function").and_then(|function| function.str_of("name")).map(str::to_owned));
    let names: Option<Vec<String>> = node.required("tools", |tools| tools.each(name))?.into_iter().collect();
    Ok(names.map(|names| ToolChoice::Allowed { names, required }))
}

pub fn write_choice(o: &mut Object<'_>, choice: &ToolChoice) {
    let key = "tool_choice";
    match choice {
        ToolChoice::Auto => o.string(key, "auto"),
        ToolChoice::None => o.string(key, "none"),
        ToolChoice::Required => o.string(key, "required"),
        ToolChoice::Tool { name } => o.object(key, |o| write_function(o, name)),
        ToolChoice::Allowed { names, required } => o.object(key, |o| {
            o.string("type", "allowed_tools").object("allowed_tools", |o| {
                o.string("mode", if *required { "required" } else { "auto" })
                    .array("tools", |array| names.iter().for_each(|name| array.object(|o| write_function(o, name))));
            });
        }),
    };
}

fn write_function(o: &mut Object<'_>, name: &str) {
    o.string("type", "function").object("function", |o| {
        o.string("name", name);
    });
}

/// One of a message's `tool_calls`. An id is made up where a host gives none.
pub fn read_call(node: &Node<'_>, at: usize) -> Result<Content, Malformed> {
    let kind = node.object()?.optional("type", Node::string)?.unwrap_or("function");
    if node.get("function").is_none() && kind != "function" {
        return Ok(Content::Other(opaque(&format!("{CALL}{kind}"), node)));
    }
    let id = node.optional("id", Node::text)?.filter(|id| !id.is_empty()).unwrap_or_else(|| format!("call_{at}"));
    node.required("function", |function| read_function_call(function, id))
}

/// `{"name", "arguments"}`: the arguments are a text; an object stands for its own text.
pub fn read_function_call(function: &Node<'_>, id: String) -> Result<Content, Malformed> {
    let name = function.object()?.required("name", Node::text)?;
    let arguments =
        function.get("arguments").map(|arguments| arguments.as_str().unwrap_or(arguments.raw)).unwrap_or("");
    Ok(Content::ToolCall(ToolCall { id, name, arguments: arguments.to_owned() }))
}

/// One of `tool_calls`, as JSON text; a call without arguments has `{}`.
pub fn call(id: &str, call: &ToolCall) -> String {
    let arguments = if call.arguments.is_empty() { "{}" } else { &call.arguments };
    write::object(|o| {
        o.string("id", id).string("type", "function").object("function", |o| {
            o.string("name", &call.name).string("arguments", arguments);
        });
    })
}

/// Whether this is a call of another kind of tool, kept as it was written.
pub fn is_call(opaque: &Opaque) -> bool {
    opaque.wire == Wire::OpenAiChat && opaque.kind.starts_with(CALL)
}
