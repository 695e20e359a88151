//! Tools and the choice among them.

use super::{
    names::{INPUT_SCHEMA, flat},
    opaque,
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
    chat::{Extensions, Tool, ToolChoice, ToolDefinition},
};

/// `tools`: functions, free-form tools as functions, namespaces as the tools in them, and what the provider runs itself.
pub fn read(body: &Node<'_>) -> Result<Vec<Tool>, Malformed> {
    let tools = body.optional("tools", |node| node.each(|tool| read_tool(tool, None)))?;
    Ok(tools.unwrap_or_default().into_iter().flatten().collect())
}

fn read_tool(node: &Node<'_>, namespace: Option<&str>) -> Result<Vec<Tool>, Malformed> {
    let definition = match node.object()?.required("type", Node::string)? {
        "function" => function(node, namespace)?,
        "custom" => custom(node, namespace)?,
        "namespace" if namespace.is_none() => {
            let name = node.required("name", Node::string)?;
            let inner = node.required("tools", |tools| tools.each(|tool| read_tool(tool, Some(name))))?;
            return Ok(inner.into_iter().flatten().collect());
        }
        kind => ToolDefinition::Other(opaque(kind, node)),
    };
    Ok(vec![Tool { definition, cache: None }])
}

fn function(node: &Node<'_>, namespace: Option<&str>) -> Result<ToolDefinition, Malformed> {
    Ok(ToolDefinition::Function {
        name: flat(namespace, node.required("name", Node::string)?),
        description: node.optional("description", Node::text)?,
        parameters: node.optional("parameters", Node::json_object)?,
        strict: node.optional("strict", Node::boolean)?,
    })
}

/// A free-form tool: a grammar that its input must follow is told in words.
fn custom(node: &Node<'_>, namespace: Option<&str>) -> Result<ToolDefinition, Malformed> {
    let mut description = node.optional("description", Node::text)?.unwrap_or_default();
    if let Some(format) = node.get("format")
        && let Some(definition) = format.str_of("definition")
    {
        let syntax = format.str_of("syntax").unwrap_or("grammar");
        description = format!("{description}\n\nThe input must follow this {syntax} grammar:\n{definition}");
    }
    let description = description.trim();
    Ok(ToolDefinition::Function {
        name: flat(namespace, node.required("name", Node::string)?),
        description: (!description.is_empty()).then(|| description.to_owned()),
        parameters: Some(Json::verbatim(INPUT_SCHEMA)),
        strict: None,
    })
}

/// Writes one tool; `false` if the wire does not have it.
pub fn write(array: &mut Array<'_>, tool: &Tool) -> bool {
    match &tool.definition {
        ToolDefinition::Function { name, description, parameters, strict } => array.object(|o| {
            o.string("type", "function").string("name", name).maybe_string("description", description.as_deref());
            match parameters {
                Some(parameters) => o.json("parameters", parameters),
                None => o.raw("parameters", r#"{"type":"object","properties":{}}"#),
            };
            // Left out it would mean true here, as it does nowhere else.
            o.bool("strict", strict.unwrap_or(false));
        }),
        ToolDefinition::Other(opaque) if opaque.wire == Wire::OpenAiResponses => array.json(&opaque.json),
        ToolDefinition::Other(_) => return false,
    }
    true
}

/// `tool_choice`. A form only this wire knows goes to the extensions.
pub fn read_choice(body: &Node<'_>, extensions: &mut Extensions) -> Result<Option<ToolChoice>, Malformed> {
    let Some(node) = body.get("tool_choice") else { return Ok(None) };
    let choice = choice(node).map_err(|problem| problem.under("tool_choice"))?;
    if choice.is_none() {
        extensions.push(Wire::OpenAiResponses, "tool_choice", node.json());
    }
    Ok(choice)
}

fn choice(node: &Node<'_>) -> Result<Option<ToolChoice>, Malformed> {
    if let Some(word) = node.as_str() {
        return match word {
            "auto" => Ok(Some(ToolChoice::Auto)),
            "none" => Ok(Some(ToolChoice::None)),
            "required" => Ok(Some(ToolChoice::Required)),
            _ => Err(Malformed::invalid("must be `auto`, `none`, `required` or an object").with_code("invalid_value")),
        };
    }
    match node.object()?.required("type", Node::string)? {
        "function" | "custom" => {
            let name = flat(node.str_of("namespace"), node.required("name", Node::string)?);
            Ok(Some(ToolChoice::Tool { name }))
        }
        "allowed_tools" => allowed(node),
        _ => Ok(None),
    }
}

/// A subset; `None` if other than functions are in it.
fn allowed(node: &Node<'_>) -> Result<Option<ToolChoice>, Malformed> {
    let required = node.optional("mode", Node::string)? == Some("required");
    let name = |tool: &Node<'_>| {
        let callable = matches!(tool.str_of("type"), Some("function" | "custom") | None);
        Ok(tool.str_of("name").filter(|_| callable).map(|name| flat(tool.str_of("namespace"), name)))
    };
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
            o.string("type", "allowed_tools")
                .string("mode", if *required { "required" } else { "auto" })
                .array("tools", |array| names.iter().for_each(|name| array.object(|o| write_function(o, name))));
        }),
    };
}

fn write_function(o: &mut Object<'_>, name: &str) {
    o.string("type", "function").string("name", name);
}
