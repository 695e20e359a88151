//! Requests of clients, and requests to hosts.

use super::*;
use crate::{
    codec::{Envelope, Target},
    json::parse,
};
use domain::{
    Dialect, Wire,
    chat::{Block, Content, Message, Reasoning, Request, Role, Signature, ToolCall, ToolChoice, ToolDefinition},
};

fn read(body: &str) -> Request {
    decode(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap()
}

fn written(request: &Request, model: &str) -> (String, Vec<String>) {
    let encoded = encode(request, &Target { model, ..Target::default() }).unwrap();
    (encoded.body, encoded.dropped)
}

fn assistant(content: Vec<Content>) -> Message {
    Message { role: Role::Assistant, content: content.into_iter().map(Block::from).collect(), name: None }
}

#[test]
fn what_the_model_said_is_one_turn_and_the_results_are_another() {
    let request = read(
        r#"{"model":"m","instructions":"be brief","input":[
            {"role":"user","content":"hi"},
            {"type":"reasoning","id":"rs_1","summary":[{"type":"summary_text","text":"think"}]},
            {"type":"message","role":"assistant","content":[{"type":"output_text","text":"wait","annotations":[]}]},
            {"type":"function_call","call_id":"a","name":"f","arguments":"{}"},
            {"type":"custom_tool_call","call_id":"b","name":"patch","input":"+\"x\""},
            {"type":"function_call_output","call_id":"a","output":"1"},
            {"type":"custom_tool_call_output","call_id":"b","output":[{"type":"input_text","text":"2"}]}]}"#,
    );
    let roles: Vec<Role> = request.messages.iter().map(|message| message.role).collect();
    assert_eq!(roles, [Role::System, Role::User, Role::Assistant, Role::User]);
    let patch = ToolCall { id: "b".into(), name: "patch".into(), arguments: r#"{"input":"+\"x\""}"#.into() };
    assert_eq!(request.messages[2].content[3].content, Content::ToolCall(patch));
    assert_eq!(request.messages[3].content.len(), 2);
}

#[test]
fn tools_of_this_wire_alone_become_functions() {
    let request = read(
        r#"{"model":"m","input":"x","tool_choice":{"type":"custom","name":"patch"},"tools":[
            {"type":"custom","name":"patch","description":"Edits.","format":{"type":"grammar","syntax":"lark","definition":"start: x"}},
            {"type":"namespace","name":"db","description":"d","tools":[{"type":"function","name":"query","parameters":{"type":"object"}}]},
            {"type":"web_search"}]}"#,
    );
    let names: Vec<&str> = request
        .tools
        .iter()
        .map(|tool| match &tool.definition {
            ToolDefinition::Function { name, .. } => name.as_str(),
            ToolDefinition::Other(opaque) => opaque.kind.as_str(),
        })
        .collect();
    assert_eq!(names, ["patch", "db__query", "web_search"]);
    let ToolDefinition::Function { description, .. } = &request.tools[0].definition else { panic!() };
    assert!(description.as_deref().unwrap().contains("lark grammar:\nstart: x"));
    assert_eq!(request.tool_choice, Some(ToolChoice::Tool { name: "patch".into() }));
}

#[test]
fn what_this_wire_alone_says_is_named_elsewhere() {
    let request = read(
        r#"{"model":"m","input":"x","truncation":"auto","text":{"verbosity":"low"},"reasoning":{"effort":"low","summary":"auto"},
            "include":["web_search_call.results","reasoning.encrypted_content"],"store":true,"previous_response_id":"resp_1"}"#,
    );
    assert_eq!(request.reasoning, Some(Reasoning::Effort("low".into())));
    let foreign: Vec<&str> = request.extensions.foreign_to(Wire::OpenAiChat).collect();
    assert_eq!(foreign, ["truncation", "text.verbosity", "reasoning.summary", "include"]);
    let (body, dropped) = written(&request, "gpt-5");
    assert!(body.contains(r#""text":{"verbosity":"low"}"#) && body.contains(r#""summary":"auto""#), "{body}");
    assert!(body.contains(r#""include":["web_search_call.results","reasoning.encrypted_content"]"#), "{body}");
    assert!(body.contains(r#""store":false"#) && dropped.is_empty(), "{body} {dropped:?}");
}

#[test]
fn a_reference_that_is_not_resolved_and_a_template_are_refused() {
    for (body, param) in [
        (r#"{"model":"m","input":[{"type":"item_reference","id":"msg_1"}]}"#, "input.0.id"),
        (r#"{"model":"m","input":[{"id":"msg_1"}]}"#, "input.0.id"),
        (r#"{"model":"m","prompt":{"id":"p"}}"#, "prompt"),
        (r#"{"model":"m","input":[{"role":"tool","content":"x"}]}"#, "input.0.role"),
        (r#"{"model":"m","input":[{"type":"function_call","name":"f","arguments":"{}"}]}"#, "input.0.call_id"),
    ] {
        let problem = decode(&parse(body.as_bytes()).unwrap(), &Envelope::default()).unwrap_err();
        assert_eq!(problem.param.as_deref(), Some(param), "{body}");
    }
}

#[test]
fn thoughts_go_back_to_their_maker_alone() {
    let claudes = Signature { made_by: Dialect::Anthropic, value: "sig".into() };
    let openais = super::super::thoughts::encrypted_thought(
        &parse(br#"{"id":"rs_7","encrypted_content":"gAAA"}"#).unwrap(),
        "gAAA",
    );
    let request = Request {
        messages: vec![
            assistant(vec![
                Content::Reasoning { text: "a".into(), signature: Some(claudes) },
                Content::Reasoning { text: "b".into(), signature: None },
                openais,
                Content::Reasoning { text: "c".into(), signature: None },
                Content::Text { text: "said".into(), citations: Vec::new() },
            ]),
            Message { role: Role::User, content: vec![Block::text("go on")], name: None },
        ],
        ..Request::default()
    };
    let (body, dropped) = written(&request, "gpt-5");
    let item =
        r#"{"type":"reasoning","id":"rs_7","summary":[{"type":"summary_text","text":"b"}],"encrypted_content":"gAAA"}"#;
    assert!(body.contains(item), "{body}");
    assert_eq!(dropped, ["messages.0.content.0.thinking", "messages.0.content.4.thinking"]);
    let (body, dropped) = written(&request, "openai.gpt-oss-120b");
    assert!(body.contains(r#""content":[{"type":"reasoning_text","text":"c"}]"#), "{body}");
    assert_eq!(dropped, ["messages.0.content.0.thinking"]);
}

#[test]
fn calls_that_nobody_answered_are_answered_and_orphans_left_out() {
    let call = ToolCall { id: "x".repeat(70), name: "f".into(), arguments: String::new() };
    let orphan = domain::chat::ToolResult { call_id: "never".into(), content: Vec::new(), is_error: false };
    let request = Request {
        messages: vec![
            assistant(vec![Content::ToolCall(call)]),
            Message {
                role: Role::User,
                content: vec![Content::ToolResult(orphan).into(), Block::text("so?")],
                name: None,
            },
        ],
        ..Request::default()
    };
    let (body, dropped) = written(&request, "gpt-4o");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!(body["input"][0]["arguments"], "{}");
    assert!(body["input"][0]["call_id"].as_str().unwrap().len() <= 64);
    assert_eq!(body["input"][1]["call_id"], body["input"][0]["call_id"]);
    assert_eq!(body["input"][1]["output"], "No result was given.");
    assert_eq!(dropped, ["messages.1.content.0"]);
}

#[test]
fn what_chat_calls_by_another_name_or_not_at_all() {
    let chat = crate::openai::chat::Chat;
    let body =
        br#"{"model":"m","messages":[{"role":"user","content":"x"}],"verbosity":"low","prompt_cache_key":"k","seed":7,
        "stop":["a"],"logprobs":true,"top_logprobs":2,"tools":[{"type":"function","function":{"name":"f"}}]}"#;
    let request = crate::codec::Codec::decode_request(&chat, &parse(body).unwrap(), &Envelope::default()).unwrap();
    let (body, dropped) = written(&request, "gpt-4o");
    let body: serde_json::Value = serde_json::from_str(&body).unwrap();
    assert_eq!((body["text"]["verbosity"].as_str(), body["prompt_cache_key"].as_str()), (Some("low"), Some("k")));
    assert_eq!(body["include"], serde_json::json!(["message.output_text.logprobs"]));
    assert_eq!((&body["tools"][0]["strict"], &body["tools"][0]["name"]), (&false.into(), &"f".into()));
    assert_eq!(dropped, ["seed", "stop"]);
    assert_eq!(written(&request, "grok-4").1, ["seed", "stop", "prompt_cache_key"]);
}
