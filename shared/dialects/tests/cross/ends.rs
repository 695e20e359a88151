//! Why answers end, in three wires' words. One row is one meaning; the first row with a word is the one that counts.

use super::said::Said;
use domain::Wire;

/// OpenAI, Anthropic, Bedrock.
const TABLE: [[&str; 3]; 10] = [
    ["stop", "end_turn", "end_turn"],
    ["stop", "stop_sequence", "stop_sequence"],
    ["length", "max_tokens", "max_tokens"],
    ["length", "model_context_window_exceeded", "model_context_window_exceeded"],
    ["tool_calls", "tool_use", "tool_use"],
    ["content_filter", "refusal", "content_filtered"],
    ["content_filter", "refusal", "guardrail_intervened"],
    ["stop", "pause_turn", "end_turn"],
    ["stop", "end_turn", "malformed_model_output"],
    ["stop", "end_turn", "malformed_tool_use"],
];
const STOP_SEQUENCE: [&str; 3] = TABLE[1];
const TOOLS: [&str; 3] = TABLE[4];
const REFUSED: [&str; 3] = TABLE[5];

fn column(wire: Wire) -> usize {
    match wire {
        Wire::OpenAiChat => 0,
        Wire::AnthropicMessages => 1,
        Wire::BedrockConverse => 2,
        other => unreachable!("{other} is not among the recorded wires"),
    }
}

/// The word `to` must say for what `from` said.
pub fn expected(from: Wire, to: Wire, said: &Said) -> String {
    if from == to {
        return said.end.clone();
    }
    let known = TABLE.iter().find(|row| row[column(from)] == said.end);
    let row = known.unwrap_or_else(|| panic!("{from} ended with {}", said.end));
    let stopped = row == &TABLE[0];
    let row = match () {
        () if stopped && !said.calls.is_empty() => &TOOLS,
        () if stopped && said.refused => &REFUSED,
        () if stopped && said.stop_sequence.is_some() => &STOP_SEQUENCE,
        () => row,
    };
    row[column(to)].to_owned()
}
