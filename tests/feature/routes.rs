//! The route table, and where providers may be.

use gateway::http::route::{ROUTES, Route, Scope};
use harness::{Portunus, Setup, chat};

/// A path that fits a row of the table.
fn path_of(template: &[&str]) -> String {
    template.iter().map(|part| format!("/{}", part.replace("{}", "echo").replace("{_}", "any"))).collect()
}

#[tokio::test]
async fn r1_every_route_that_is_not_public_refuses_a_caller_without_a_key_in_its_own_words() {
    let mut public = Vec::new();
    // Ten wrong keys a minute are answered from one address; so many gateways are asked.
    for routes in ROUTES.chunks(8) {
        let portunus = Portunus::start().await;
        public.extend(public_ones(&portunus, routes).await);
        assert!(portunus.upstream.requests().is_empty());
    }
    assert_eq!(public, ["/openapi.json", "/health", "/health/live", "/health/ready"]);
}

/// Asks every one of these routes with no key, a wrong one and a good one; the paths of those that need none.
async fn public_ones(portunus: &Portunus, routes: &[Route]) -> Vec<String> {
    let mut public = Vec::new();
    for route in routes {
        let path = path_of(route.template);
        let ask = async |key: Option<&str>| {
            let mut request = portunus.request(route.method.clone(), &path);
            if route.method == http::Method::POST {
                request = request.header("content-type", "application/json").body("{}");
            }
            if let Some(key) = key {
                request = request.header("x-api-key", key);
            }
            let response = request.send().await.unwrap();
            let (status, headers) = (response.status().as_u16(), response.headers().clone());
            let body = response.bytes().await.unwrap();
            (status, headers, serde_json::from_slice::<serde_json::Value>(&body).unwrap_or_default())
        };
        if route.scope == Scope::Public {
            assert_eq!(ask(None).await.0, 200, "{path}");
            public.push(path);
            continue;
        }
        for key in [None, Some("sk-ptn-nobody")] {
            let (status, headers, body) = ask(key).await;
            assert_eq!(status, 401, "{path} {body}");
            let said = match route.api.dialect() {
                domain::Dialect::Anthropic => body["error"]["type"] == "authentication_error",
                domain::Dialect::Bedrock => headers["x-amzn-errortype"] == "UnrecognizedClientException",
                domain::Dialect::Cohere => body["message"].is_string(),
                domain::Dialect::Gemini => body["error"]["status"] == "UNAUTHENTICATED",
                domain::Dialect::OpenAi => body["error"]["code"] == "invalid_api_key",
            };
            assert!(said, "{path}: {headers:?} {body}");
        }
        let (status, _, body) = ask(Some(&portunus.key)).await;
        assert!(![401, 403].contains(&status), "{path}: {status} {body}");
    }
    public
}

#[tokio::test]
async fn e2_e4_a_provider_at_an_address_nobody_allowed_is_not_dialled() {
    let portunus = Setup::default().without_egress().start().await;
    for model in harness::MODELS {
        for stream in [false, true] {
            let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some("5".parse().unwrap())).await;
            let reply =
                portunus.send("/v1/chat/completions", &chat(model, "hi", stream), &[("x-api-key", &secret)]).await;
            assert_eq!(reply.status, 502, "{model}: {}", reply.text());
            assert!(reply.text().contains("egress.allow"), "{model} does not say what to do: {}", reply.text());
            assert!(!reply.text().contains("127.0.0.1"), "{model}: {}", reply.text());
            assert_eq!(portunus.spend(&key).await, (domain::Usd::ZERO, domain::Usd::ZERO), "{model}");
        }
    }
    assert!(portunus.upstream.requests().is_empty(), "a connection was made");
}

#[tokio::test]
async fn i8_a_host_that_is_not_served_is_refused() {
    let portunus = Portunus::start_with("allowed_hosts: [gate.example]\n").await;
    let ask = async |host: &str| {
        let request = portunus.request(http::Method::GET, "/v1/models").bearer_auth(&portunus.key);
        request.header("host", host).send().await.unwrap().status().as_u16()
    };
    assert_eq!((ask("gate.example").await, ask("gate.example:8080").await, ask("GATE.example").await), (200, 200, 200));
    for host in ["evil.example", "gate.example.evil.example", "gate.example@evil", "127.0.0.1", ""] {
        assert_eq!(ask(host).await, 400, "{host}");
    }
}
