//! Structured output: natively where the model has it, else through a tool whose input is the answer.

use super::thinking::Plan;
use crate::codec::{JSON_OUTPUT_TOOL, Target};
use domain::{
    Json,
    chat::{OutputFormat, Request, ToolChoice},
};

/// How the form of the answer is asked for.
#[derive(Debug, Default)]
pub struct Output<'r> {
    /// The schema for `output_config.format`.
    pub native: Option<&'r Json>,
    /// The tool that stands in for it.
    pub tool: Option<OutputTool<'r>>,
    /// What the system prompt is to say.
    pub instruction: Option<String>,
}

#[derive(Debug)]
pub struct OutputTool<'r> {
    pub description: String,
    pub schema: &'r Json,
}

const JSON_ONLY: &str = "Answer with one JSON object and nothing else: no text around it, no code fences.";

/// Chooses the way. A tool cannot be forced while the model thinks within a budget, or where the caller forces another.
pub fn output<'r>(request: &'r Request, target: &Target<'_>, plan: &Plan) -> Output<'r> {
    match &request.output_format {
        None => Output::default(),
        Some(OutputFormat::JsonObject) => Output { instruction: Some(JSON_ONLY.to_owned()), ..Output::default() },
        Some(OutputFormat::JsonSchema { schema, .. }) if target.abilities.response_schema => {
            Output { native: Some(schema), ..Output::default() }
        }
        Some(OutputFormat::JsonSchema { schema, .. })
            if matches!(request.tool_choice, Some(ToolChoice::Tool { .. })) =>
        {
            let instruction = format!("{JSON_ONLY} It must be valid under this JSON Schema: {}", schema.as_str());
            Output { instruction: Some(instruction), ..Output::default() }
        }
        Some(OutputFormat::JsonSchema { name, description, schema, .. }) => Output {
            tool: Some(OutputTool { description: describe(name.as_deref(), description.as_deref()), schema }),
            instruction: plan
                .budgeted()
                .then(|| format!("Give the final answer by calling the tool `{JSON_OUTPUT_TOOL}`, not as text.")),
            ..Output::default()
        },
    }
}

fn describe(name: Option<&str>, description: Option<&str>) -> String {
    let name = name.map(|name| format!(" ({name})")).unwrap_or_default();
    let description = description.map(|text| format!(": {text}")).unwrap_or_default();
    format!("Gives the final answer{name}{description}")
}
