//! Who gets in, and what may be sent.

use crate::world::{ADMIN_KEY, World};
use admin::http::{ClientIp, route::routes};
use axum::body::Body;
use http::{Method, Request};
use serde_json::json;

fn path(template: &[&str]) -> String {
    format!("/admin/v1/{}", template.join("/").replace("{id}", "key_0000000000000000"))
}

#[tokio::test]
async fn r1_every_route_refuses_a_caller_without_a_credential() {
    let world = World::new().await;
    for (n, route) in routes().enumerate() {
        let request = world.bare(route.method.clone(), &path(route.template));
        let request = request.extension(ClientIp(format!("192.0.2.{n}"))).body(Body::empty()).unwrap();
        let answer = world.send(request).await;
        assert_eq!((answer.status, answer.code()), (401, "invalid_api_key"), "{route:?}");
    }
}

#[tokio::test]
async fn r1_every_route_refuses_a_virtual_key() {
    let world = World::new().await;
    let secret = world.create(json!({ "name": "ci" })).await["key"].as_str().unwrap().to_owned();
    for (n, route) in routes().enumerate() {
        let request = world.bare(route.method.clone(), &path(route.template)).header("x-api-key", &secret);
        let request = request.extension(ClientIp(format!("192.0.2.{n}"))).body(Body::empty()).unwrap();
        assert_eq!(world.send(request).await.status, 401, "{route:?}");
    }
}

#[tokio::test]
async fn r1_every_route_lets_the_admin_key_pass_in_either_header() {
    let world = World::new().await;
    for route in routes() {
        for (name, value) in [("authorization", format!("Bearer {ADMIN_KEY}")), ("x-api-key", ADMIN_KEY.to_owned())] {
            let request = world.bare(route.method.clone(), &path(route.template)).header(name, value);
            let answer = world.send(request.body(Body::empty()).unwrap()).await;
            assert!(![401, 403, 405, 429, 500, 503].contains(&answer.status), "{route:?} {}", answer.text);
        }
    }
}

#[tokio::test]
async fn what_is_not_in_the_table_is_404_and_another_method_405() {
    let world = World::new().await;
    for path in ["/admin", "/admin/v1", "/admin/v1/secrets", "/admin/v1/keys/a/b/c", "/admin/v1/keys/%2e%2e"] {
        let answer = world.get(path).await;
        assert_eq!((answer.status, answer.code()), (404, "unknown_url"), "{path}");
    }
    let answer = world.call(Method::PUT, "/admin/v1/keys", None).await;
    assert_eq!((answer.status, answer.code()), (405, "method_not_allowed"));
}

#[tokio::test]
async fn k8_the_eleventh_failed_login_of_a_minute_is_429_and_the_right_key_still_passes() {
    let world = World::new().await;
    let attempt = |key: &'static str, ip: &'static str| {
        let request = world.bare(Method::GET, "/admin/v1/keys").header("x-api-key", key);
        request.extension(ClientIp(ip.to_owned())).body(Body::empty()).unwrap()
    };
    for _ in 0..10 {
        assert_eq!(world.send(attempt("wrong", "192.0.2.1")).await.status, 401);
    }
    let refused = world.send(attempt("wrong", "192.0.2.1")).await;
    assert_eq!((refused.status, refused.code(), refused.header("retry-after")), (429, "rate_limit_exceeded", "60"));
    assert_eq!(world.send(attempt("wrong", "192.0.2.2")).await.status, 401);
    assert_eq!(world.send(attempt(ADMIN_KEY, "192.0.2.1")).await.status, 200);
    world.clock.advance_millis(60_000);
    assert_eq!(world.send(attempt("wrong", "192.0.2.1")).await.status, 401);
}

#[tokio::test]
async fn k8_a_key_in_the_query_string_is_no_credential() {
    let world = World::new().await;
    let request = world.bare(Method::GET, &format!("/admin/v1/models?key={ADMIN_KEY}")).body(Body::empty()).unwrap();
    assert_eq!(world.send(request).await.status, 401);
}

#[tokio::test]
async fn i3_a_body_is_plain_json_or_415() {
    let world = World::new().await;
    let typed = |name: &'static str, value: &'static str| {
        let request = world.bare(Method::POST, "/admin/v1/keys").header("x-api-key", ADMIN_KEY).header(name, value);
        request.body(Body::from(r#"{"name": "a"}"#)).unwrap()
    };
    for value in ["text/plain", "application/x-www-form-urlencoded", "application/jsonp"] {
        assert_eq!(world.send(typed("content-type", value)).await.status, 415, "{value}");
    }
    let mut compressed = typed("content-type", "application/json");
    compressed.headers_mut().insert("content-encoding", "gzip".parse().unwrap());
    assert_eq!(world.send(compressed).await.code(), "unsupported_media_type");
    assert_eq!(world.send(typed("content-type", "application/json; charset=utf-8")).await.status, 201);
}

#[tokio::test]
async fn i1_a_body_over_64_kib_is_413_also_without_a_length() {
    let world = World::new().await;
    let large = format!(r#"{{"name": "{}"}}"#, "a".repeat(64 << 10));
    let chunks = large.into_bytes().chunks(4096).map(<[u8]>::to_vec).map(Ok::<_, std::io::Error>).collect::<Vec<_>>();
    let body = Body::from_stream(futures::stream::iter(chunks));
    let request = world.bare(Method::POST, "/admin/v1/keys").header("x-api-key", ADMIN_KEY);
    let answer = world.send(request.header("content-type", "application/json").body(body).unwrap()).await;
    assert_eq!((answer.status, answer.code()), (413, "request_too_large"));
}

#[tokio::test]
async fn bad_json_is_400_with_line_and_column() {
    let world = World::new().await;
    let answer = world.post_text("/admin/v1/keys", "{\n  \"name\": \"a\",\n}").await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_request_error"));
    assert!(answer.json["error"]["message"].as_str().unwrap().contains("line 3 column 1"), "{}", answer.text);
    assert_eq!(world.post_text("/admin/v1/keys", r#"{"name": "a", "name": "b"}"#).await.code(), "duplicate_key");
    assert_eq!(world.post_text("/admin/v1/keys", r#"{"name": "\ud800"}"#).await.status, 400);
}

#[tokio::test]
async fn every_answer_says_which_request_it_was_and_is_not_to_be_kept() {
    let world = World::new().await;
    for request in [world.authorised(Method::GET, "/admin/v1/models"), Request::get("/admin/v1/models")] {
        let answer = world.send(request.body(Body::empty()).unwrap()).await;
        assert!(answer.header("x-request-id").starts_with("req_") && answer.header("x-request-id").len() == 28);
        assert_eq!((answer.header("cache-control"), answer.header("x-content-type-options")), ("no-store", "nosniff"));
    }
}
