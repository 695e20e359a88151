//! Requests from elsewhere, for Bedrock.

use super::*;
use crate::codec::Abilities;
use domain::{
    Json, Kind,
    chat::{
        Block, CacheMark, Content, Message, Opaque, Reasoning, Role, Source, Tool, ToolCall, ToolChoice,
        ToolDefinition, ToolResult,
    },
};

const CLAUDE: &str = "us.anthropic.claude-sonnet-4-5-20250929-v1:0";

fn says(role: Role, content: Vec<Block>) -> Message {
    Message { role, content, name: None }
}

fn asks(text: &str) -> Request {
    Request { messages: vec![says(Role::User, vec![Block::text(text)])], ..Request::default() }
}

fn tool(name: &str) -> Tool {
    let parameters = Some(Json::verbatim(r#"{"type":"object","properties":{"b":{},"a":{}}}"#));
    let definition = ToolDefinition::Function { name: name.into(), description: None, parameters, strict: None };
    Tool { definition, cache: None }
}

fn target(model: &str) -> Target<'_> {
    Target { model, default_output_cap: 4096, ..Target::default() }
}

fn encoded(request: &Request) -> Encoded {
    encode(request, &target(CLAUDE)).unwrap()
}

const ASKED: &str = r#"{"messages":[{"role":"user","content":[{"text":"q"}]}]"#;

#[test]
fn a_plain_question_has_nothing_but_messages() {
    let encoded = encoded(&asks("q"));
    assert_eq!((encoded.body, encoded.dropped), (format!("{ASKED}}}"), vec![]));
}

#[test]
fn sampling_is_kept_as_it_was_written_within_bedrocks_ranges() {
    let mut request = asks("q");
    request.sampling.temperature = Some(Json::verbatim("0.70"));
    request.sampling.top_p = Some(Json::verbatim("0.9"));
    request.sampling.top_k = Some(Json::verbatim("5"));
    request.sampling.stop = ["a", "b", "c", "d", "e"].map(str::to_owned).to_vec();
    request.sampling.seed = Some(Json::verbatim("7"));
    request.max_output_tokens = Some(9000);
    let target = Target { max_output: Some(8192), ..target(CLAUDE) };
    let written = encode(&request, &target).unwrap();
    let rest = r#","inferenceConfig":{"maxTokens":8192,"temperature":0.70,"topP":0.9,"stopSequences":["a","b","c","d"]},"additionalModelRequestFields":{"top_k":5}}"#;
    assert_eq!(written.body, format!("{ASKED}{rest}"));
    assert_eq!(written.dropped, ["stop", "seed"]);

    request.sampling.temperature = Some(Json::verbatim("1.8"));
    let abilities = Abilities { one_of_temperature_and_top_p: true, ..Abilities::default() };
    let written = encode(&request, &Target { abilities, ..target }).unwrap();
    assert!(written.body.contains(r#""temperature":1,"stop"#), "{}", written.body);
    assert!(written.dropped.contains(&"top_p".to_owned()));

    let abilities = Abilities { sampling: false, ..Abilities::default() };
    let written = encode(&request, &Target { abilities, ..target }).unwrap();
    assert_eq!(written.dropped, ["temperature", "top_p", "stop", "top_k", "seed"]);
}

#[test]
fn m3_the_gateways_cap_replaces_the_callers() {
    let request = Request { max_output_tokens: Some(9000), ..asks("q") };
    let written = encode(&request, &Target { output_cap: Some(100), ..target(CLAUDE) }).unwrap();
    assert!(written.body.contains(r#""maxTokens":100"#));
}

#[test]
fn claude_thinks_without_sampling_and_without_a_forced_tool() {
    let mut request = asks("q");
    request.reasoning = Some(Reasoning::Effort("high".into()));
    request.sampling.temperature = Some(Json::verbatim("0.5"));
    request.sampling.top_k = Some(Json::verbatim("5"));
    request.tools = vec![tool("f")];
    request.tool_choice = Some(ToolChoice::Required);
    let written = encoded(&request);
    assert!(
        written.body.contains(r#""additionalModelRequestFields":{"thinking":{"type":"enabled","budget_tokens":4096}}"#)
    );
    assert!(written.body.contains(r#""toolChoice":{"auto":{}}"#));
    assert_eq!(written.dropped, ["temperature", "top_k", "tool_choice"]);
}

#[test]
fn every_tool_choice_has_its_form() {
    let request = |choice| Request { tools: vec![tool("f"), tool("g.h")], tool_choice: Some(choice), ..asks("q") };
    for (choice, text) in [
        (ToolChoice::Auto, r#""toolChoice":{"auto":{}}"#),
        (ToolChoice::Required, r#""toolChoice":{"any":{}}"#),
        (ToolChoice::Tool { name: "g.h".into() }, r#""toolChoice":{"tool":{"name":"g_x2e_h"}}"#),
    ] {
        assert!(encoded(&request(choice)).body.contains(text), "{text}");
    }
    assert!(!encoded(&request(ToolChoice::None)).body.contains("toolConfig"));
    let some = encoded(&request(ToolChoice::Allowed { names: vec!["f".into()], required: true })).body;
    assert!(!some.contains("g_x2e_h") && some.contains(r#"{"any":{}}"#));
}

#[test]
fn one_call_at_most_is_said_in_claudes_own_field() {
    let request = Request { tools: vec![tool("f")], parallel_tool_calls: Some(false), ..asks("q") };
    let text = r#""additionalModelRequestFields":{"tool_choice":{"type":"auto","disable_parallel_tool_use":true}}"#;
    assert!(encoded(&request).body.contains(text));
    assert_eq!(encode(&request, &target("amazon.nova-pro-v1:0")).unwrap().dropped, ["parallel_tool_calls"]);
}

#[test]
fn a_history_with_tools_brings_them_along() {
    let call = ToolCall { id: "call:1".into(), name: "f".into(), arguments: "{\"a\": 1}".into() };
    let result = ToolResult { call_id: "call:1".into(), content: vec![Block::text("42")], is_error: false };
    let messages = vec![
        says(Role::User, vec![Block::text("q")]),
        says(Role::Assistant, vec![Content::ToolCall(call).into()]),
        says(Role::User, vec![Content::ToolResult(result).into()]),
    ];
    let written = encoded(&Request { messages: messages.clone(), ..Request::default() }).body;
    assert!(written.contains(
        r#""toolConfig":{"tools":[{"toolSpec":{"name":"f","inputSchema":{"json":{"type":"object","properties":{}}}}}]}"#
    ));
    assert_eq!(written.matches("call_1_").count(), 2, "call and result agree on the id: {written}");
    assert!(written.contains(r#""input":{"a": 1}"#));
    let none = Request { messages, tools: vec![tool("f")], tool_choice: Some(ToolChoice::None), ..Request::default() };
    let written = encoded(&none);
    assert!(written.body.contains("toolSpec") && !written.body.contains("toolChoice"));
    assert_eq!(written.dropped, ["tool_choice"]);
}

#[test]
fn a_tools_schema_keeps_its_key_order_and_gets_a_type() {
    let written = encoded(&Request { tools: vec![tool("f")], ..asks("q") }).body;
    assert!(written.contains(r#"{"json":{"type":"object","properties":{"b":{},"a":{}}}}"#));
    let mut untyped = tool("f");
    let ToolDefinition::Function { parameters, .. } = &mut untyped.definition else { panic!() };
    *parameters = Some(Json::verbatim(r#"{"properties":{}}"#));
    let written = encoded(&Request { tools: vec![untyped], ..asks("q") }).body;
    assert!(written.contains(r#"{"json":{"properties":{},"type":"object"}}"#));
}

#[test]
fn a_tool_name_bedrock_cannot_take_is_refused_by_its_path() {
    for name in ["n".repeat(65), JSON_OUTPUT_TOOL.to_owned()] {
        let request = Request { tools: vec![tool(&name)], ..asks("q") };
        let error = encode(&request, &target(CLAUDE)).unwrap_err();
        assert_eq!((error.status(), error.param.as_deref()), (400, Some("tools.0.name")));
    }
}

fn structured() -> Request {
    let schema = Json::verbatim(r#"{"type":"object","properties":{"a":{"type":"number"}}}"#);
    let format = OutputFormat::JsonSchema { name: Some("n".into()), description: None, schema, strict: Some(true) };
    Request { output_format: Some(format), ..asks("q") }
}

#[test]
fn a_schema_is_sent_natively_where_the_model_takes_one() {
    let text = r#""outputConfig":{"textFormat":{"type":"json_schema","structure":{"jsonSchema":{"schema":"{\"type\":\"object\",\"properties\":{\"a\":{\"type\":\"number\"}}}","name":"n"}}}}"#;
    assert!(encoded(&structured()).body.contains(text));
}

#[test]
fn a_schema_is_a_forced_tool_elsewhere() {
    let abilities = Abilities { response_schema: false, ..Abilities::default() };
    let target = Target { abilities, ..target(CLAUDE) };
    let alone = encode(&structured(), &target).unwrap().body;
    assert!(alone.contains(r#""toolChoice":{"tool":{"name":"portunus_json_output"}}"#), "{alone}");
    assert!(alone.contains(r#"{"json":{"type":"object","properties":{"a":{"type":"number"}}}}"#));
    let beside = encode(&Request { tools: vec![tool("f")], ..structured() }, &target).unwrap().body;
    assert!(beside.contains(r#""toolChoice":{"any":{}}"#));
    let thinking = Request { reasoning: Some(Reasoning::Budget(2000)), ..structured() };
    let told = encode(&thinking, &target).unwrap().body;
    assert!(told.contains(r#""toolChoice":{"auto":{}}"#) && told.contains("calling the tool `portunus_json_output`"));
}

#[test]
fn any_json_is_asked_for_in_words() {
    let request = Request { output_format: Some(OutputFormat::JsonObject), ..asks("q") };
    assert!(encoded(&request).body.contains(r#""system":[{"text":"Answer with one JSON object only"#));
}

#[test]
fn cache_marks_become_points_and_go_where_models_take_none() {
    let mut request = asks("q");
    request.tools = vec![Tool { cache: Some(CacheMark::default()), ..tool("f") }];
    request.messages[0].content[0].cache = Some(CacheMark { ttl: Some("1h".into()) });
    let written = encoded(&request).body;
    assert!(written.contains(r#"[{"text":"q"},{"cachePoint":{"type":"default","ttl":"1h"}}]"#));
    assert!(written.contains(r#",{"cachePoint":{"type":"default"}}]"#));
    let abilities = Abilities { prompt_caching: false, ..Abilities::default() };
    let written = encode(&request, &Target { abilities, ..target(CLAUDE) }).unwrap();
    assert!(!written.body.contains("cachePoint"));
    assert_eq!(written.dropped, ["cache_control"]);
}

#[test]
fn a_document_has_a_name_and_text_beside_it() {
    let source = Source::Base64 { media_type: "application/pdf".into(), data: "JVBERg==".into() };
    let document = Content::Document { source, name: Some("a.b.pdf".into()), context: None, citations: false };
    let request = Request { messages: vec![says(Role::User, vec![document.into()])], ..Request::default() };
    let text = r#"[{"document":{"format":"pdf","name":"a-b","source":{"bytes":"JVBERg=="}}},{"text":"The document is attached."}]"#;
    assert!(encoded(&request).body.contains(text));
}

#[test]
fn e5_what_bedrock_cannot_fetch_is_the_callers_400() {
    let image = Content::Image { source: Source::Url { url: "https://a/b.png".into() }, detail: None };
    let request = Request { messages: vec![says(Role::User, vec![image.into()])], ..Request::default() };
    let error = encode(&request, &target(CLAUDE)).unwrap_err();
    assert_eq!((error.kind, error.status()), (Kind::InvalidRequest, 400));
}

#[test]
fn several_answers_are_refused() {
    let error = encode(&Request { n: Some(2), ..asks("q") }, &target(CLAUDE)).unwrap_err();
    assert_eq!((error.status(), error.param.as_deref()), (400, Some("n")));
}

#[test]
fn metadata_goes_as_far_as_the_logs_alphabet() {
    let mut request = asks("q");
    request.metadata = vec![("team".into(), "a b".into()), ("odd".into(), "{}".into())];
    request.user = Some("u-1".into());
    let written = encoded(&request);
    assert!(written.body.contains(r#""requestMetadata":{"team":"a b","user_id":"u-1"}"#));
    assert_eq!(written.dropped, ["metadata.odd"]);
}

#[test]
fn other_dialects_fields_and_tools_are_named_and_bedrocks_own_written_back() {
    let mut request = asks("q");
    request.extensions.push(Wire::OpenAiChat, "store", Json::verbatim("true"));
    request.extensions.push(Wire::BedrockConverse, "guardrailConfig", Json::verbatim(r#"{"trace":"enabled"}"#));
    let beta = Json::verbatim(r#"{"anthropic_beta":["x"],"max_new_tokens":9}"#);
    request.extensions.push(Wire::BedrockConverse, "additionalModelRequestFields", beta);
    let opaque = |wire, kind: &str| {
        let json = Json::verbatim(r#"{"name":"s"}"#);
        Tool { definition: ToolDefinition::Other(Opaque { wire, kind: kind.into(), json }), cache: None }
    };
    request.tools = vec![opaque(Wire::AnthropicMessages, "web_search"), opaque(Wire::BedrockConverse, "systemTool")];
    let written = encoded(&request);
    assert!(written.body.contains(r#""tools":[{"systemTool":{"name":"s"}}]"#));
    assert!(written.body.contains(r#""additionalModelRequestFields":{"anthropic_beta":["x"]}"#));
    assert!(written.body.ends_with(r#""guardrailConfig":{"trace":"enabled"}}"#));
    assert_eq!(written.dropped, ["tools.0", "store"]);
}

#[test]
fn betas_are_asked_of_claude_in_the_body_and_of_nobody_else() {
    let betas = ["interleaved-thinking-2025-05-14", "context-1m-2025-08-07"];
    let asked = |model| {
        let target = Target { model, betas: &betas, default_output_cap: 4096, ..Target::default() };
        encode(&asks("q"), &target).unwrap()
    };
    let claude = asked("us.anthropic.claude-sonnet-4-5-20250929-v1:0");
    let list = r#""anthropic_beta":["interleaved-thinking-2025-05-14","context-1m-2025-08-07"]"#;
    assert!(claude.body.contains(list), "{}", claude.body);
    assert!(claude.dropped.is_empty());
    let nova = asked("amazon.nova-lite-v1:0");
    assert!(!nova.body.contains("anthropic_beta"));
    assert_eq!(nova.dropped, betas.map(|beta| format!("anthropic-beta.{beta}")));
}

#[test]
fn service_tiers_are_translated_and_unknown_ones_named() {
    let tier = |tier: &str| encoded(&Request { service_tier: Some(tier.into()), ..asks("q") });
    assert!(tier("flex").body.contains(r#""serviceTier":{"type":"flex"}"#));
    assert!(tier("standard_only").body.contains(r#""serviceTier":{"type":"default"}"#));
    assert_eq!((tier("auto").body, tier("auto").dropped), (format!("{ASKED}}}"), vec![]));
    assert_eq!(tier("scale").dropped, ["service_tier"]);
}
