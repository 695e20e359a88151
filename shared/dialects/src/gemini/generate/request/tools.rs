//! Tools: all functions in one list, every other tool beside it.

use super::{
    super::{fields, model, schema},
    config::write_schema,
};
use crate::{
    json::{
        Node,
        write::{Array, Object},
    },
    malformed::Malformed,
};
use domain::{
    Json, Wire,
    chat::{Extensions, Opaque, Request, Tool, ToolChoice, ToolDefinition},
};

pub fn read(body: &Node<'_>, extensions: &mut Extensions) -> Result<Vec<Tool>, Malformed> {
    let mut tools = Vec::new();
    fields::optional(body, "tools", |node| {
        fields::each(node, |at, tool| read_one(tool.object()?, &format!("tools.{at}"), &mut tools, extensions))
    })?;
    Ok(tools)
}

/// One element: any number of functions, and tools that the provider runs.
fn read_one(node: &Node<'_>, path: &str, tools: &mut Vec<Tool>, extensions: &mut Extensions) -> Result<(), Malformed> {
    let functions = fields::optional(node, "functionDeclarations", |list| {
        fields::each(list, |at, function| {
            let path = format!("{path}.functionDeclarations.{at}");
            read_function(function, &path, extensions)
        })
    })?;
    tools.extend(functions.unwrap_or_default());
    for (key, value) in node.fields().iter().filter(|(key, _)| !fields::is(key, "functionDeclarations")) {
        if !value.is_null() {
            let json = crate::json::write::object(|o| {
                o.raw(key, value.raw);
            });
            let opaque = Opaque { wire: Wire::GeminiGenerate, kind: key.to_string(), json: Json::verbatim(json) };
            tools.push(Tool { definition: ToolDefinition::Other(opaque), cache: None });
        }
    }
    Ok(())
}

fn read_function(node: &Node<'_>, path: &str, extensions: &mut Extensions) -> Result<Tool, Malformed> {
    for name in ["behavior", "response", "responseJsonSchema"] {
        if let Some(value) = fields::get(node, name) {
            extensions.push(Wire::GeminiGenerate, format!("{path}.{name}"), value.json());
        }
    }
    let standard = fields::optional(node.object()?, "parametersJsonSchema", Node::json_object)?;
    let own = fields::optional(node, "parameters", |node| node.object().map(schema::to_json_schema))?;
    Ok(Tool {
        definition: ToolDefinition::Function {
            name: fields::required(node, "name", Node::text)?,
            description: fields::optional(node, "description", Node::text)?,
            parameters: standard.or(own),
            strict: None,
        },
        cache: None,
    })
}

/// `toolConfig`. What it says beyond a choice is kept whole.
pub fn read_choice(body: &Node<'_>, extensions: &mut Extensions) -> Result<Option<ToolChoice>, Malformed> {
    let read = fields::optional(body, "toolConfig", |config| {
        let calling = fields::optional(config.object()?, "functionCallingConfig", choice)?;
        let own = |key: &str| !fields::is(key, "functionCallingConfig");
        let more = config.fields().iter().any(|(key, value)| own(key) && !value.is_null());
        let (choice, whole) = calling.unwrap_or((None, true));
        if more || !whole {
            extensions.push(Wire::GeminiGenerate, "toolConfig", config.json());
        }
        Ok(choice)
    })?;
    Ok(read.flatten())
}

/// The choice, and whether it says everything.
fn choice(node: &Node<'_>) -> Result<(Option<ToolChoice>, bool), Malformed> {
    let mode = fields::optional(node.object()?, "mode", Node::string)?.unwrap_or("AUTO").to_ascii_uppercase();
    let names = fields::optional(node, "allowedFunctionNames", |names| names.each(Node::text))?.unwrap_or_default();
    let known = |key: &str| fields::is(key, "mode") || fields::is(key, "allowedFunctionNames");
    let more = node.fields().iter().any(|(key, value)| !known(key) && !value.is_null());
    let (choice, whole) = match (mode.as_str(), names.as_slice()) {
        ("AUTO" | "MODE_UNSPECIFIED", []) => (Some(ToolChoice::Auto), true),
        ("NONE", _) => (Some(ToolChoice::None), true),
        ("ANY", []) => (Some(ToolChoice::Required), true),
        ("ANY", [name]) => (Some(ToolChoice::Tool { name: name.clone() }), true),
        ("ANY", _) => (Some(ToolChoice::Allowed { names, required: true }), true),
        ("VALIDATED", []) => (Some(ToolChoice::Auto), false),
        ("AUTO" | "VALIDATED", _) => (Some(ToolChoice::Allowed { names, required: false }), mode == "VALIDATED"),
        _ => (None, false),
    };
    Ok((choice, whole && !more))
}

/// Writes `tools` and `toolConfig`.
pub fn write(o: &mut Object<'_>, request: &Request, model: &str, dropped: &mut Vec<String>) {
    let mut list = Vec::new();
    let functions: Vec<(usize, &Tool)> =
        request.tools.iter().enumerate().filter(|(_, tool)| is_function(tool)).collect();
    for (at, tool) in request.tools.iter().enumerate() {
        match &tool.definition {
            // All of them in one list, where the first of them stood.
            ToolDefinition::Function { .. } if functions.first().is_some_and(|(first, _)| *first == at) => {
                list.push(declarations(&functions, model, dropped));
            }
            ToolDefinition::Other(opaque) if opaque.wire == Wire::GeminiGenerate => {
                list.push(opaque.json.as_str().to_owned());
            }
            ToolDefinition::Other(_) => dropped.push(format!("tools.{at}")),
            ToolDefinition::Function { .. } => {}
        }
    }
    if !list.is_empty() {
        o.array("tools", |array| list.iter().for_each(|tool| array.raw(tool)));
    }
    write_config(o, request, !list.is_empty());
    if request.parallel_tool_calls == Some(false) && !functions.is_empty() {
        dropped.push("parallel_tool_calls".to_owned());
    }
}

fn declarations(functions: &[(usize, &Tool)], model: &str, dropped: &mut Vec<String>) -> String {
    crate::json::write::object(|o| {
        o.array("functionDeclarations", |array| {
            functions.iter().for_each(|(at, tool)| write_function(array, *at, tool, model, dropped));
        });
    })
}

fn is_function(tool: &Tool) -> bool {
    matches!(tool.definition, ToolDefinition::Function { .. })
}

fn write_function(array: &mut Array<'_>, at: usize, tool: &Tool, model: &str, dropped: &mut Vec<String>) {
    let ToolDefinition::Function { name, description, parameters, strict } = &tool.definition else { return };
    array.object(|o| {
        o.string("name", name).maybe_string("description", description.as_deref());
        let standard = model::takes_json_schema(model);
        if let Some(parameters) = parameters.as_ref().filter(|schema| standard || !schema::is_empty(schema)) {
            let names = ("parametersJsonSchema", "parameters");
            write_schema(o, names, parameters, standard, &format!("tools.{at}.parameters"), dropped);
        }
    });
    // There is a mode that keeps every call within its schema, but only for all functions at once.
    if *strict == Some(true) {
        dropped.push(format!("tools.{at}.strict"));
    }
}

/// A choice among no tools is refused.
fn write_config(o: &mut Object<'_>, request: &Request, any: bool) {
    let own = request.extensions.of(Wire::GeminiGenerate).find(|(key, _)| *key == "toolConfig");
    if let Some((key, config)) = own {
        o.json(key, config);
        return;
    }
    let Some(choice) = request.tool_choice.as_ref().filter(|_| any) else { return };
    let (mode, names) = match choice {
        ToolChoice::Auto => ("AUTO", &[][..]),
        ToolChoice::None => ("NONE", &[][..]),
        ToolChoice::Required => ("ANY", &[][..]),
        ToolChoice::Tool { name } => ("ANY", std::slice::from_ref(name)),
        ToolChoice::Allowed { names, required: true } => ("ANY", names.as_slice()),
        ToolChoice::Allowed { names, required: false } => ("VALIDATED", names.as_slice()),
    };
    o.object("toolConfig", |o| {
        o.object("functionCallingConfig", |o| {
            o.string("mode", mode).maybe_strings("allowedFunctionNames", names);
        });
    });
}
