//! What becomes of other dialects' requests on the way to Anthropic.

#![allow(
    clippy::expect_used,
    clippy::indexing_slicing,
    clippy::panic,
    clippy::unwrap_used,
    reason = "the functions that tests share are tests too"
)]

use dialects::codec::{Abilities, Budgets, Codec, Encoded, Envelope, JSON_OUTPUT_TOOL, Target, codec};
use dialects::json::parse;
use domain::{
    Dialect, Error, Json, Wire,
    chat::{
        Block, CacheMark, Content, Message, Opaque, OutputFormat, Reasoning, Request, Role, Sampling, Signature,
        Source, Tool, ToolCall, ToolChoice, ToolDefinition, ToolResult,
    },
};
use serde_json::{Value, json};

fn wire() -> &'static dyn Codec {
    codec(Wire::AnthropicMessages)
}

const TARGET: Target<'static> = Target {
    model: "claude",
    max_output: None,
    output_cap: None,
    default_output_cap: 4096,
    abilities: Abilities {
        prompt_caching: true,
        response_schema: true,
        sampling: true,
        one_of_temperature_and_top_p: false,
        adaptive_thinking: false,
        openai_reasoning: false,
        thinking: None,
        stop_sequences: None,
        budgets: Budgets::USUAL,
    },
    betas: &[],
};

fn to(request: &Request, target: Target<'_>) -> (Value, Vec<String>) {
    let Encoded { body, dropped } = wire().encode_request(request, &target).unwrap();
    parse(body.as_bytes()).unwrap();
    (serde_json::from_str(&body).unwrap(), dropped)
}

fn sent(request: &Request) -> (Value, Vec<String>) {
    to(request, TARGET)
}

fn able(change: impl FnOnce(&mut Abilities)) -> Target<'static> {
    let mut target = TARGET;
    change(&mut target.abilities);
    target
}

fn says(role: Role, content: Vec<Block>) -> Message {
    Message { role, content, name: None }
}

fn user(text: &str) -> Message {
    says(Role::User, vec![Block::text(text)])
}

fn asking(messages: Vec<Message>) -> Request {
    Request { messages, ..Request::default() }
}

fn hello() -> Request {
    asking(vec![user("hi")])
}

fn call(id: &str) -> Block {
    Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments: "{\"a\":1.50}".into() }).into()
}

fn result(id: &str) -> Block {
    Content::ToolResult(ToolResult { call_id: id.into(), content: vec![Block::text(id)], is_error: false }).into()
}

fn function(name: &str) -> Tool {
    let definition =
        ToolDefinition::Function { name: name.into(), description: None, parameters: None, strict: Some(true) };
    Tool { definition, cache: None }
}

fn number(text: &str) -> Option<Json> {
    Some(Json::verbatim(text))
}

// ---- turns ----

#[test]
fn equal_roles_merge_blank_text_goes_and_the_first_turn_is_the_users() {
    let request = asking(vec![
        says(Role::Assistant, vec![Block::text("hello")]),
        user("a"),
        user("  "),
        user("b"),
        says(Role::Assistant, vec![Block::text("so \n")]),
    ]);
    let (body, dropped) = sent(&request);
    let text = |text: &str| json!({"type": "text", "text": text});
    assert_eq!(
        body["messages"],
        json!([
            {"role": "user", "content": [text("Continue.")]},
            {"role": "assistant", "content": [text("hello")]},
            {"role": "user", "content": [text("a"), text("b")]},
            {"role": "assistant", "content": [text("so")]},
        ])
    );
    assert!(dropped.is_empty(), "{dropped:?}");
}

#[test]
fn system_messages_move_to_the_top_in_their_order() {
    let system = |text: &str| says(Role::System, vec![Block::text(text)]);
    let request = asking(vec![system("one"), user("a"), system("two"), user("b")]);
    let (body, dropped) = sent(&request);
    assert_eq!(body["system"], json!([{"type": "text", "text": "one"}, {"type": "text", "text": "two"}]));
    assert_eq!(body["messages"].as_array().unwrap().len(), 1);
    assert_eq!(dropped, ["messages.2.role"]);
    let (body, _) = to(&request, Target { model: "claude-opus-4-8", ..TARGET });
    assert_eq!(body["messages"][1]["role"], "system");
    let (body, _) = sent(&asking(vec![system("only")]));
    assert_eq!(body["messages"], json!([{"role": "user", "content": [{"type": "text", "text": "Continue."}]}]));
}

#[test]
fn what_bedrock_guards_or_returns_as_json_is_said_in_words() {
    let own = |kind: &str, json: &str| {
        let opaque = Opaque { wire: Wire::BedrockConverse, kind: kind.into(), json: Json::verbatim(json) };
        Block { content: Content::Other(opaque), cache: Some(CacheMark::default()) }
    };
    let guarded = own("guardContent", r#"{"text":{"text":"watch this"}}"#);
    let image = own("guardContent", r#"{"image":{"format":"png"}}"#);
    let system = says(Role::System, vec![guarded.clone()]);
    let (body, dropped) = sent(&asking(vec![system, says(Role::User, vec![guarded, image])]));
    let text = json!([{"type": "text", "text": "watch this", "cache_control": {"type": "ephemeral"}}]);
    assert_eq!((&body["system"], &body["messages"][0]["content"]), (&text, &text));
    assert_eq!(dropped, ["messages.1.content.1"]);
}

#[test]
fn results_come_first_in_the_order_of_their_calls_one_for_each() {
    let request = asking(vec![
        user("go"),
        says(Role::Assistant, vec![call("a"), call("b"), call("c")]),
        user("also this"),
        says(Role::User, vec![result("b")]),
        says(Role::User, vec![result("x"), result("a"), result("a")]),
    ]);
    let (body, dropped) = sent(&request);
    let content = body["messages"][2]["content"].as_array().unwrap();
    let ids: Vec<_> = content.iter().map(|block| block["tool_use_id"].as_str().unwrap_or("text")).collect();
    assert_eq!(ids, ["a", "b", "c", "text"]);
    assert_eq!(
        content[2],
        json!({"type": "tool_result", "tool_use_id": "c", "content": "No result was given.", "is_error": true})
    );
    assert_eq!(dropped, ["messages.4.content.0", "messages.4.content.2"]);
    assert_eq!(body["tools"], json!([{"name": "f", "input_schema": {"type": "object", "properties": {}}}]));
}

#[test]
fn calls_nobody_answered_get_a_result_before_the_conversation_goes_on() {
    let request = asking(vec![user("go"), says(Role::Assistant, vec![call("a")]), user("never mind")]);
    let (body, _) = sent(&request);
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "a");
    let (body, _) = sent(&asking(vec![user("go"), says(Role::Assistant, vec![call("a")])]));
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], "a");
}

#[test]
fn s8_ids_keep_to_the_charset_and_arguments_to_their_text() {
    let request = asking(vec![
        user("go"),
        says(Role::Assistant, vec![call("call:1"), call("ok_1")]),
        says(Role::User, vec![result("ok_1"), result("call:1")]),
    ]);
    let (body, dropped) = sent(&request);
    let id = body["messages"][1]["content"][0]["id"].as_str().unwrap();
    assert!(id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-'));
    assert_eq!(body["messages"][2]["content"][0]["tool_use_id"], id);
    assert_eq!(body["messages"][1]["content"][1]["id"], "ok_1");
    assert!(dropped.is_empty());
    let text = wire().encode_request(&request, &TARGET).unwrap().body;
    assert!(text.contains(r#""input":{"a":1.50}"#));
}

#[test]
fn models_that_do_not_go_on_with_their_own_turn_get_one_of_the_users() {
    let adaptive = able(|abilities| abilities.adaptive_thinking = true);
    let request = asking(vec![user("a"), says(Role::Assistant, vec![Block::text("so")])]);
    assert_eq!(to(&request, adaptive).0["messages"].as_array().unwrap().len(), 3);
    assert_eq!(sent(&request).0["messages"].as_array().unwrap().len(), 2);
    let paused = Opaque { wire: Wire::AnthropicMessages, kind: "server_tool_use".into(), json: Json::empty_object() };
    let request = asking(vec![user("a"), says(Role::Assistant, vec![Content::Other(paused).into()])]);
    assert_eq!(to(&request, adaptive).0["messages"].as_array().unwrap().len(), 2);
}

// ---- content ----

#[test]
fn a_question_of_which_nothing_can_be_sent_is_refused() {
    let own = Opaque { wire: Wire::BedrockConverse, kind: "guardContent".into(), json: Json::empty_object() };
    assert_eq!(refused(Content::Other(own)).param.as_deref(), Some("messages.0"));
}

fn refused(content: Content) -> Error {
    wire().encode_request(&asking(vec![says(Role::User, vec![content.into()])]), &TARGET).unwrap_err()
}

#[test]
fn media_the_provider_cannot_take_is_a_400_that_says_what_to_do() {
    let s3 = Source::S3 { uri: "s3://b/k".into(), owner: None, media_type: "image/png".into() };
    let word = Source::Base64 { media_type: "application/msword".into(), data: "AA==".into() };
    for content in [
        Content::Audio { source: Source::File { id: "f".into() } },
        Content::Image { source: s3, detail: None },
        Content::Document { source: word, name: None, context: None, citations: false },
    ] {
        let error = refused(content);
        assert_eq!((error.status(), error.param.as_deref()), (400, Some("messages.0.content.0")));
    }
}

#[test]
fn text_documents_in_base64_become_text() {
    let source = Source::Base64 { media_type: "text/markdown".into(), data: "aMOp".into() };
    let document = Content::Document { source, name: Some("a.md".into()), context: None, citations: true };
    let (body, _) = sent(&asking(vec![says(Role::User, vec![document.into()])]));
    assert_eq!(
        body["messages"][0]["content"][0],
        json!({"type": "document", "source": {"type": "text", "media_type": "text/plain", "data": "hé"},
            "title": "a.md", "citations": {"enabled": true}})
    );
}

#[test]
fn claudes_signatures_are_replayed_wherever_they_were_made_and_other_thoughts_are_dropped() {
    let thought = |made_by: Option<Dialect>| -> Block {
        let signature = made_by.map(|made_by| Signature { made_by, value: "s".into() });
        Content::Reasoning { text: "hm".into(), signature }.into()
    };
    let content =
        vec![thought(Some(Dialect::Bedrock)), thought(Some(Dialect::OpenAi)), thought(None), Block::text("so")];
    let (body, dropped) = sent(&asking(vec![user("a"), says(Role::Assistant, content), user("b")]));
    assert_eq!(
        body["messages"][1]["content"],
        json!([{"type": "thinking", "thinking": "hm", "signature": "s"}, {"type": "text", "text": "so"}])
    );
    assert_eq!(dropped, ["messages.1.content.1", "messages.1.content.2"]);
}

#[test]
fn other_dialects_own_blocks_are_named() {
    let own = Opaque { wire: Wire::BedrockConverse, kind: "guardContent".into(), json: Json::empty_object() };
    let mut request = asking(vec![says(Role::User, vec![Block::text("a"), Content::Other(own.clone()).into()])]);
    request.tools = vec![Tool { definition: ToolDefinition::Other(own), cache: None }];
    request.extensions.push(Wire::OpenAiChat, "store", Json::verbatim("true"));
    request.sampling = Sampling {
        seed: number("1"),
        logit_bias: number(r#"{"1":2}"#),
        frequency_penalty: number("0.0"),
        presence_penalty: number("0.5"),
        logprobs: Some(false),
        ..Sampling::default()
    };
    let (_, dropped) = sent(&request);
    assert_eq!(dropped, ["store", "messages.0.content.1", "tools.0", "seed", "presence_penalty", "logit_bias"]);
    request.n = Some(2);
    let error = wire().encode_request(&request, &TARGET).unwrap_err();
    assert_eq!((error.status(), error.param.as_deref()), (400, Some("n")));
}

#[test]
fn the_last_four_cache_marks_are_kept_and_none_where_there_is_no_cache() {
    let marked = |text: &str| Block { cache: Some(CacheMark { ttl: Some("1h".into()) }), ..Block::text(text) };
    let mut request = asking(vec![user("-")]);
    request.messages.extend((0..5).map(|at| says(Role::User, vec![marked(&at.to_string())])));
    let (body, dropped) = sent(&request);
    let content = body["messages"][0]["content"].as_array().unwrap();
    let kept: Vec<_> = content.iter().filter(|b| b.get("cache_control").is_some()).map(|b| &b["text"]).collect();
    assert_eq!(kept, ["1", "2", "3", "4"]);
    assert_eq!(content[5]["cache_control"], json!({"type": "ephemeral", "ttl": "1h"}));
    assert_eq!(dropped, ["cache_control"]);
    let (body, dropped) = to(&request, able(|abilities| abilities.prompt_caching = false));
    assert!(!body.to_string().contains("cache_control"));
    assert_eq!(dropped, ["cache_control"]);
}

// ---- caps, sampling, thinking ----

#[test]
fn m3_the_cap_is_the_keys_then_the_callers_then_the_models_then_the_default() {
    let capped = |cap, target| to(&Request { max_output_tokens: cap, ..hello() }, target).0["max_tokens"].clone();
    assert_eq!(capped(Some(100), Target { output_cap: Some(50), ..TARGET }), 50);
    assert_eq!(capped(Some(100), TARGET), 100);
    assert_eq!(capped(Some(100_000), Target { max_output: Some(8192), ..TARGET }), 8192);
    assert_eq!(capped(None, Target { max_output: Some(8192), ..TARGET }), 8192);
    assert_eq!(capped(None, TARGET), 4096);
}

fn sampled(temperature: &str) -> Request {
    let sampling = Sampling {
        temperature: number(temperature),
        top_p: number("0.9"),
        top_k: number("5"),
        stop: vec!["END".into(), "\n".into()],
        ..Sampling::default()
    };
    Request { sampling, ..hello() }
}

#[test]
fn sampling_goes_as_far_as_the_model_takes_it() {
    let (body, dropped) = sent(&sampled("1.7"));
    assert_eq!((&body["temperature"], &body["top_p"], &body["top_k"]), (&json!(1), &json!(0.9), &json!(5)));
    assert_eq!(body["stop_sequences"], json!(["END"]));
    assert_eq!(dropped, ["temperature", "stop"]);
    let (body, dropped) = to(&sampled("0.20"), able(|abilities| abilities.one_of_temperature_and_top_p = true));
    assert!(body.get("top_p").is_none() && body["temperature"] == 0.2);
    assert_eq!(dropped, ["top_p", "stop"]);
    let (body, dropped) = to(&sampled("0.2"), able(|abilities| abilities.sampling = false));
    assert!(body.get("temperature").is_none() && body.get("top_k").is_none());
    assert_eq!(dropped, ["temperature", "top_p", "top_k", "stop"]);
}

fn thinking(reasoning: Reasoning, cap: Option<u64>) -> Request {
    Request { reasoning: Some(reasoning), max_output_tokens: cap, ..hello() }
}

#[test]
fn efforts_become_budgets_below_the_cap() {
    let effort = |level: &str, cap| {
        let (body, dropped) = sent(&thinking(Reasoning::Effort(level.into()), cap));
        (body["thinking"]["budget_tokens"].as_u64(), body["max_tokens"].as_u64().unwrap(), dropped)
    };
    assert_eq!(effort("minimal", None), (Some(1024), 4096, vec![]));
    assert_eq!(effort("medium", Some(3000)), (Some(2048), 3000, vec![]));
    assert_eq!(effort("high", Some(3000)), (Some(1500), 3000, vec![]));
    assert_eq!(effort("high", Some(1000)), (None, 1000, vec!["reasoning".to_owned()]));
    assert_eq!(effort("max", None), (Some(16_384), 20_480, vec![]));
    assert_eq!(effort("none", None), (None, 4096, vec![]));
}

#[test]
fn adaptive_models_get_an_effort_and_others_a_budget() {
    let adaptive = able(|abilities| abilities.adaptive_thinking = true);
    let (body, _) = to(&thinking(Reasoning::Effort("minimal".into()), None), adaptive);
    assert_eq!((&body["thinking"]["type"], &body["output_config"]["effort"]), (&json!("adaptive"), &json!("low")));
    let (body, _) = to(&thinking(Reasoning::Effort("default".into()), None), adaptive);
    assert!(body["thinking"]["type"] == "adaptive" && body.get("output_config").is_none());
    let (body, _) = to(&thinking(Reasoning::Budget(2000), None), adaptive);
    assert_eq!(body["output_config"]["effort"], "low");
    let (body, _) = sent(&thinking(Reasoning::Adaptive { effort: Some("high".into()) }, None));
    assert_eq!(body["thinking"], json!({"type": "enabled", "budget_tokens": 4096}));
}

#[test]
fn thinking_within_a_budget_excludes_what_the_provider_excludes() {
    let mut request = sampled("0.5");
    request.reasoning = Some(Reasoning::Budget(2000));
    request.tools = vec![function("f")];
    request.tool_choice = Some(ToolChoice::Required);
    let (body, dropped) = sent(&request);
    assert_eq!(body["tool_choice"], json!({"type": "auto"}));
    assert!(["temperature", "top_p", "top_k"].iter().all(|field| body.get(field).is_none()));
    assert_eq!(dropped, ["tool_choice", "temperature", "top_p", "top_k", "stop"]);
}

#[test]
fn thinking_is_off_where_the_callers_history_lost_the_thoughts() {
    let answered =
        |content| asking(vec![user("a"), says(Role::Assistant, content), says(Role::User, vec![result("t")])]);
    let mut lost = answered(vec![call("t")]);
    lost.reasoning = Some(Reasoning::Budget(2000));
    let (body, dropped) = sent(&lost);
    assert_eq!(
        (&body["thinking"]["type"], dropped.as_slice()),
        (&json!("disabled"), ["reasoning".to_owned()].as_slice())
    );
    let signature = Some(Signature { made_by: Dialect::Anthropic, value: "s".into() });
    let mut kept = answered(vec![Content::Reasoning { text: "hm".into(), signature }.into(), call("t")]);
    kept.reasoning = Some(Reasoning::Budget(2000));
    assert_eq!(sent(&kept).0["thinking"]["type"], "enabled");
}

// ---- tools and structured output ----

#[test]
fn every_choice_of_tools_has_its_form() {
    let chosen = |choice, parallel| {
        let tools = vec![function("f"), function("g")];
        let request = Request { tools, tool_choice: choice, parallel_tool_calls: parallel, ..hello() };
        let (body, _) = sent(&request);
        (body["tool_choice"].clone(), body["tools"].as_array().unwrap().len())
    };
    let tool = |name: &str| Some(ToolChoice::Tool { name: name.into() });
    assert_eq!(chosen(None, None), (Value::Null, 2));
    assert_eq!(chosen(None, Some(false)), (json!({"type": "auto", "disable_parallel_tool_use": true}), 2));
    assert_eq!(chosen(Some(ToolChoice::None), Some(false)), (json!({"type": "none"}), 2));
    assert_eq!(chosen(Some(ToolChoice::Required), None), (json!({"type": "any"}), 2));
    assert_eq!(chosen(tool("g"), None), (json!({"type": "tool", "name": "g"}), 2));
    let some = |required| Some(ToolChoice::Allowed { names: vec!["g".into()], required });
    assert_eq!(chosen(some(true), None), (json!({"type": "any"}), 1));
    assert_eq!(chosen(some(false), None), (json!({"type": "auto"}), 1));
}

fn structured(tools: Vec<Tool>, choice: Option<ToolChoice>) -> Request {
    let schema = Json::verbatim(r#"{"properties":{"a":{"type":"number"}}}"#);
    let format = OutputFormat::JsonSchema { name: Some("n".into()), description: None, schema, strict: Some(true) };
    Request { tools, tool_choice: choice, output_format: Some(format), ..hello() }
}

#[test]
fn schemas_go_natively_or_through_a_tool_the_answer_is_read_back_from() {
    let (body, _) = sent(&structured(Vec::new(), None));
    assert_eq!(body["output_config"]["format"]["type"], "json_schema");
    let old = able(|abilities| abilities.response_schema = false);
    let (body, dropped) = to(&structured(Vec::new(), None), old);
    assert_eq!(
        body["tool_choice"],
        json!({"type": "tool", "name": JSON_OUTPUT_TOOL, "disable_parallel_tool_use": true})
    );
    assert_eq!(body["tools"][0]["input_schema"], json!({"properties": {"a": {"type": "number"}}, "type": "object"}));
    assert!(dropped.is_empty());
    let (body, dropped) = to(&structured(vec![function("f")], None), old);
    assert_eq!(body["tool_choice"]["type"], "any");
    assert_eq!(dropped, ["tools.0.strict"]);
    let forced = structured(vec![function("f")], Some(ToolChoice::Tool { name: "f".into() }));
    let (body, _) = to(&forced, old);
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON Schema"));

    let answer = format!(
        r#"{{"type":"message","content":[{{"type":"tool_use","id":"t","name":"{JSON_OUTPUT_TOOL}","input":{{"a": 1.0}}}}],"stop_reason":"tool_use"}}"#
    );
    let response = wire().decode_response(&parse(answer.as_bytes()).unwrap()).unwrap();
    assert_eq!(response.choices[0].content, [Block::text(r#"{"a": 1.0}"#)]);
    assert_eq!(response.choices[0].finish, domain::chat::FinishReason::Stop);
}

#[test]
fn json_without_a_schema_is_asked_for_in_words() {
    let (body, dropped) = sent(&Request { output_format: Some(OutputFormat::JsonObject), ..hello() });
    assert!(body["system"][0]["text"].as_str().unwrap().contains("JSON object"));
    assert!(dropped.is_empty());
}

// ---- what callers send ----

fn refusal(body: Value) -> (Option<String>, String) {
    let text = body.to_string();
    let problem = wire().decode_request(&parse(text.as_bytes()).unwrap(), &Envelope::default()).unwrap_err();
    (problem.param, problem.message)
}

#[test]
fn i10_what_is_wrong_is_named_by_its_path() {
    let with = |key: &str, value: Value| {
        let mut body = json!({"model": "m", "max_tokens": 5, "messages": [{"role": "user", "content": "hi"}]});
        body[key] = value;
        refusal(body).0.unwrap()
    };
    for (key, value, path) in [
        ("max_tokens", json!(null), "max_tokens"),
        ("max_tokens", json!(1.5), "max_tokens"),
        ("messages", json!([]), "messages"),
        ("messages", json!([{"role": "robot", "content": "x"}]), "messages.0.role"),
        ("messages", json!([{"role": "user"}]), "messages.0.content"),
        ("messages", json!([{"role": "user", "content": [{"text": "x"}]}]), "messages.0.content.0.type"),
        ("messages", json!([{"role": "user", "content": [{"type": "text", "text": 1}]}]), "messages.0.content.0.text"),
        (
            "messages",
            json!([{"role": "user", "content": [{"type": "image", "source": {"type": "url"}}]}]),
            "messages.0.content.0.source.url",
        ),
        ("system", json!([{"type": "image", "source": {"type": "url", "url": "u"}}]), "system.0"),
        ("tools", json!([{"name": 7}]), "tools.0.name"),
        ("tool_choice", json!({"type": "sometimes"}), "tool_choice.type"),
        ("thinking", json!({"type": "enabled"}), "thinking.budget_tokens"),
        ("temperature", json!("hot"), "temperature"),
        ("stop_sequences", json!(["a", 1]), "stop_sequences.1"),
        ("output_config", json!({"format": {"type": "json_schema"}}), "output_config.format.schema"),
    ] {
        assert_eq!(with(key, value), path);
    }
}

#[test]
fn unknown_fields_and_kinds_are_kept_for_this_dialect_and_named_for_others() {
    let body = json!({
        "model": "m", "max_tokens": 5, "container": "c", "context_management": {"edits": []},
        "thinking": {"type": "enabled", "budget_tokens": 1024, "display": "omitted"},
        "output_config": {"task_budget": {"total": 9}},
        "tools": [{"name": "f", "input_schema": {"type": "object"}, "defer_loading": true},
                  {"type": "web_search_20250305", "name": "web_search"}],
        "messages": [{"role": "user", "content": [{"type": "container_upload", "file_id": "f"}]},
                     {"role": "assistant", "content": [{"type": "tool_use", "id": "t", "name": "f", "input": {},
                        "caller": {"type": "code_execution_20260120"}}]}]
    });
    let text = body.to_string();
    let request = wire().decode_request(&parse(text.as_bytes()).unwrap(), &Envelope::default()).unwrap();
    let mut names: Vec<_> = request.extensions.foreign_to(Wire::OpenAiChat).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        [
            "container",
            "context_management",
            "messages.1.content.0.caller",
            "output_config.task_budget",
            "thinking.display",
            "tools.0.defer_loading"
        ]
    );
    let (again, dropped) = to(&request, Target { output_cap: Some(4000), ..TARGET });
    assert_eq!(dropped, ["messages.1.content.0.caller", "reasoning"]);
    for field in ["container", "context_management", "output_config"] {
        assert_eq!(again[field], body[field]);
    }
    assert_eq!(again["tools"][0]["defer_loading"], true);
    assert_eq!(again["tools"][1], body["tools"][1]);
    assert_eq!(again["messages"][0]["content"], body["messages"][0]["content"]);
}

#[test]
fn a_mark_on_the_whole_request_is_one_on_its_last_block() {
    let body = br#"{"model":"m","max_tokens":5,"cache_control":{"type":"ephemeral"},"messages":[{"role":"user","content":"hi"}]}"#;
    let request = wire().decode_request(&parse(body).unwrap(), &Envelope::default()).unwrap();
    assert_eq!(request.messages[0].content[0].cache, Some(CacheMark::default()));
}
