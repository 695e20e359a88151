//! Tools and the choice among them.

use super::turns::{self, Turn};
use crate::{
    bedrock::converse::{family::Family, names},
    codec::{Abilities, JSON_OUTPUT_TOOL},
    head::{Edit, copy},
    json::{parse_answer, write},
};
use domain::{
    Error, Json, Wire,
    chat::{CacheMark, OutputFormat, Request, Tool, ToolChoice, ToolDefinition},
};

/// The schema of a tool without arguments.
const NO_ARGUMENTS: &str = r#"{"type":"object","properties":{}}"#;

/// What `toolConfig` will say, and what follows from it.
#[derive(Debug, Default)]
pub struct Plan<'r> {
    /// Each tool and the mark after it.
    pub tools: Vec<(String, Option<&'r CacheMark>)>,
    /// `toolChoice`.
    pub choice: Option<String>,
    /// Claude's own `tool_choice`, which can forbid parallel calls.
    pub claude_choice: Option<String>,
    /// The answer is to be given by calling [`JSON_OUTPUT_TOOL`], and the choice cannot force it.
    pub tell_to_call: bool,
    pub dropped: Vec<String>,
}

/// Plans for a request whose history is `turns`.
pub fn plan<'r>(
    request: &'r Request,
    turns: &[Turn<'r>],
    family: Family,
    abilities: &Abilities,
    claude_thinks: bool,
) -> Result<Plan<'r>, Error> {
    let mut plan = Plan::default();
    let called = turns::called(turns);
    for (at, tool) in request.tools.iter().enumerate().filter(|(_, tool)| offered(tool, request, &called)) {
        plan.offer(at, tool, abilities)?;
    }
    let callers_tools = !plan.tools.is_empty();
    let output = output_tool(request, abilities);
    plan.tools.extend(output.clone().map(|tool| (tool, None)));
    if plan.tools.is_empty() {
        plan.tools.extend(called.iter().map(|name| (remembered(name), None)));
    }
    if request.tool_choice == Some(ToolChoice::None) && callers_tools {
        plan.dropped.push("tool_choice".into());
    }
    plan.choose(request.tool_choice.as_ref(), callers_tools, output.is_some(), claude_thinks);
    plan.parallel(request.parallel_tool_calls, callers_tools, family);
    Ok(plan)
}

/// `none` and a choice among some are carried out by offering less; tools of the history cannot go altogether.
fn offered(tool: &Tool, request: &Request, called: &[&str]) -> bool {
    match (&request.tool_choice, &tool.definition) {
        (Some(ToolChoice::None), _) => !called.is_empty(),
        (Some(ToolChoice::Allowed { names, .. }), ToolDefinition::Function { name, .. }) => names.contains(name),
        _ => true,
    }
}

impl Plan<'_> {
    fn choose(&mut self, choice: Option<&ToolChoice>, callers_tools: bool, output: bool, claude_thinks: bool) {
        let wanted = match choice.filter(|_| callers_tools) {
            Some(ToolChoice::Required | ToolChoice::Allowed { required: true, .. }) => Some(ToolChoice::Required),
            Some(ToolChoice::Tool { name }) => Some(ToolChoice::Tool { name: name.clone() }),
            Some(ToolChoice::None) if !output => None,
            Some(ToolChoice::None) => Some(ToolChoice::Tool { name: JSON_OUTPUT_TOOL.into() }),
            _ if output && callers_tools => Some(ToolChoice::Required),
            _ if output => Some(ToolChoice::Tool { name: JSON_OUTPUT_TOOL.into() }),
            Some(ToolChoice::Auto | ToolChoice::Allowed { .. }) => Some(ToolChoice::Auto),
            None => None,
        };
        let forced = wanted.as_ref().is_some_and(|wanted| *wanted != ToolChoice::Auto);
        if forced && claude_thinks {
            // Claude does not think and obey a forced choice at once.
            if !output {
                self.dropped.push("tool_choice".into());
            }
            self.tell_to_call = output;
            self.choice = Some(choice_text(&ToolChoice::Auto));
        } else {
            self.choice = wanted.as_ref().map(choice_text);
        }
    }

    /// Converse has no word for "one call at most"; Claude's own fields do, and then they carry the choice as well.
    fn parallel(&mut self, parallel: Option<bool>, callers_tools: bool, family: Family) {
        if parallel != Some(false) || !callers_tools {
            return;
        }
        if family != Family::Claude {
            self.dropped.push("parallel_tool_calls".into());
            return;
        }
        let choice = self.choice.take();
        let choice = choice.as_deref().and_then(|text| parse_answer(text.as_bytes()).ok());
        let name = choice.as_ref().and_then(|c| c.get("tool")).and_then(|tool| tool.str_of("name"));
        let kind = match &choice {
            Some(choice) if choice.get("any").is_some() => "any",
            _ if name.is_some() => "tool",
            _ => "auto",
        };
        self.claude_choice = Some(write::object(|o| {
            o.string("type", kind).maybe_string("name", name).bool("disable_parallel_tool_use", true);
        }));
    }
}

impl<'r> Plan<'r> {
    fn offer(&mut self, at: usize, tool: &'r Tool, abilities: &Abilities) -> Result<(), Error> {
        let text = match &tool.definition {
            ToolDefinition::Other(opaque) if opaque.wire == Wire::BedrockConverse => write::object(|o| {
                o.json(&opaque.kind, &opaque.json);
            }),
            ToolDefinition::Other(_) => {
                self.dropped.push(format!("tools.{at}"));
                return Ok(());
            }
            ToolDefinition::Function { name, description, parameters, strict } => {
                let name = definition_name(name, at)?;
                let strict = strict.filter(|_| abilities.response_schema);
                if tool_is_strict(tool) && strict.is_none() {
                    self.dropped.push(format!("tools.{at}.strict"));
                }
                spec(&name, description.as_deref(), &schema(parameters.as_ref()), strict)
            }
        };
        self.tools.push((text, tool.cache.as_ref()));
        Ok(())
    }
}

fn tool_is_strict(tool: &Tool) -> bool {
    matches!(tool.definition, ToolDefinition::Function { strict: Some(true), .. })
}

fn definition_name(name: &str, at: usize) -> Result<String, Error> {
    let refused = |why: &str| Err(Error::invalid(format!("tools.{at}.name"), why));
    match names::outbound(name) {
        _ if name == JSON_OUTPUT_TOOL => refused("this tool name is reserved by the gateway; choose another"),
        Some(name) => Ok(name),
        None => {
            refused("this model's provider (Amazon Bedrock) takes tool names of 1 to 64 characters; shorten this one")
        }
    }
}

fn spec(name: &str, description: Option<&str>, schema: &str, strict: Option<bool>) -> String {
    write::object(|o| {
        o.object("toolSpec", |o| {
            o.string("name", name).maybe_string("description", description.filter(|text| !text.trim().is_empty()));
            o.object("inputSchema", |o| {
                o.raw("json", schema);
            })
            .maybe_bool("strict", strict);
        });
    })
}

/// A tool's schema with the `type` Bedrock insists on.
fn schema(parameters: Option<&Json>) -> String {
    let Some(json) = parameters else { return NO_ARGUMENTS.to_owned() };
    match parse_answer(json.as_str().as_bytes()) {
        Ok(node) if !node.is_object() || node.fields().is_empty() => NO_ARGUMENTS.to_owned(),
        Ok(node) if node.get("type").is_none() => copy(&node, &[Edit::set(&["type"], "\"object\"")]),
        _ => json.as_str().to_owned(),
    }
}

/// A tool that only the history knows.
fn remembered(name: &str) -> String {
    spec(&names::in_history(name), None, NO_ARGUMENTS, None)
}

/// The tool whose input is the answer, for models without structured output.
fn output_tool(request: &Request, abilities: &Abilities) -> Option<String> {
    match &request.output_format {
        Some(OutputFormat::JsonSchema { description, schema: wanted, .. }) if !abilities.response_schema => {
            let description = description.as_deref().unwrap_or("Gives the answer. Call this exactly once, last.");
            Some(spec(JSON_OUTPUT_TOOL, Some(description), &schema(Some(wanted)), None))
        }
        _ => None,
    }
}

fn choice_text(choice: &ToolChoice) -> String {
    write::object(|o| match choice {
        ToolChoice::Tool { name } => {
            o.object("tool", |o| {
                o.string("name", &names::in_history(name));
            });
        }
        ToolChoice::Required | ToolChoice::Allowed { .. } => {
            o.object("any", |_| {});
        }
        ToolChoice::Auto | ToolChoice::None => {
            o.object("auto", |_| {});
        }
    })
}
