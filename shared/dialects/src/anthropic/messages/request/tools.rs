//! Tools and the choice among them.

use super::{
    super::{
        cache::{self, Room},
        extras,
    },
    output::{Output, OutputTool},
    schema,
    thinking::Plan,
    turns::Conversation,
};
use crate::{
    codec::JSON_OUTPUT_TOOL,
    json::write::{Array, Object},
};
use domain::{
    Wire,
    chat::{Content, Request, Tool, ToolChoice, ToolDefinition},
};

/// The tools of a request, in the order they are written.
pub struct Tools<'r> {
    /// Each with its place in the request.
    offered: Vec<(usize, &'r Tool)>,
    /// Names of tools the history calls where the request offers none: the provider wants them defined.
    recalled: Vec<&'r str>,
    output: Option<&'r OutputTool<'r>>,
    choice: Option<Choice<'r>>,
    parallel: Option<bool>,
    strict: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Choice<'r> {
    Any,
    Auto,
    None,
    Tool(&'r str),
}

/// Picks the tools and the choice; what cannot be carried is named in `dropped`.
pub fn tools<'r>(
    request: &'r Request,
    talk: &Conversation<'r>,
    plan: &Plan,
    output: &'r Output<'r>,
    strict: bool,
    dropped: &mut Vec<String>,
) -> Tools<'r> {
    let offered: Vec<_> =
        request.tools.iter().enumerate().filter(|(at, tool)| offers(request, *at, tool, dropped)).collect();
    if !strict {
        dropped.extend(offered.iter().filter(|(_, tool)| is_strict(tool)).map(|(at, _)| format!("tools.{at}.strict")));
    }
    let recalled = if offered.is_empty() { calls(talk) } else { Vec::new() };
    let mut tools = Tools {
        choice: None,
        parallel: request.parallel_tool_calls,
        output: output.tool.as_ref(),
        offered,
        recalled,
        strict,
    };
    tools.choose(request, plan, dropped);
    tools
}

fn offers(request: &Request, at: usize, tool: &Tool, dropped: &mut Vec<String>) -> bool {
    match (&tool.definition, &request.tool_choice) {
        (ToolDefinition::Other(opaque), _) if opaque.wire != Wire::AnthropicMessages => {
            dropped.push(format!("tools.{at}"));
            false
        }
        (ToolDefinition::Function { name, .. }, Some(ToolChoice::Allowed { names, .. })) => names.contains(name),
        (ToolDefinition::Other(_), Some(ToolChoice::Allowed { .. })) => false,
        _ => true,
    }
}

fn is_strict(tool: &Tool) -> bool {
    matches!(tool.definition, ToolDefinition::Function { strict: Some(true), .. })
}

fn calls<'r>(talk: &Conversation<'r>) -> Vec<&'r str> {
    let mut names = Vec::new();
    for piece in talk.turns.iter().flat_map(|turn| &turn.pieces) {
        if let Some(Content::ToolCall(call)) = piece.content()
            && !names.contains(&call.name.as_str())
        {
            names.push(&call.name);
        }
    }
    names
}

impl<'r> Tools<'r> {
    fn choose(&mut self, request: &'r Request, plan: &Plan, dropped: &mut Vec<String>) {
        let asked = request.tool_choice.as_ref().map(|choice| match choice {
            ToolChoice::Auto | ToolChoice::Allowed { required: false, .. } => Choice::Auto,
            ToolChoice::None => Choice::None,
            ToolChoice::Required | ToolChoice::Allowed { required: true, .. } => Choice::Any,
            ToolChoice::Tool { name } => Choice::Tool(name),
        });
        let choice = if self.output.is_some() { Some(self.choice_with_output(asked, plan)) } else { asked };
        self.choice = match choice {
            Some(Choice::Any | Choice::Tool(_)) if plan.budgeted() || self.is_empty() => {
                dropped.push("tool_choice".to_owned());
                Some(Choice::Auto)
            }
            None if request.parallel_tool_calls == Some(false) => Some(Choice::Auto),
            other => other,
        };
    }

    /// The answer must come through a tool: the stand-in, or one of the caller's on the way to it.
    fn choice_with_output(&mut self, asked: Option<Choice<'r>>, plan: &Plan) -> Choice<'r> {
        self.parallel.get_or_insert(!self.offered.is_empty());
        match asked {
            _ if plan.budgeted() => Choice::Auto,
            Some(Choice::None) => Choice::Tool(JSON_OUTPUT_TOOL),
            _ if self.offered.is_empty() => Choice::Tool(JSON_OUTPUT_TOOL),
            _ => Choice::Any,
        }
    }

    fn is_empty(&self) -> bool {
        self.offered.is_empty() && self.recalled.is_empty() && self.output.is_none()
    }

    /// Prompt-cache marks on these tools.
    pub fn marks(&self) -> usize {
        self.offered.iter().filter(|(_, tool)| tool.cache.is_some()).count()
    }

    pub fn write(&self, request: &Request, room: &Room, o: &mut Object<'_>) {
        if self.is_empty() {
            return;
        }
        o.array("tools", |array| {
            self.offered.iter().for_each(|(at, tool)| self.offer(request, *at, tool, room, array));
            self.recalled.iter().for_each(|name| recall(name, array));
            if let Some(tool) = &self.output {
                array.object(|o| {
                    o.string("name", JSON_OUTPUT_TOOL).string("description", &tool.description);
                    o.raw("input_schema", &schema::input(Some(tool.schema)));
                });
            }
        });
        self.write_choice(request, o);
    }

    fn offer(&self, request: &Request, at: usize, tool: &Tool, room: &Room, array: &mut Array<'_>) {
        match &tool.definition {
            ToolDefinition::Other(opaque) => array.json(&opaque.json),
            ToolDefinition::Function { name, description, parameters, strict } => array.object(|o| {
                o.string("name", name).maybe_string("description", description.as_deref());
                o.raw("input_schema", &schema::input(parameters.as_ref()));
                o.maybe_bool("strict", strict.filter(|_| self.strict));
                cache::write(tool.cache.as_ref(), room, o);
                extras::inside(request, &format!("tools.{at}")).for_each(|(key, value)| {
                    o.json(key, value);
                });
            }),
        }
    }

    fn write_choice(&self, request: &Request, o: &mut Object<'_>) {
        let Some(choice) = self.choice else { return };
        o.object("tool_choice", |o| {
            match choice {
                Choice::Any => o.string("type", "any"),
                Choice::Auto => o.string("type", "auto"),
                Choice::None => o.string("type", "none"),
                Choice::Tool(name) => o.string("type", "tool").string("name", name),
            };
            if choice != Choice::None {
                o.maybe_bool("disable_parallel_tool_use", self.parallel.map(|parallel| !parallel));
            }
            extras::inside(request, "tool_choice").for_each(|(key, value)| {
                o.json(key, value);
            });
        });
    }
}

fn recall(name: &str, array: &mut Array<'_>) {
    array.object(|o| {
        o.string("name", name).raw("input_schema", schema::NO_PARAMETERS);
    });
}
