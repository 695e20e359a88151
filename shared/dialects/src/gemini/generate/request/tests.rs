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
    let envelope = Envelope { model: Some("m"), stream: Some(false) };
    decode(&parse(body.to_string().as_bytes()).unwrap(), &envelope)
}

fn read(mut fields: Value) -> Request {
    if fields.get("contents").is_none() {
        fields["contents"] = json!([{"role": "user", "parts": [{"text": "hi"}]}]);
    }
    try_read(&fields).unwrap()
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

fn called(id: &str, name: &str) -> Block {
    Content::ToolCall(ToolCall { id: id.into(), name: name.into(), arguments: r#"{"a":1}"#.into() }).into()
}

fn result(id: &str, content: Vec<Block>) -> Block {
    Content::ToolResult(ToolResult { call_id: id.into(), content, is_error: false }).into()
}

fn image() -> Block {
    let source = Source::Base64 { media_type: "image/png".into(), data: "AAAA".into() };
    Content::Image { source, detail: None }.into()
}

fn thought(text: &str, made_by: Dialect) -> Block {
    let signature = Some(Signature { made_by, value: "c2ln".into() });
    Content::Reasoning { text: text.into(), signature }.into()
}

// ---- reading

#[test]
fn both_spellings_say_the_same() {
    let camel = json!({
        "systemInstruction": {"parts": [{"text": "s"}]},
        "tools": [{"functionDeclarations": [{"name": "f", "parametersJsonSchema": {"type": "object"}}]}],
        "generationConfig": {"maxOutputTokens": 7, "topK": 3, "responseMimeType": "application/json"}
    });
    let snake = json!({
        "system_instruction": {"parts": [{"text": "s"}]},
        "tools": [{"function_declarations": [{"name": "f", "parameters_json_schema": {"type": "object"}}]}],
        "generation_config": {"max_output_tokens": 7, "top_k": 3, "response_mime_type": "application/json"}
    });
    assert_eq!(read(camel.clone()), read(snake));
    let request = read(camel);
    assert_eq!((request.max_output_tokens, request.output_format), (Some(7), Some(OutputFormat::JsonObject)));
    assert_eq!(request.messages[0], said(Role::System, vec![Block::text("s")]));
}

#[test]
fn calls_without_ids_are_given_some_and_their_results_find_them() {
    let request = read(json!({"contents": [
        {"parts": [{"text": "q"}]},
        {"role": "model", "parts": [{"functionCall": {"name": "f", "args": {"a": 1}}}, {"functionCall": {"name": "f"}}]},
        {"role": "function", "parts": [
            {"functionResponse": {"name": "f", "response": {"result": "one"}}},
            {"functionResponse": {"name": "f", "response": {"error": "two"}}}]},
    ]}));
    let Content::ToolCall(first) = &request.messages[1].content[0].content else { panic!() };
    let Content::ToolCall(second) = &request.messages[1].content[1].content else { panic!() };
    assert_eq!((first.arguments.as_str(), second.arguments.as_str()), (r#"{"a":1}"#, "{}"));
    let Content::ToolResult(one) = &request.messages[2].content[0].content else { panic!() };
    let Content::ToolResult(two) = &request.messages[2].content[1].content else { panic!() };
    assert_eq!((&one.call_id, one.is_error, &two.call_id, two.is_error), (&first.id, false, &second.id, true));
    assert_ne!(first.id, second.id);
    let (body, _) = written_to("gemini-2.5-flash", &request);
    assert_eq!(body["contents"][1]["parts"][0], json!({"functionCall": {"name": "f", "args": {"a": 1}}}));
    assert_eq!(
        body["contents"][2]["parts"][1],
        json!({"functionResponse": {"name": "f", "response": {"error": "two"}}})
    );
}

#[test]
fn every_form_of_tool_choice_is_read_and_written_again() {
    for (mode, names, choice) in [
        ("AUTO", json!([]), ToolChoice::Auto),
        ("none", json!([]), ToolChoice::None),
        ("ANY", json!([]), ToolChoice::Required),
        ("any", json!(["f"]), ToolChoice::Tool { name: "f".into() }),
        ("ANY", json!(["f", "g"]), ToolChoice::Allowed { names: vec!["f".into(), "g".into()], required: true }),
        ("VALIDATED", json!(["f"]), ToolChoice::Allowed { names: vec!["f".into()], required: false }),
    ] {
        let config = json!({"functionCallingConfig": {"mode": mode, "allowedFunctionNames": names}});
        let request = read(json!({"tools": [{"functionDeclarations": [{"name": "f"}]}], "toolConfig": config}));
        assert_eq!(request.tool_choice, Some(choice), "{mode}");
        let (body, _) = written_to("m", &request);
        assert_eq!(body["toolConfig"]["functionCallingConfig"]["mode"], mode.to_uppercase(), "{mode}");
    }
}

#[test]
fn what_a_choice_cannot_say_is_kept_whole() {
    let config = json!({"functionCallingConfig": {"mode": "VALIDATED"}, "retrievalConfig": {"languageCode": "en"}});
    let tools = json!([{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}]);
    let request = read(json!({"tools": tools, "toolConfig": config}));
    assert_eq!(request.tool_choice, Some(ToolChoice::Auto));
    assert_eq!(written_to("m", &request).0["toolConfig"], config);
    assert_eq!(request.extensions.foreign_to(Wire::OpenAiChat).collect::<Vec<_>>(), ["toolConfig"]);
}

#[test]
fn every_way_to_ask_for_thought_is_read() {
    for (config, reasoning) in [
        (json!({"thinkingBudget": 0}), Some(Reasoning::Disabled)),
        (json!({"thinkingBudget": -1}), Some(Reasoning::Adaptive { effort: None })),
        (json!({"thinking_budget": 512, "include_thoughts": true}), Some(Reasoning::Budget(512))),
        (json!({"thinkingLevel": "HIGH"}), Some(Reasoning::Effort("high".into()))),
        (json!({"includeThoughts": true}), Some(Reasoning::Adaptive { effort: None })),
        (json!({"includeThoughts": false}), None),
    ] {
        assert_eq!(read(json!({"generationConfig": {"thinkingConfig": config}})).reasoning, reasoning, "{config}");
    }
}

#[test]
fn fields_without_a_home_come_back_on_this_wire_and_are_named_on_others() {
    let fields = json!({
        "safetySettings": [{"category": "c", "threshold": "t"}], "cachedContent": "cachedContents/x", "labels": {"a": "b"},
        "generationConfig": {"responseModalities": ["IMAGE"], "speechConfig": {}, "temperature": 0.10}
    });
    let request = read(fields.clone());
    let (body, dropped) = written_to("m", &request);
    assert!(dropped.is_empty());
    for field in ["safetySettings", "cachedContent", "labels", "generationConfig"] {
        assert_eq!(body[field], fields[field], "{field}");
    }
    let named: Vec<&str> = request.extensions.foreign_to(Wire::OpenAiChat).collect();
    assert!(named.contains(&"safetySettings") && named.contains(&"generationConfig.responseModalities"));
    assert!(read(json!({"generationConfig": {"responseModalities": ["TEXT"]}})).extensions.0.is_empty());
}

#[test]
fn i5_a_wrong_field_is_named_by_its_path() {
    for (fields, param) in [
        (json!({"contents": [{"parts": []}, {"role": "robot"}]}), "contents.1.role"),
        (json!({"contents": [{"parts": [{"text": 7}]}]}), "contents.0.parts.0.text"),
        (json!({"contents": [{"parts": [{"functionCall": {}}]}]}), "contents.0.parts.0.functionCall.name"),
        (
            json!({"contents": [{"parts": [{"inlineData": {"mimeType": "image/png"}}]}]}),
            "contents.0.parts.0.inlineData.data",
        ),
        (json!({"contents": [], "tools": [{"functionDeclarations": [{}]}]}), "tools.0.functionDeclarations.0.name"),
        (json!({"contents": [], "generationConfig": {"temperature": "hot"}}), "generationConfig.temperature"),
        (json!({"contents": [], "generationConfig": {"maxOutputTokens": 1.5}}), "generationConfig.maxOutputTokens"),
    ] {
        assert_eq!(try_read(&fields).unwrap_err().param.as_deref(), Some(param));
    }
    assert_eq!(
        decode(&parse(br#"{"contents":[]}"#).unwrap(), &Envelope::default()).unwrap_err().param.as_deref(),
        Some("model")
    );
}

// ---- writing

#[test]
fn system_messages_become_the_instruction_and_late_ones_are_named() {
    let messages = vec![
        said(Role::System, vec![Block::text("a")]),
        said(Role::User, vec![Block::text("q")]),
        said(Role::System, vec![Block::text("b")]),
    ];
    let (body, dropped) = written_to("m", &request(messages));
    assert_eq!(body["systemInstruction"], json!({"parts": [{"text": "a"}, {"text": "b"}]}));
    assert_eq!((body["contents"].as_array().unwrap().len(), dropped), (1, vec!["messages.2.role".to_owned()]));
}

#[test]
fn somebody_must_speak_and_the_user_first() {
    let filler = json!({"role": "user", "parts": [{"text": "Continue."}]});
    let only_system = request(vec![said(Role::System, vec![Block::text("s")])]);
    assert_eq!(written_to("m", &only_system).0["contents"], json!([filler]));
    let model_first = request(vec![said(Role::Assistant, vec![Block::text("a")])]);
    assert_eq!(written_to("m", &model_first).0["contents"][0], filler);
}

#[test]
fn results_of_one_turn_come_together_under_the_names_of_their_functions() {
    let messages = vec![
        said(Role::User, vec![Block::text("q")]),
        said(Role::Assistant, vec![called("1", "f"), called("2", "g")]),
        said(Role::User, vec![result("2", vec![Block::text(r#"{"x": 1.50}"#)])]),
        said(Role::User, vec![result("1", vec![Block::text("a"), Block::text("b")])]),
        said(Role::User, vec![result("9", vec![])]),
    ];
    let (body, dropped) = written_to("gemini-2.5-flash", &request(messages));
    assert_eq!(
        body["contents"][2]["parts"],
        json!([
            {"functionResponse": {"id": "2", "name": "g", "response": {"x": 1.5}}},
            {"functionResponse": {"id": "1", "name": "f", "response": {"result": "a\nb"}}},
        ])
    );
    assert_eq!(dropped, ["messages.4.content.0"]);
}

#[test]
fn media_in_results_stand_inside_for_the_third_generation_and_beside_for_others() {
    let messages = vec![
        said(Role::User, vec![Block::text("q")]),
        said(Role::Assistant, vec![called("1", "f")]),
        said(Role::User, vec![result("1", vec![Block::text("see"), image()])]),
    ];
    let request = request(messages);
    let inline = json!({"inlineData": {"mimeType": "image/png", "data": "AAAA"}});
    let inside = written_to("gemini-3-pro", &request).0;
    assert_eq!(inside["contents"][2]["parts"][0]["functionResponse"]["parts"], json!([inline]));
    let beside = written_to("gemini-2.5-pro", &request).0;
    assert_eq!(beside["contents"][2]["parts"][1], inline);
}

#[test]
fn geminis_signatures_go_back_to_where_they_were_and_others_are_left_out() {
    let content =
        vec![thought("hmm", Dialect::Gemini), Block::text("t"), thought("", Dialect::Gemini), called("1", "f")];
    let theirs = vec![thought("hmm", Dialect::Anthropic), Block::text("t")];
    let messages = vec![
        said(Role::User, vec![Block::text("q")]),
        said(Role::Assistant, content),
        said(Role::User, vec![result("1", vec![Block::text("r")])]),
        said(Role::Assistant, theirs),
    ];
    let (body, dropped) = written_to("gemini-3-pro", &request(messages));
    assert_eq!(
        body["contents"][1]["parts"],
        json!([
            {"text": "hmm", "thought": true, "thoughtSignature": "c2ln"},
            {"text": "t"},
            {"functionCall": {"id": "1", "name": "f", "args": {"a": 1}}, "thoughtSignature": "c2ln"},
        ])
    );
    assert_eq!(body["contents"][3]["parts"], json!([{"text": "t"}]));
    assert_eq!(dropped, ["messages.3.content.0"]);
}

#[test]
fn a_signature_that_a_client_put_first_goes_back_to_the_call() {
    let content = vec![thought("", Dialect::Gemini), Block::text("t"), called("1", "f")];
    let messages = vec![said(Role::User, vec![Block::text("q")]), said(Role::Assistant, content)];
    let (body, _) = written_to("gemini-3-pro", &request(messages));
    assert_eq!(body["contents"][1]["parts"][0], json!({"text": "t"}));
    assert_eq!(body["contents"][1]["parts"][1]["thoughtSignature"], "c2ln");
}

#[test]
fn a_call_made_elsewhere_has_a_stand_in_where_signatures_are_checked() {
    let messages =
        vec![said(Role::User, vec![Block::text("q")]), said(Role::Assistant, vec![called("1", "f"), called("2", "f")])];
    let request = request(messages);
    let parts = |model: &str| written_to(model, &request).0["contents"][1]["parts"].clone();
    let third = parts("gemini-3-flash-preview");
    assert_eq!(third[0]["thoughtSignature"], "skip_thought_signature_validator");
    assert_eq!((third[1].get("thoughtSignature"), parts("gemini-2.5-flash")[0].get("thoughtSignature")), (None, None));
}

#[test]
fn schemas_go_as_they_are_to_models_that_take_them_and_in_geminis_words_to_older_ones() {
    let schema = Json::verbatim(
        r#"{"type":"object","properties":{"x":{"type":["string","null"]}},"additionalProperties":false}"#,
    );
    let mut request = request(vec![said(Role::User, vec![Block::text("q")])]);
    request.output_format =
        Some(OutputFormat::JsonSchema { name: None, description: None, schema: schema.clone(), strict: Some(true) });
    let function = ToolDefinition::Function {
        name: "f".into(),
        description: None,
        parameters: Some(schema.clone()),
        strict: None,
    };
    request.tools = vec![Tool { definition: function, cache: None }];
    let body = written_to("gemini-2.5-flash", &request).0;
    let standard: Value = serde_json::from_str(schema.as_str()).unwrap();
    assert_eq!(body["generationConfig"]["responseJsonSchema"], standard);
    assert_eq!(body["tools"][0]["functionDeclarations"][0]["parametersJsonSchema"], standard);
    let body = written_to("gemini-1.5-flash", &request).0;
    let own = json!({"type": "OBJECT", "properties": {"x": {"type": "STRING", "nullable": true}}});
    assert_eq!(body["generationConfig"]["responseSchema"], own);
    assert_eq!(body["tools"][0]["functionDeclarations"][0]["parameters"], own);
}

#[test]
fn media_are_sent_by_value_or_address_and_what_nobody_can_read_is_refused() {
    let sent = |source: Source| {
        let content = Content::Image { source, detail: Some("low".into()) };
        encode(&request(vec![said(Role::User, vec![content.into()])]), &Target { model: "m", ..Target::default() })
    };
    let Encoded { body, dropped } = sent(Source::Url { url: "https://x/y.webp".into() }).unwrap();
    assert!(body.contains(r#""fileData":{"mimeType":"image/webp","fileUri":"https://x/y.webp"}"#));
    assert_eq!(dropped, ["messages.0.content.0.detail"]);
    for source in [
        Source::File { id: "file-1".into() },
        Source::S3 { uri: "s3://b/k".into(), owner: None, media_type: "image/png".into() },
    ] {
        let refused = sent(source).unwrap_err();
        assert_eq!((refused.status(), refused.param.as_deref()), (400, Some("messages.0.content.0")));
    }
}

#[test]
fn what_has_no_place_is_named() {
    let opaque = Opaque { wire: Wire::AnthropicMessages, kind: "web_search".into(), json: Json::verbatim("{}") };
    let marked = Block { cache: Some(CacheMark::default()), ..Block::text("hi") };
    let mut request = request(vec![said(Role::User, vec![marked, Content::Other(opaque.clone()).into()])]);
    request.tools = vec![Tool { definition: ToolDefinition::Other(opaque), cache: None }];
    request.tool_choice = Some(ToolChoice::Auto);
    request.user = Some("u".into());
    request.sampling.logit_bias = Some(Json::empty_object());
    request.sampling.stop = (0..6).map(|n| n.to_string()).collect();
    request.service_tier = Some("flex".into());
    let (body, dropped) = written_to("m", &request);
    assert_eq!(
        dropped,
        ["user", "service_tier", "cache_control", "messages.0.content.1", "tools.0", "stop", "logit_bias"]
    );
    assert_eq!((body.get("tools"), body.get("toolConfig")), (None, None));
    assert_eq!(body["generationConfig"]["stopSequences"].as_array().unwrap().len(), 5);
}

#[test]
fn m3_an_enforced_cap_replaces_the_requests_and_none_is_above_the_models() {
    let mut request = request(vec![said(Role::User, vec![Block::text("q")])]);
    request.max_output_tokens = Some(90_000);
    let capped = |output_cap| {
        let target = Target {
            model: "m",
            output_cap,
            max_output: Some(8192),
            abilities: Abilities::default(),
            default_output_cap: 1,
            ..Target::default()
        };
        let body: Value = serde_json::from_str(&encode(&request, &target).unwrap().body).unwrap();
        body["generationConfig"]["maxOutputTokens"].clone()
    };
    assert_eq!((capped(Some(100)), capped(None)), (json!(100), json!(8192)));
}
