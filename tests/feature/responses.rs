//! The Responses API on every provider: whole and streamed, conversations that the gateway keeps, and what Codex sends.

use domain::call::UsageSource;
use harness::{MODELS, Portunus, Reply};
use http::Method;
use mock_upstream::{
    Plan,
    plan::{Answer, At, CutHow, Generated},
};
use serde_json::{Value, json};

const PATH: &str = "/v1/responses";

async fn ask(portunus: &Portunus, body: &Value) -> Reply {
    portunus.post(PATH, &body.to_string()).await
}

async fn send(portunus: &Portunus, method: Method, path: &str, key: &str) -> (u16, Value) {
    let response = portunus.request(method, path).bearer_auth(key).send().await.unwrap();
    let status = response.status().as_u16();
    (status, serde_json::from_slice(&response.bytes().await.unwrap()).unwrap())
}

/// The events of a stream.
fn events(reply: &Reply) -> Vec<Value> {
    assert_eq!(reply.status, 200, "{}", reply.text());
    let text = reply.text();
    text.lines()
        .filter_map(|line| line.strip_prefix("data: "))
        .map(|data| serde_json::from_str(data).unwrap())
        .collect()
}

/// The answer, whether it was streamed or not.
fn answer(reply: &Reply) -> Value {
    if reply.header("content-type").starts_with("text/event-stream") {
        return events(reply).pop().unwrap()["response"].clone();
    }
    assert_eq!(reply.status, 200, "{}", reply.text());
    reply.json()
}

fn output_text(answer: &Value) -> String {
    let items = answer["output"].as_array().unwrap().iter().filter(|item| item["type"] == "message");
    items.flat_map(|item| item["content"].as_array().unwrap()).filter_map(|part| part["text"].as_str()).collect()
}

/// What the last provider that was asked was sent.
fn sent(portunus: &Portunus) -> String {
    String::from_utf8(portunus.upstream.requests().last().unwrap().body.clone()).unwrap()
}

#[tokio::test]
async fn every_wire_answers_whole_and_streamed_and_is_settled() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        for stream in [false, true] {
            let reply = ask(&portunus, &json!({"model": model, "input": "hello there", "stream": stream})).await;
            let answer = answer(&reply);
            assert_eq!((&answer["status"], &answer["object"]), (&json!("completed"), &json!("response")), "{model}");
            assert!(output_text(&answer).contains("hello"), "{model}: {answer}");
            assert!(answer["usage"]["output_tokens"].as_u64().unwrap() > 0, "{model}: {answer}");
            let record = portunus.record(&reply.call()).await;
            assert_eq!((record.wire.as_str(), record.usage_source), ("openai.responses", UsageSource::Reported));
        }
    }
}

#[tokio::test]
async fn the_same_id_stands_in_every_event_and_is_the_stored_one() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let reply = ask(&portunus, &json!({"model": model, "input": "hi", "stream": true})).await;
        let events = events(&reply);
        let ids: Vec<&Value> = events.iter().filter_map(|event| event.get("response")).map(|r| &r["id"]).collect();
        assert!(ids.len() >= 3 && ids.iter().all(|id| *id == ids[0]), "{model}: {ids:?}");
        let numbers: Vec<u64> = events.iter().map(|event| event["sequence_number"].as_u64().unwrap()).collect();
        assert!(numbers.is_sorted_by(|a, b| a < b), "{model}: {numbers:?}");
        let (status, stored) =
            send(&portunus, Method::GET, &format!("{PATH}/{}", ids[0].as_str().unwrap()), &portunus.key).await;
        assert_eq!((status, &stored), (200, &answer(&reply)), "{model}");
    }
}

#[tokio::test]
async fn a_conversation_goes_on_with_every_provider_in_turn() {
    let portunus = Portunus::start().await;
    let mut previous = Value::Null;
    let mut said: Vec<String> = Vec::new();
    for (turn, model) in MODELS.into_iter().chain(MODELS).enumerate() {
        let words = format!("word number {turn}");
        let body = json!({"model": model, "input": words, "previous_response_id": previous, "stream": turn % 2 == 1});
        let reply = ask(&portunus, &body).await;
        let answer = answer(&reply);
        assert_eq!(answer["previous_response_id"], previous, "{model}");
        assert_eq!(answer["store"], true, "{model}");
        let sent = sent(&portunus);
        for earlier in &said {
            assert!(sent.contains(earlier), "{model} was not told {earlier:?}: {sent}");
        }
        assert!(!sent.contains("previous_response_id"), "{sent}");
        said.extend([words, output_text(&answer)]);
        previous = answer["id"].clone();
    }
}

#[tokio::test]
async fn a_conversation_longer_than_what_is_read_at_once_keeps_its_beginning() {
    let portunus = Portunus::start().await;
    let mut previous = Value::Null;
    for turn in 0..70 {
        let body = json!({"model": MODELS[1], "input": format!("turn {turn}."), "previous_response_id": previous});
        previous = answer(&ask(&portunus, &body).await)["id"].clone();
    }
    let sent = sent(&portunus);
    assert!((0..70).all(|turn| sent.contains(&format!("turn {turn}."))), "{sent}");
    let (_, items) = send(
        &portunus,
        Method::GET,
        &format!("{PATH}/{}/input_items?limit=100", previous.as_str().unwrap()),
        &portunus.key,
    )
    .await;
    assert_eq!((items["data"].as_array().unwrap().len(), &items["has_more"]), (100, &json!(true)));
}

#[tokio::test]
async fn calls_and_their_results_go_through_a_conversation() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let call =
            Generated { tool: Some("look".into()), arguments: Some("{\"q\":\"x\"}".into()), ..Generated::default() };
        portunus.script(vec![Plan::answering(Answer::Generated(call)).times(1)]);
        let tools = json!([{"type": "function", "name": "look", "parameters": {"type": "object", "properties": {"q": {"type": "string"}}}, "strict": false}]);
        let first = answer(&ask(&portunus, &json!({"model": model, "input": "look it up", "tools": tools})).await);
        let call = first["output"].as_array().unwrap().iter().find(|item| item["type"] == "function_call").unwrap();
        assert_eq!((&call["name"], &call["arguments"]), (&json!("look"), &json!("{\"q\":\"x\"}")), "{model}");
        let result = json!([{"type": "function_call_output", "call_id": call["call_id"], "output": "found it"}]);
        let body = json!({"model": model, "input": result, "tools": tools, "previous_response_id": first["id"]});
        assert_eq!(answer(&ask(&portunus, &body).await)["status"], "completed", "{model}");
        let sent = sent(&portunus);
        assert!(sent.contains("found it") && sent.contains("look it up"), "{model}: {sent}");
    }
}

#[tokio::test]
async fn a_stored_response_is_shown_listed_and_deleted() {
    let portunus = Portunus::start().await;
    let key = portunus.key.clone();
    let first = answer(&ask(&portunus, &json!({"model": MODELS[0], "input": "one"})).await);
    let second = json!({"model": MODELS[1], "input": [{"role": "user", "content": "two"}, {"role": "user", "content": [{"type": "input_text", "text": "three"}]}], "previous_response_id": first["id"]});
    let second = answer(&ask(&portunus, &second).await);
    let path = format!("{PATH}/{}", second["id"].as_str().unwrap());

    let (_, all) = send(&portunus, Method::GET, &format!("{path}/input_items?order=asc"), &key).await;
    let texts: Vec<&str> =
        all["data"].as_array().unwrap().iter().map(|item| item["content"][0]["text"].as_str().unwrap()).collect();
    assert_eq!((texts[0], texts[2], texts[3], texts.len()), ("one", "two", "three", 4), "{all}");
    let (_, page) = send(&portunus, Method::GET, &format!("{path}/input_items?limit=2"), &key).await;
    assert_eq!((&page["has_more"], &page["data"][0]["content"][0]["text"]), (&json!(true), &json!("three")));
    let after = page["last_id"].as_str().unwrap();
    let (_, rest) = send(&portunus, Method::GET, &format!("{path}/input_items?limit=2&after={after}"), &key).await;
    assert_eq!((&rest["has_more"], &rest["data"][1]["content"][0]["text"]), (&json!(false), &json!("one")));
    assert_eq!(send(&portunus, Method::GET, &format!("{path}/input_items?limit=0"), &key).await.0, 400);

    let (status, refused) = send(&portunus, Method::POST, &format!("{path}/cancel"), &key).await;
    assert_eq!((status, &refused["error"]["message"]), (400, &json!("Cannot cancel a synchronous response.")));
    let (status, deleted) = send(&portunus, Method::DELETE, &path, &key).await;
    assert_eq!((status, deleted), (200, json!({"id": second["id"], "object": "response", "deleted": true})));
    for method in [Method::GET, Method::DELETE] {
        let (status, gone) = send(&portunus, method, &path, &key).await;
        let message = format!("Response with id '{}' not found.", second["id"].as_str().unwrap());
        assert_eq!((status, &gone["error"]["message"]), (404, &json!(message)));
    }
}

#[tokio::test]
async fn another_keys_response_is_as_unknown_as_none() {
    let portunus = Portunus::start().await;
    let (_, stranger) = portunus.key_with(|_| {}).await;
    let mine = answer(&ask(&portunus, &json!({"model": MODELS[0], "input": "my secret"})).await);
    let id = mine["id"].as_str().unwrap();
    for path in [format!("{PATH}/{id}"), format!("{PATH}/{id}/input_items")] {
        assert_eq!(send(&portunus, Method::GET, &path, &stranger).await.0, 404);
    }
    assert_eq!(send(&portunus, Method::DELETE, &format!("{PATH}/{id}"), &stranger).await.0, 404);
    assert_eq!(send(&portunus, Method::GET, &format!("{PATH}/{id}"), "sk-ptn-none").await.0, 401);
    for previous in [id, "resp_none", "resp_../KEYS", "chatcmpl-1"] {
        let body = json!({"model": MODELS[0], "input": "go on", "previous_response_id": previous}).to_string();
        let reply = portunus.send(PATH, &body, &[("authorization", &format!("Bearer {stranger}"))]).await;
        let error = &reply.json()["error"];
        assert_eq!((reply.status, &error["code"]), (400, &json!("previous_response_not_found")), "{error}");
    }
    assert_eq!(portunus.upstream.requests().len(), 1);
    assert_eq!(send(&portunus, Method::GET, &format!("{PATH}/{id}"), &portunus.key).await.0, 200);
}

#[tokio::test]
async fn what_is_not_to_be_stored_is_not() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let reply = answer(&ask(&portunus, &json!({"model": model, "input": "hi", "store": false})).await);
        let id = reply["id"].as_str().unwrap();
        assert_eq!(send(&portunus, Method::GET, &format!("{PATH}/{id}"), &portunus.key).await.0, 404, "{model}");
        let body = json!({"model": model, "input": "go on", "previous_response_id": id});
        assert_eq!(ask(&portunus, &body).await.status, 400, "{model}");
    }
}

#[tokio::test]
async fn references_to_what_an_answer_said_are_resolved() {
    let portunus = Portunus::start().await;
    let first = answer(&ask(&portunus, &json!({"model": MODELS[1], "input": "remember blue"})).await);
    let reference = json!({"type": "item_reference", "id": first["output"][0]["id"]});
    let input = json!([{"role": "user", "content": "remember blue"}, reference, {"role": "user", "content": "and?"}]);
    let body = json!({"model": MODELS[2], "input": input});
    assert_eq!(ask(&portunus, &body).await.status, 200);
    let texts = sent(&portunus);
    assert_eq!(texts.matches("remember blue").count(), 2, "{texts}");
    let unknown = json!([{"role": "user", "content": "x"}, {"type": "item_reference", "id": "msg_none_0"}]);
    let refused = ask(&portunus, &json!({"model": MODELS[1], "input": unknown})).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("Item with id 'msg_none_0' not found"), "{}", refused.text());
}

#[tokio::test]
async fn what_would_outlive_its_call_is_refused() {
    let portunus = Portunus::start().await;
    for (field, value) in [("background", json!(true)), ("conversation", json!("conv_1"))] {
        let mut body = json!({"model": MODELS[0], "input": "hi"});
        body[field] = value;
        let reply = ask(&portunus, &body).await;
        assert_eq!((reply.status, &reply.json()["error"]["param"]), (400, &json!(field)));
    }
    let templated = json!({"model": MODELS[1], "prompt": {"id": "pmpt_1"}});
    assert_eq!(ask(&portunus, &templated).await.json()["error"]["param"], "prompt");
    assert!(portunus.upstream.requests().is_empty());
}

#[tokio::test]
async fn s4_a_stream_that_fails_says_so_in_the_wires_own_events() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        portunus.script(vec![Plan::text("one two three four five six").cut(CutHow::Reset, At::Event(6))]);
        let reply = ask(&portunus, &json!({"model": model, "input": "hi", "stream": true})).await;
        let events = events(&reply);
        let [.., error, failed] = events.as_slice() else { panic!("{model}: {events:?}") };
        assert_eq!((&error["type"], &error["code"]), (&json!("error"), &json!("upstream_truncated")), "{model}");
        assert_eq!((&failed["type"], &failed["response"]["status"]), (&json!("response.failed"), &json!("failed")));
        assert_eq!(failed["response"]["id"], events[0]["response"]["id"], "{model}");
        let id = failed["response"]["id"].as_str().unwrap();
        assert_eq!(send(&portunus, Method::GET, &format!("{PATH}/{id}"), &portunus.key).await.0, 404, "{model}");
    }
}

#[tokio::test]
async fn input_tokens_are_counted_or_estimated() {
    let portunus = Portunus::start().await;
    let uncounted = "up-cohere/command-a-03-2025";
    for model in MODELS.into_iter().chain([uncounted]) {
        let reply = portunus
            .post("/v1/responses/input_tokens", &json!({"model": model, "input": "how many are these?"}).to_string())
            .await;
        assert_eq!(reply.status, 200, "{model}: {}", reply.text());
        let body = reply.json();
        assert_eq!(body["object"], "response.input_tokens");
        assert!(body["input_tokens"].as_u64().unwrap() > 0);
        assert_eq!(reply.header("x-portunus-usage-source") == "estimated", model == uncounted, "{model}");
    }
}

#[tokio::test]
async fn equal_wires_pass_every_field_unchanged() {
    let portunus = Portunus::start().await;
    let body = r#"{"zeta":[],"model":"up-openai/gpt-4o","input":[{"role":"user","content":[{"type":"input_text", "text":"hi"}]}],"temperature":0.70,"store":false}"#;
    portunus.script(vec![Plan::json(200, &json!({"id": "resp_theirs", "object": "response", "status": "completed", "output": [], "future": 1.5, "usage": {"input_tokens": 3, "output_tokens": 1, "total_tokens": 4}}))]);
    let reply = portunus.post(PATH, body).await;
    assert_eq!(sent(&portunus), body.replace("up-openai/gpt-4o", "gpt-4o"));
    let answer = reply.json();
    assert_eq!(answer["future"], 1.5);
    assert_eq!(answer["id"], reply.call().as_str().replace("call_", "resp_"));
}

/// What Codex CLI sends in the second turn of a task.
fn codex(model: &str) -> Value {
    json!({
        "model": model,
        "instructions": "You are Codex, based on GPT-5. You are running as a coding agent in the Codex CLI.",
        "input": [
            {"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions instructions>"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "<environment_context>"}]},
            {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "fix the bug"}]},
            {"type": "reasoning", "summary": [{"type": "summary_text", "text": "**Looking**"}], "content": null, "encrypted_content": "gAAAAABo"},
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": "I will look."}], "phase": "commentary"},
            {"type": "function_call", "name": "shell", "arguments": "{\"command\":[\"ls\"]}", "call_id": "call_1"},
            {"type": "custom_tool_call", "status": "completed", "call_id": "call_2", "name": "apply_patch", "input": "*** Begin Patch\n*** End Patch"},
            {"type": "function_call_output", "call_id": "call_1", "output": "{\"output\":\"main.rs\",\"metadata\":{\"exit_code\":0}}"},
            {"type": "custom_tool_call_output", "call_id": "call_2", "output": "Success"}
        ],
        "tools": [
            {"type": "function", "name": "shell", "description": "Runs a command", "strict": false, "parameters": {"type": "object", "properties": {"command": {"type": "array", "items": {"type": "string"}}}, "required": ["command"], "additionalProperties": false}},
            {"type": "custom", "name": "apply_patch", "description": "Edits files", "format": {"type": "grammar", "syntax": "lark", "definition": "start: begin_patch hunk+ end_patch"}},
            {"type": "web_search", "external_web_access": false}
        ],
        "tool_choice": "auto",
        "parallel_tool_calls": false,
        "reasoning": {"effort": "medium", "summary": "auto"},
        "store": false,
        "stream": true,
        "include": ["reasoning.encrypted_content"],
        "prompt_cache_key": "0198c2f1-0000-7000-8000-000000000000",
        "text": {"verbosity": "medium"}
    })
}

#[tokio::test]
async fn what_codex_sends_works_on_every_provider() {
    let portunus = Portunus::start().await;
    for model in MODELS {
        let reply = ask(&portunus, &codex(model)).await;
        let answer = answer(&reply);
        assert_eq!((&answer["status"], &answer["store"]), (&json!("completed"), &json!(false)), "{model}");
        let sent = sent(&portunus);
        for said in ["You are Codex", "fix the bug", "I will look.", "main.rs", "Begin Patch", "apply_patch", "Success"]
        {
            assert!(sent.contains(said), "{model} was not told {said:?}: {sent}");
        }
    }
}

#[tokio::test]
async fn a_free_form_tool_is_called_as_one_on_every_provider() {
    let portunus = Portunus::start().await;
    let patch = "*** Begin Patch\n*** Add File: a\n+\"x\"\n*** End Patch";
    for model in &MODELS[1..] {
        let arguments = json!({ "input": patch }).to_string();
        for stream in [true, false] {
            let call = Generated {
                tool: Some("apply_patch".into()),
                arguments: Some(arguments.clone()),
                ..Generated::default()
            };
            portunus.script(vec![Plan::answering(Answer::Generated(call))]);
            let mut body = codex(model);
            body["stream"] = json!(stream);
            let reply = ask(&portunus, &body).await;
            let answer = answer(&reply);
            let call = answer["output"].as_array().unwrap().iter().find(|item| item["type"] == "custom_tool_call");
            let call = call.unwrap_or_else(|| panic!("{model}: {answer}"));
            assert_eq!((&call["name"], &call["input"]), (&json!("apply_patch"), &json!(patch)), "{model}");
            if stream {
                let done =
                    events(&reply).into_iter().find(|event| event["type"] == "response.custom_tool_call_input.done");
                assert_eq!(done.unwrap()["input"], patch);
            }
        }
    }
}
