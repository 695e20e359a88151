//! Callers without a key of ours: tokens of an identity provider, from the first header to the record of the call; and
//! keys that are good from some places or for some operations only.

use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::group::{Group, GroupKind};
use gateway::http::ClientIp;
use harness::{Portunus, Setup};
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

const CHAT: &str =
    r#"{"model": "up-openai/gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}"#;

/// An identity provider: one key, one address to read it from.
struct Issuer {
    key: Ed25519KeyPair,
    address: std::net::SocketAddr,
}

impl Issuer {
    #[allow(clippy::disallowed_methods, reason = "a server of a test runs beside the test")]
    async fn start() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": URL_SAFE_NO_PAD.encode(key.public_key()) });
        let body = json!({ "keys": [jwk] }).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let mut asked = [0; 4096];
                let _ = stream.read(&mut asked).await;
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        Self { key, address }
    }

    /// A gateway that knows this issuer, with these further lines about it.
    async fn gateway(&self, more: &str) -> Portunus {
        let text = format!(
            "identity:\n  jwt:\n    - issuer: https://issuer.example\n      audience: portunus\n      \
             jwks_url: http://{}/keys\n      algorithms: [EdDSA]\n      claims: {{ team: team }}\n{more}",
            self.address
        );
        Setup::default().allow(self.address).with(&text).start().await
    }

    fn token(&self, portunus: &Portunus, more: Value) -> String {
        let now = portunus.clock.now().secs();
        let mut claims =
            json!({ "iss": "https://issuer.example", "aud": "portunus", "sub": "ann", "iat": now, "exp": now + 600 });
        claims.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        let header = json!({ "alg": "EdDSA", "kid": "k" });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&header), encode(&claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes())))
    }
}

async fn chat(portunus: &Portunus, credential: &str) -> harness::Reply {
    portunus.send("/v1/chat/completions", CHAT, &[("authorization", &format!("Bearer {credential}"))]).await
}

#[tokio::test]
async fn a_token_calls_models_and_its_calls_are_recorded_under_one_id() {
    let issuer = Issuer::start().await;
    let portunus = issuer.gateway("      models: [up-openai/*]\n").await;
    let first = chat(&portunus, &issuer.token(&portunus, json!({ "team": "t1" }))).await;
    assert_eq!(first.status, 200, "{}", first.text());
    let record = portunus.record(&first.call()).await;
    assert_eq!((record.user_id.as_deref(), record.team_id.as_deref()), (Some("ann"), Some("t1")));
    let elsewhere = CHAT.replace("up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5");
    let token = issuer.token(&portunus, json!({}));
    let reply = portunus.send("/v1/chat/completions", &elsewhere, &[("x-api-key", &token)]).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (403, Some("model_not_allowed")));
}

#[tokio::test]
async fn j5_without_models_only_users_of_a_group_that_exists_may_call_anything() {
    let issuer = Issuer::start().await;
    let portunus = issuer.gateway("").await;
    let token = issuer.token(&portunus, json!({ "team": "known", "n": 1 }));
    let before = chat(&portunus, &token).await;
    assert_eq!((before.status, before.json()["error"]["code"].as_str()), (403, Some("model_not_allowed")));
    let mut team = Group::named(GroupKind::Team, "known", "known", portunus.clock.now());
    team.allowed.models = vec!["up-openai/gpt-4o".to_owned()];
    portunus.keys.groups().create(&team).await.unwrap();
    let other = issuer.token(&portunus, json!({ "team": "known", "n": 2 }));
    assert_eq!(chat(&portunus, &other).await.status, 200);
}

#[tokio::test]
async fn j5_a_service_account_calls_with_its_keys_and_not_with_a_token_that_names_it() {
    let issuer = Issuer::start().await;
    let portunus = issuer.gateway("      models: [\"*\"]\n").await;
    let mut account = Group::named(GroupKind::User, "nightly", "nightly", portunus.clock.now());
    account.is_service_account = true;
    portunus.keys.groups().create(&account).await.unwrap();
    assert_eq!(chat(&portunus, &issuer.token(&portunus, json!({ "sub": "nightly" }))).await.status, 401);
    assert_eq!(chat(&portunus, &issuer.token(&portunus, json!({ "sub": "ann" }))).await.status, 200);
}

#[tokio::test]
async fn j2_a_spoilt_token_is_answered_like_any_bad_key() {
    let issuer = Issuer::start().await;
    let portunus = issuer.gateway("      models: [\"*\"]\n").await;
    let token = issuer.token(&portunus, json!({}));
    let bad_key = chat(&portunus, "sk-nobody-knows-this-key-at-all-000").await;
    for spoilt in [
        format!("{token}A"),
        issuer.token(&portunus, json!({ "aud": "other" })),
        issuer.token(&portunus, json!({ "exp": 1 })),
    ] {
        let reply = chat(&portunus, &spoilt).await;
        assert_eq!((reply.status, reply.json()), (401, bad_key.json()));
    }
}

#[tokio::test]
async fn a_budget_of_the_team_binds_the_holder_of_a_token() {
    let issuer = Issuer::start().await;
    let portunus = issuer.gateway("      models: [\"*\"]\n").await;
    let mut team = Group::named(GroupKind::Team, "poor", "poor", portunus.clock.now());
    team.limits.max_budget = Some(domain::Usd::from_pico(1));
    portunus.keys.groups().create(&team).await.unwrap();
    let reply = chat(&portunus, &issuer.token(&portunus, json!({ "team": "poor" }))).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (402, Some("budget_exceeded")));
}

#[tokio::test]
async fn h4_a_key_is_good_only_where_its_list_says_by_the_edges_word() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.allowed.networks = vec!["192.0.2.0/24".parse().unwrap()]).await;
    let from = |ip: Option<&str>| {
        let (ip, portunus, secret) = (ip.map(str::to_owned), &portunus, secret.clone());
        async move {
            let mut request = http::Request::post("/v1/chat/completions")
                .header("content-type", "application/json")
                .header("authorization", format!("Bearer {secret}"))
                .header("x-forwarded-for", "192.0.2.1");
            if let Some(ip) = ip {
                request = request.extension(ClientIp(ip));
            }
            let request = request.body(axum::body::Body::from(CHAT)).unwrap();
            tower::ServiceExt::oneshot(portunus.app.clone(), request).await.unwrap().status().as_u16()
        }
    };
    assert_eq!(from(Some("192.0.2.77")).await, 200);
    for elsewhere in [Some("198.51.100.1"), Some("::1"), Some("192.0.2"), None] {
        assert_eq!(from(elsewhere).await, 403, "{elsewhere:?}");
    }
}

#[tokio::test]
async fn a_key_is_good_only_for_the_operations_on_its_list() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.allowed.routes = vec!["/v1/messages".into(), "models".into()]).await;
    let reply = chat(&portunus, &secret).await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (403, Some("permission_denied")));
    let messages = CHAT.replace("up-openai/gpt-4o", "up-anthropic/claude-sonnet-4-5");
    let allowed = portunus.send("/v1/messages", &messages, &[("x-api-key", &secret)]).await;
    assert_eq!(allowed.status, 200, "{}", allowed.text());
}
