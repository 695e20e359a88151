//! Whatever a client sends: a clear error in its own dialect, nothing sent on, nothing held, nothing charged.

use harness::{Portunus, chat, converse, converse_path, message};

/// Refused before anything was sent.
async fn refused(portunus: &Portunus, path: &str, body: &str, status: u16, says: &str) {
    let reply = portunus.post(path, body).await;
    assert_eq!(reply.status, status, "{path} {body}\n{}", reply.text());
    assert!(reply.text().contains(says), "{} does not say {says:?}", reply.text());
    assert!(portunus.upstream.requests().is_empty(), "something was sent upstream");
}

#[tokio::test]
async fn i4_i6_i7_what_is_not_strict_json_is_refused_with_its_place() {
    let portunus = Portunus::start().await;
    for (body, says) in [
        ("", "invalid JSON"),
        ("{", "line 1 column 2"),
        ("[]", "expected an object"),
        (r#"{"model":"a","model":"b","messages":[]}"#, "duplicate_key"),
        (r#"{"model":"echo","mod\u0065l":"b","messages":[]}"#, "duplicate_key"),
        (r#"{"model":"echo","messages":[{"role":"user","role":"system","content":"x"}]}"#, "duplicate_key"),
        (r#"{"model":"echo","messages":[{"role":"user","content":"\ud800"}]}"#, "surrogate"),
        (r#"{"model":"echo","messages":[{"role":"user","content":"\u0000"}]}"#, "NUL"),
        (r#"{"model":"echo","messages":[]} x"#, "bytes after the end"),
    ] {
        refused(&portunus, "/v1/chat/completions", body, 400, says).await;
    }
}

#[tokio::test]
async fn i5_wrong_types_are_refused_with_the_path_of_the_field() {
    let portunus = Portunus::start().await;
    for (field, value) in [
        ("max_tokens", "1e3"),
        ("max_tokens", "\"100\""),
        ("max_tokens", "1.5"),
        ("max_tokens", "-1"),
        ("n", "17"),
        ("n", "0"),
        ("stream", "\"yes\""),
    ] {
        let body = format!(
            r#"{{"model":"up-openai/gpt-4o","{field}":{value},"messages":[{{"role":"user","content":"hi"}}]}}"#
        );
        refused(&portunus, "/v1/chat/completions", &body, 400, field).await;
    }
    refused(&portunus, "/v1/chat/completions", r#"{"messages":[{"role":"user","content":"hi"}]}"#, 400, "model").await;
    refused(
        &portunus,
        "/v1/chat/completions",
        r#"{"model":7,"messages":[{"role":"user","content":"hi"}]}"#,
        400,
        "model",
    )
    .await;
}

#[tokio::test]
async fn m3_caps_that_disagree_are_refused() {
    let portunus = Portunus::start().await;
    let body = r#"{"model":"up-openai/gpt-4o","max_tokens":5,"max_completion_tokens":6,"messages":[{"role":"user","content":"hi"}]}"#;
    refused(&portunus, "/v1/chat/completions", body, 400, "max_completion_tokens").await;
}

#[tokio::test]
async fn e1_a_request_cannot_say_where_it_goes_or_what_it_costs() {
    let portunus = Portunus::start().await;
    for field in ["api_base", "base_url", "api_key", "custom_host", "input_cost_per_token"] {
        let body =
            format!(r#"{{"model":"up-openai/gpt-4o","{field}":"x","messages":[{{"role":"user","content":"hi"}}]}}"#);
        refused(&portunus, "/v1/chat/completions", &body, 400, "forbidden_parameter").await;
    }
}

#[tokio::test]
async fn unknown_models_and_paths_are_404_in_the_callers_dialect() {
    let portunus = Portunus::start().await;
    refused(&portunus, "/v1/chat/completions", &chat("nobody", "hi", false), 404, "model_not_found").await;
    refused(&portunus, "/v1/messages", &message("nobody", "hi", false), 404, "not_found_error").await;
    let reply = portunus.post(&converse_path("nobody", false), &converse("hi")).await;
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (404, "ResourceNotFoundException"));
    assert!(reply.json()["message"].as_str().unwrap().contains("nobody"));
    let reply = portunus.post("/v1/nothing", "{}").await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (404, Some("unknown_url")));
}

#[tokio::test]
async fn no_and_wrong_credentials_are_one_401_in_the_callers_dialect() {
    let portunus = Portunus::start().await;
    let body = chat("up-openai/gpt-4o", "hi", false);
    let mut bodies = Vec::new();
    for headers in [vec![], vec![("authorization", "Bearer sk-ptn-wrong")], vec![("x-api-key", "nonsense")]] {
        let reply = portunus.send("/v1/chat/completions", &body, &headers).await;
        assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (401, Some("invalid_api_key")));
        bodies.push(reply.text());
    }
    assert!(bodies.windows(2).all(|pair| pair[0] == pair[1]), "K3: bodies differ: {bodies:?}");
    let reply = portunus.send("/v1/messages", &message("echo", "hi", false), &[]).await;
    assert_eq!((reply.status, reply.json()["error"]["type"].as_str()), (401, Some("authentication_error")));
    let reply = portunus.send(&converse_path("echo", false), &converse("hi"), &[]).await;
    assert_eq!((reply.status, reply.header("x-amzn-errortype")), (401, "UnrecognizedClientException"));
}

#[tokio::test]
async fn k7_k8_two_keys_or_one_in_the_query_are_401() {
    let portunus = Portunus::start().await;
    let (bearer, body) = (format!("Bearer {}", portunus.key), chat("up-openai/gpt-4o", "hi", false));
    let two = [("authorization", bearer.as_str()), ("x-api-key", "sk-ptn-other")];
    assert_eq!(portunus.send("/v1/chat/completions", &body, &two).await.status, 401);
    let same = [("authorization", bearer.as_str()), ("x-api-key", portunus.key.as_str())];
    assert_eq!(portunus.send("/v1/chat/completions", &body, &same).await.status, 200);
    let path = format!("/v1/chat/completions?key={}", portunus.key);
    assert_eq!(portunus.send(&path, &body, &[]).await.status, 401);
}

#[tokio::test]
async fn k8_the_eleventh_bad_key_of_a_minute_is_429_and_a_good_one_still_passes() {
    let portunus = Portunus::start().await;
    let body = chat("up-openai/gpt-4o", "hi", false);
    let mut statuses = Vec::new();
    for n in 0..12 {
        let bad = format!("sk-ptn-bad{n}");
        statuses.push(portunus.send("/v1/chat/completions", &body, &[("x-api-key", &bad)]).await.status);
    }
    assert_eq!(statuses[..10], [401; 10]);
    assert_eq!(statuses[10..], [429; 2]);
    assert_eq!(portunus.post("/v1/chat/completions", &body).await.status, 200);
}

#[tokio::test]
async fn i3_only_plain_json_is_taken() {
    let portunus = Portunus::start().await;
    for (name, value) in [("content-type", "text/plain"), ("content-encoding", "gzip")] {
        let mut request = portunus.request(http::Method::POST, "/v1/chat/completions").bearer_auth(&portunus.key);
        if name != "content-type" {
            request = request.header("content-type", "application/json");
        }
        let reply = request.header(name, value).body(chat("up-openai/gpt-4o", "hi", false)).send().await.unwrap();
        assert_eq!(reply.status().as_u16(), 415, "{name}");
    }
}

#[tokio::test]
async fn i1_too_large_bodies_headers_and_urls_are_refused() {
    let portunus = Portunus::start().await;
    let large = chat("up-openai/gpt-4o", &"x".repeat(5 << 20), false);
    refused(&portunus, "/v1/chat/completions", &large, 413, "request_too_large").await;
    let bearer = format!("Bearer {}", portunus.key);
    let value = "v".repeat(9 << 10);
    let reply =
        portunus.send("/v1/chat/completions", "{}", &[("authorization", bearer.as_str()), ("x-long", &value)]).await;
    assert_eq!(reply.status, 431);
    let path = format!("/v1/chat/completions?{}", "q".repeat(9 << 10));
    assert_eq!(portunus.post(&path, "{}").await.status, 414);
}

#[tokio::test]
async fn the_wrong_method_is_405() {
    let portunus = Portunus::start().await;
    assert_eq!(portunus.get("/v1/chat/completions").await.status, 405);
}
