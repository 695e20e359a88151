//! Requests, as sentences.

use super::*;
use crate::{
    codec::{Abilities, Encoded, Envelope, Target},
    json::parse,
    malformed::Malformed,
};
use domain::{
    Dialect, Json, Wire,
    chat::{
        Block, CacheMark, Content, Message, Opaque, OutputFormat, Reasoning, Request, Role, Signature, Source, Tool,
        ToolCall, ToolChoice, ToolDefinition, ToolResult,
    },
};
use serde_json::{Value, json};

fn try_read(body: &Value) -> Result<Request, Malformed> {
    decode(&parse(body.to_string().as_bytes()).unwrap(), &Envelope::default())
}

fn read(mut fields: Value) -> Request {
    fields["model"] = json!("m");
    if fields.get("messages").is_none() {
        fields["messages"] = json!([{"role": "user", "content": "hi"}]);
    }
    try_read(&fields).unwrap()
}

fn messages(messages: Value) -> Vec<Message> {
    read(json!({"messages": messages})).messages
}

fn said(role: Role, content: Vec<Block>) -> Message {
    Message { role, content, name: None }
}

fn request(messages: Vec<Message>) -> Request {
    Request { model: "alias".into(), messages, ..Request::default() }
}

fn written_to(model: &str, request: &Request) -> (Value, Vec<String>) {
    let Encoded { body, dropped } = encode(request, &Target { model, ..Target::default() }).unwrap();
    (serde_json::from_str(&body).unwrap(), dropped)
}

fn called(id: &str) -> Block {
    Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into() }).into()
}

fn result(id: &str, content: Vec<Block>) -> Block {
    Content::ToolResult(ToolResult { call_id: id.into(), content, is_error: false }).into()
}

fn image() -> Block {
    Content::Image { source: Source::Base64 { media_type: "image/png".into(), data: "AAAA".into() }, detail: None }
        .into()
}

fn thought(made_by: Dialect) -> Block {
    let signature = Some(Signature { made_by, value: "sig".into() });
    Content::Reasoning { text: "hmm".into(), signature }.into()
}

// ---- reading

#[test]
fn developer_and_system_are_one_role_and_stay_where_they_are() {
    let read = messages(json!([
        {"role": "user", "content": "a"}, {"role": "developer", "content": "b"}, {"role": "system", "content": "c"}
    ]));
    assert_eq!(read.iter().map(|m| m.role).collect::<Vec<_>>(), [Role::User, Role::System, Role::System]);
}

#[test]
fn functions_of_old_become_tools() {
    let read = read(json!({
        "functions": [{"name": "f", "parameters": {"type": "object"}}],
        "function_call": {"name": "f"},
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "function_call": {"name": "f", "arguments": "{\"a\":1}"}},
            {"role": "function", "name": "f", "content": "7"},
        ]
    }));
    assert!(matches!(&read.tools[0].definition, ToolDefinition::Function { name, .. } if name == "f"));
    assert_eq!(read.tool_choice, Some(ToolChoice::Tool { name: "f".into() }));
    let Content::ToolCall(call) = &read.messages[1].content[0].content else { panic!() };
    let Content::ToolResult(result) = &read.messages[2].content[0].content else { panic!() };
    assert_eq!((call.arguments.as_str(), &call.id), ("{\"a\":1}", &result.call_id));
}

#[test]
fn tool_messages_that_follow_each_other_are_one_turn() {
    let read = messages(json!([
        {"role": "assistant", "tool_calls": [
            {"id": "1", "type": "function", "function": {"name": "f", "arguments": ""}},
            {"id": "2", "type": "function", "function": {"name": "g", "arguments": "{}"}}]},
        {"role": "tool", "tool_call_id": "1", "content": "a"},
        {"role": "tool", "tool_call_id": "2", "content": [{"type": "text", "text": "b"}]},
        {"role": "user", "content": "go on"},
    ]));
    assert_eq!(read.len(), 3);
    assert_eq!(
        read[1],
        said(Role::User, vec![result("1", vec![Block::text("a")]), result("2", vec![Block::text("b")])])
    );
}

#[test]
fn thinking_blocks_come_back_with_their_signatures() {
    let read = messages(json!([{"role": "assistant", "content": "4", "reasoning_content": "hmm", "thinking_blocks": [
        {"type": "thinking", "thinking": "hmm", "signature": "sig"}, {"type": "redacted_thinking", "data": "xyz"}]}]));
    let redacted = Content::RedactedReasoning { data: Signature { made_by: Dialect::Anthropic, value: "xyz".into() } };
    assert_eq!(read[0].content, [thought(Dialect::Anthropic), redacted.into(), Block::text("4")]);
    let plain = messages(json!([{"role": "assistant", "content": "4", "reasoning": "hmm"}]));
    assert_eq!(plain[0].content[0], Content::Reasoning { text: "hmm".into(), signature: None }.into());
}

#[test]
fn cache_marks_are_read_from_parts_messages_and_tools() {
    let mark = json!({"type": "ephemeral", "ttl": "1h"});
    let read = read(json!({
        "tools": [{"type": "function", "function": {"name": "f"}, "cache_control": mark}],
        "messages": [
            {"role": "system", "content": [{"type": "text", "text": "s", "cache_control": mark}]},
            {"role": "user", "content": "u", "cache_control": mark},
        ]
    }));
    let marked = Some(CacheMark { ttl: Some("1h".into()) });
    assert_eq!(read.tools[0].cache, marked);
    assert!(read.messages.iter().all(|message| message.content[0].cache == marked));
}

#[test]
fn every_form_of_tool_choice_is_read() {
    let tool = || Some(ToolChoice::Tool { name: "f".into() });
    let function = json!({"type": "function", "function": {"name": "f"}});
    for (form, choice) in [
        (json!("auto"), Some(ToolChoice::Auto)),
        (json!("none"), Some(ToolChoice::None)),
        (json!("required"), Some(ToolChoice::Required)),
        (function.clone(), tool()),
        (json!({"function": {"name": "f"}}), tool()),
        (json!({"type": "tool", "name": "f"}), tool()),
        (
            json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function]}}),
            Some(ToolChoice::Allowed { names: vec!["f".into()], required: true }),
        ),
    ] {
        assert_eq!(read(json!({"tool_choice": form})).tool_choice, choice, "{form}");
    }
    let custom = read(json!({"tool_choice": {"type": "custom", "custom": {"name": "c"}}}));
    assert_eq!((custom.tool_choice, custom.extensions.of(Wire::OpenAiChat).count()), (None, 1));
}

#[test]
fn data_urls_are_media_and_other_urls_are_urls() {
    let read = messages(json!([{"role": "user", "content": [
        {"type": "image_url", "image_url": {"url": "data:image/png;base64,AAAA"}},
        {"type": "image_url", "image_url": {"url": "https://x/y.png", "detail": "low"}},
        {"type": "file", "file": {"filename": "a.pdf", "file_data": "data:application/pdf;base64,AAAA"}},
        {"type": "input_audio", "input_audio": {"data": "AAAA", "format": "mp3"}},
        {"type": "new_part", "x": 1}]}]));
    assert_eq!(read[0].content[0], image());
    assert!(
        matches!(&read[0].content[1].content, Content::Image { source: Source::Url { .. }, detail: Some(d) } if d == "low")
    );
    assert!(matches!(&read[0].content[2].content, Content::Document { name: Some(name), .. } if name == "a.pdf"));
    assert!(
        matches!(&read[0].content[3].content, Content::Audio { source: Source::Base64 { media_type, .. } } if media_type == "audio/mpeg")
    );
    assert!(matches!(&read[0].content[4].content, Content::Other(opaque) if opaque.kind == "new_part"));
}

#[test]
fn every_way_to_ask_for_thought_is_read() {
    for (fields, reasoning) in [
        (json!({"reasoning_effort": "low"}), Reasoning::Effort("low".into())),
        (json!({"reasoning": {"max_tokens": 9}}), Reasoning::Budget(9)),
        (json!({"reasoning": {"effort": "high"}}), Reasoning::Effort("high".into())),
        (json!({"thinking": {"type": "enabled", "budget_tokens": 2000}}), Reasoning::Budget(2000)),
        (json!({"thinking": {"type": "disabled"}}), Reasoning::Disabled),
        (
            json!({"thinking": {"type": "adaptive"}, "reasoning_effort": "max"}),
            Reasoning::Adaptive { effort: Some("max".into()) },
        ),
    ] {
        assert_eq!(read(fields.clone()).reasoning, Some(reasoning), "{fields}");
    }
}

#[test]
fn i5_a_wrong_field_is_named_by_its_path() {
    for (fields, param) in [
        (json!({"messages": [{"role": "user", "content": "a"}, {"role": "robot", "content": ""}]}), "messages.1.role"),
        (json!({"messages": [{"role": "user", "content": [{"text": "x"}]}]}), "messages.0.content.0.type"),
        (json!({"messages": [{"role": "user"}]}), "messages.0.content"),
        (json!({"messages": [{"role": "tool", "content": "x"}]}), "messages.0.tool_call_id"),
        (json!({"tools": [{"type": "function", "function": {}}]}), "tools.0.function.name"),
        (json!({"tool_choice": "sometimes"}), "tool_choice"),
        (json!({"temperature": "hot"}), "temperature"),
        (json!({"stop": ["a", 1]}), "stop.1"),
        (json!({"n": 17}), "n"),
        (json!({"stream": "yes"}), "stream"),
        (json!({"response_format": {"type": "json_schema"}}), "response_format.json_schema"),
    ] {
        let mut body = json!({"model": "m", "messages": [{"role": "user", "content": "hi"}]});
        body.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        assert_eq!(try_read(&body).unwrap_err().param.as_deref(), Some(param), "{body}");
    }
}

// ---- writing

#[test]
fn a_plain_request_is_written_plainly() {
    let mut request = request(vec![
        said(Role::System, vec![Block::text("be brief")]),
        said(Role::User, vec![Block::text("look"), image()]),
    ]);
    request.max_output_tokens = Some(9);
    request.sampling.temperature = Some(Json::verbatim("0.70"));
    let encoded = encode(&request, &Target { model: "gpt-4o", ..Target::default() }).unwrap();
    assert_eq!(
        encoded.body,
        concat!(
            r#"{"model":"gpt-4o","messages":[{"role":"system","content":"be brief"},{"role":"user","content":["#,
            r#"{"type":"text","text":"look"},{"type":"image_url","image_url":{"url":"data:image/png;base64,AAAA"}}]}],"#,
            r#""max_tokens":9,"temperature":0.70}"#
        )
    );
    assert_eq!(encoded.dropped, Vec::<String>::new());
}

#[test]
fn every_result_is_a_message_before_the_rest_of_its_turn() {
    let (body, _) = written_to(
        "m",
        &request(vec![
            said(Role::Assistant, vec![called("1"), called("2")]),
            said(Role::User, vec![Block::text("and"), result("1", vec![Block::text("a")]), result("2", vec![])]),
        ]),
    );
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user"]);
    assert_eq!(body["messages"][0]["content"], Value::Null);
    assert_eq!(body["messages"][2], json!({"role": "tool", "tool_call_id": "2", "content": ""}));
}

#[test]
fn images_in_results_follow_in_a_user_message_after_all_results() {
    let (body, dropped) = written_to(
        "m",
        &request(vec![
            said(Role::Assistant, vec![called("1"), called("2")]),
            said(Role::User, vec![result("1", vec![image()])]),
            said(Role::User, vec![result("2", vec![Block::text("b")])]),
        ]),
    );
    let roles: Vec<_> = body["messages"].as_array().unwrap().iter().map(|m| m["role"].as_str().unwrap()).collect();
    assert_eq!(roles, ["assistant", "tool", "tool", "user"]);
    assert_eq!(body["messages"][3]["content"][1]["type"], "image_url");
    assert!(dropped.is_empty());
}

#[test]
fn a_failed_result_says_so_in_words() {
    let failed = ToolResult { call_id: "1".into(), content: vec![Block::text("no disk")], is_error: true };
    let turns =
        vec![said(Role::Assistant, vec![called("1")]), said(Role::User, vec![Content::ToolResult(failed).into()])];
    assert_eq!(written_to("m", &request(turns)).0["messages"][1]["content"], "Error: no disk");
}

#[test]
fn orphan_results_are_left_out_and_named() {
    let (body, dropped) =
        written_to("m", &request(vec![said(Role::User, vec![result("9", vec![]), Block::text("hi")])]));
    assert_eq!(body["messages"], json!([{"role": "user", "content": "hi"}]));
    assert_eq!(dropped, ["messages.0.content.0"]);
}

#[test]
fn calls_that_nobody_answered_are_answered_before_the_conversation_goes_on() {
    let turns = vec![
        said(Role::Assistant, vec![called("1"), called("2")]),
        said(Role::User, vec![result("2", vec![Block::text("b")])]),
        said(Role::User, vec![Block::text("and?")]),
    ];
    let (body, dropped) = written_to("m", &request(turns));
    let ids: Vec<_> = body["messages"].as_array().unwrap().iter().map(|m| m["tool_call_id"].as_str()).collect();
    assert_eq!((ids, dropped.len()), (vec![None, Some("2"), Some("1"), None], 0));
}

#[test]
fn bedrocks_json_results_and_guarded_texts_are_texts() {
    let other = |kind: &str, json: &str| {
        Content::Other(Opaque { wire: Wire::BedrockConverse, kind: kind.into(), json: Json::verbatim(json) }).into()
    };
    let turns = vec![
        said(Role::User, vec![other("guardContent", r#"{"text":{"text":"hi","qualifiers":["query"]}}"#)]),
        said(Role::Assistant, vec![called("1")]),
        said(Role::User, vec![result("1", vec![other("json", r#"{"a":1.50}"#)])]),
    ];
    let (body, _) = written_to("m", &request(turns));
    assert_eq!(
        (&body["messages"][0]["content"], &body["messages"][2]["content"]),
        (&json!("hi"), &json!(r#"{"a":1.50}"#))
    );
}

#[test]
fn a_request_with_nothing_left_to_say_is_refused() {
    let refused = encode(&request(vec![]), &Target::default()).unwrap_err();
    assert_eq!((refused.status(), refused.param.as_deref()), (400, Some("messages")));
}

#[test]
fn long_ids_are_shortened_alike_in_call_and_result_for_openai_alone() {
    let long = "x".repeat(64);
    let turns = || {
        request(vec![
            said(Role::Assistant, vec![called(&long)]),
            said(Role::User, vec![result(&long, vec![Block::text("a")])]),
        ])
    };
    let (body, _) = written_to("gpt-4o", &turns());
    let id = body["messages"][0]["tool_calls"][0]["id"].as_str().unwrap();
    assert!(id.len() <= 40 && body["messages"][1]["tool_call_id"] == id, "{id}");
    assert_eq!(written_to("llama", &turns()).0["messages"][1]["tool_call_id"], long);
}

#[test]
fn a_signature_goes_to_its_maker_only() {
    let turns = request(vec![said(Role::Assistant, vec![thought(Dialect::Bedrock), Block::text("4")])]);
    let (body, dropped) = written_to("gpt-4o", &turns);
    assert_eq!(body["messages"][0], json!({"role": "assistant", "content": "4"}));
    assert_eq!(dropped, ["messages.0.content.0.thinking"]);
    let (body, dropped) = written_to("anthropic/claude-sonnet-4.5", &turns);
    assert_eq!(body["messages"][0]["thinking_blocks"][0]["signature"], "sig");
    assert!(dropped.is_empty());
}

#[test]
fn cache_marks_go_to_claude_only() {
    let marked = Block { cache: Some(CacheMark { ttl: None }), ..Block::text("s") };
    let turns = request(vec![said(Role::System, vec![marked])]);
    let (body, dropped) = written_to("gpt-4o", &turns);
    assert_eq!((body["messages"][0]["content"].as_str(), dropped), (Some("s"), vec!["cache_control".to_owned()]));
    let (body, dropped) = written_to("claude-sonnet", &turns);
    assert_eq!(body["messages"][0]["content"][0]["cache_control"], json!({"type": "ephemeral"}));
    assert!(dropped.is_empty());
}

#[test]
fn openais_reasoning_models_get_their_own_parameters() {
    let mut request = request(vec![said(Role::User, vec![Block::text("hi")])]);
    request.sampling.temperature = Some(Json::verbatim("1"));
    request.sampling.top_k = Some(Json::verbatim("5"));
    request.sampling.stop = vec!["x".into()];
    request.reasoning = Some(Reasoning::Budget(2048));
    request.max_output_tokens = Some(100);
    let (body, dropped) = written_to("gpt-5-mini", &request);
    assert_eq!((&body["max_completion_tokens"], &body["reasoning_effort"]), (&json!(100), &json!("medium")));
    assert_eq!((body.get("max_tokens"), body.get("temperature"), &body["stop"]), (None, None, &json!(["x"])));
    assert_eq!(dropped, ["temperature", "top_k"]);
    let (body, dropped) = written_to("gpt-4o", &request);
    assert_eq!((body.get("reasoning_effort"), &body["temperature"]), (None, &json!(1)));
    assert_eq!(dropped, ["top_k", "reasoning_effort"]);
    let (body, dropped) = written_to("llama", &request);
    assert_eq!((&body["top_k"], &body["reasoning_effort"], dropped.len()), (&json!(5), &json!("medium"), 0));
}

#[test]
fn m3_the_enforced_cap_replaces_the_requests_and_no_cap_passes_the_models() {
    let mut request = request(vec![said(Role::User, vec![Block::text("hi")])]);
    request.max_output_tokens = Some(100);
    let cap = |target: &Target<'_>| {
        let encoded = encode(&request, target).unwrap();
        serde_json::from_str::<Value>(&encoded.body).unwrap()["max_tokens"].as_u64()
    };
    let target = Target { model: "m", ..Target::default() };
    assert_eq!(cap(&target), Some(100));
    assert_eq!(cap(&Target { output_cap: Some(7), ..target }), Some(7));
    assert_eq!(cap(&Target { max_output: Some(50), ..target }), Some(50));
}

#[test]
fn s6_a_stream_always_asks_for_usage() {
    let mut request = read(json!({"stream": true, "stream_options": {"include_obfuscation": false}}));
    assert!(!request.stream_usage);
    let (body, _) = written_to("m", &request);
    assert_eq!(body["stream_options"], json!({"include_obfuscation": false, "include_usage": true}));
    request.stream = false;
    assert_eq!(written_to("m", &request).0.get("stream_options"), None);
}

#[test]
fn extensions_return_to_their_dialect_and_others_are_named() {
    let mut request = read(json!({"prompt_cache_key": "k", "verbosity": "low", "seed": 12345678901234567890u64}));
    request.extensions.push(Wire::AnthropicMessages, "container", Json::verbatim("\"c\""));
    let (body, dropped) = written_to("m", &request);
    assert_eq!((&body["prompt_cache_key"], &body["verbosity"]), (&json!("k"), &json!("low")));
    assert_eq!(body["seed"].to_string(), "12345678901234567890");
    assert_eq!(dropped, ["container"]);
}

#[test]
fn metadata_is_sent_with_store_only() {
    let fields = json!({"metadata": {"a": "b"}, "store": true});
    assert_eq!(written_to("m", &read(fields)).0["metadata"], json!({"a": "b"}));
    assert_eq!(written_to("m", &read(json!({"metadata": {"a": "b"}}))).0.get("metadata"), None);
}

#[test]
fn documents_of_text_become_text_and_media_nobody_can_send_are_refused() {
    let document = |source: Source| {
        let content = Content::Document { source, name: Some("notes".into()), context: None, citations: false };
        request(vec![said(Role::User, vec![content.into()])])
    };
    let text = Source::Text { media_type: "text/plain".into(), text: "abc".into() };
    assert_eq!(written_to("m", &document(text)).0["messages"][0]["content"], "# notes\n\nabc");
    let base64 = Source::Base64 { media_type: "text/csv".into(), data: "YSxi".into() };
    assert_eq!(written_to("m", &document(base64)).0["messages"][0]["content"], "# notes\n\na,b");
    let pdf = Source::Base64 { media_type: "application/pdf".into(), data: "AAAA".into() };
    assert_eq!(written_to("m", &document(pdf)).0["messages"][0]["content"][0]["file"]["filename"], "notes.pdf");
    let s3 = Source::S3 { uri: "s3://b/k".into(), owner: None, media_type: "application/pdf".into() };
    let refused = encode(&document(s3), &Target { model: "gpt-4o", ..Target::default() }).unwrap_err();
    assert_eq!((refused.status(), refused.param.as_deref()), (400, Some("messages.0.content.0")));
}

#[test]
fn custom_tools_and_their_calls_are_written_as_they_were() {
    let body = json!({
        "model": "gpt-5",
        "messages": [
            {"role": "user", "content": "hi"},
            {"role": "assistant", "content": null, "tool_calls": [{"id": "1", "type": "custom", "custom": {"name": "c", "input": "x"}}]},
            {"role": "tool", "tool_call_id": "1", "content": "y"}],
        "tools": [{"type": "custom", "custom": {"name": "c"}}],
    });
    let (written, dropped) = written_to("gpt-5", &try_read(&body).unwrap());
    assert_eq!((&written["messages"], &written["tools"]), (&body["messages"], &body["tools"]));
    assert!(dropped.is_empty());
}

#[test]
fn other_dialects_tools_and_blocks_are_named() {
    let opaque = Opaque { wire: Wire::AnthropicMessages, kind: "web_search".into(), json: Json::verbatim("{}") };
    let mut request = request(vec![said(Role::User, vec![Block::text("hi"), Content::Other(opaque.clone()).into()])]);
    request.tools = vec![Tool { definition: ToolDefinition::Other(opaque), cache: None }];
    request.tool_choice = Some(ToolChoice::Auto);
    let (body, dropped) = written_to("m", &request);
    assert_eq!(dropped, ["messages.0.content.1", "tools.0"]);
    assert_eq!((body.get("tool_choice"), body.get("tools")), (None, None));
}

#[test]
fn a_schema_is_said_in_words_to_models_that_take_none() {
    let mut request = request(vec![said(Role::User, vec![Block::text("hi")])]);
    let schema = Json::verbatim(r#"{"type":"object"}"#);
    request.output_format =
        Some(OutputFormat::JsonSchema { name: None, description: None, schema, strict: Some(true) });
    let (body, _) = written_to("m", &request);
    assert_eq!(body["response_format"]["json_schema"]["name"], "response");
    let abilities = Abilities { response_schema: false, ..Abilities::default() };
    let encoded = encode(&request, &Target { model: "m", abilities, ..Target::default() }).unwrap();
    let body: Value = serde_json::from_str(&encoded.body).unwrap();
    assert_eq!(body["response_format"], json!({"type": "json_object"}));
    assert!(body["messages"][0]["content"].as_str().unwrap().contains(r#"{"type":"object"}"#));
}

#[test]
fn a_choice_among_some_tools_offers_only_those_where_it_is_unknown() {
    let function = |name: &str| json!({"type": "function", "function": {"name": name}});
    let allowed = json!({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [function("f")]}});
    let request = read(json!({"tools": [function("f"), function("g")], "tool_choice": allowed}));
    let (body, _) = written_to("gpt-5", &request);
    assert_eq!((body["tools"].as_array().unwrap().len(), &body["tool_choice"]), (2, &allowed));
    let (body, _) = written_to("llama", &request);
    assert_eq!((&body["tools"], &body["tool_choice"]), (&json!([function("f")]), &json!("required")));
}
