//! An admin API whose people come with tokens, in the roles that they say.

use crate::world::{Answer, World, start};
use axum::body::Body;
use base64::{Engine, engine::general_purpose::URL_SAFE_NO_PAD};
use domain::role::Role;
use http::Method;
use ring::{
    rand::SystemRandom,
    signature::{Ed25519KeyPair, KeyPair},
};
use serde_json::{Value, json};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpListener,
};

/// An admin API whose people come with tokens.
pub struct Office {
    pub world: World,
    key: Ed25519KeyPair,
    /// What is in force, as text.
    pub text: String,
}

impl Office {
    #[allow(clippy::disallowed_methods, reason = "a server of a test runs beside the test")]
    pub async fn open() -> Self {
        let made = Ed25519KeyPair::generate_pkcs8(&SystemRandom::new()).unwrap();
        let key = Ed25519KeyPair::from_pkcs8(made.as_ref()).unwrap();
        let jwk = json!({ "kty": "OKP", "crv": "Ed25519", "kid": "k", "x": URL_SAFE_NO_PAD.encode(key.public_key()) });
        let body = json!({ "keys": [jwk] }).to_string();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            while let Ok((mut stream, _)) = listener.accept().await {
                let _ = stream.read(&mut [0; 4096]).await;
                let head = format!("HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: {}\r\n\r\n", body.len());
                let _ = stream.write_all(format!("{head}{body}").as_bytes()).await;
            }
        });
        let roles = Role::ALL.map(|role| format!("{role}: {role}")).join(", ");
        let text = format!(
            "egress: {{ allow: [\"{address}\"] }}\nidentity:\n  jwt:\n    - issuer: https://issuer.example\n      \
             audience: portunus\n      jwks_url: http://{address}/keys\n      algorithms: [EdDSA]\n      \
             claims: {{ team: team, roles: roles }}\n      roles: {{ {roles} }}\n      models: [gpt-4*]\n"
        );
        let config = config::load("p.yaml", &text, &config::ProcessEnv).unwrap();
        Self { world: World::configured(config).await, key, text }
    }

    pub fn token(&self, user: &str, team: &str, role: &str) -> String {
        let now = start().secs();
        let claims = json!({ "iss": "https://issuer.example", "aud": "portunus", "sub": user, "team": team,
            "roles": [role], "iat": now, "exp": now + 3_600 });
        let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let signed = format!("{}.{}", encode(&json!({ "alg": "EdDSA", "kid": "k" })), encode(&claims));
        format!("{signed}.{}", URL_SAFE_NO_PAD.encode(self.key.sign(signed.as_bytes())))
    }

    /// Asks as somebody: `ann of a as team_admin`.
    pub async fn ask(&self, who: &str, method: Method, path: &str, body: Option<Value>) -> Answer {
        let words: Vec<&str> = who.split(' ').collect();
        let [user, _, team, _, role] = words.as_slice() else { panic!("{who}") };
        let request = self.world.bare(method, path).header("x-api-key", self.token(user, team, role));
        let request = request.header("content-type", "application/json");
        let body = body.map_or_else(Body::empty, |body| Body::from(body.to_string()));
        self.world.send(request.body(body).unwrap()).await
    }

    pub async fn make_key(&self, who: &str, body: Value) -> Answer {
        self.ask(who, Method::POST, "/admin/v1/keys", Some(body)).await
    }

    pub async fn names(&self, who: &str) -> Vec<String> {
        let answer = self.ask(who, Method::GET, "/admin/v1/keys", None).await;
        let keys = answer.json["data"].as_array().unwrap().clone();
        let mut names: Vec<String> = keys.iter().map(|key| key["name"].as_str().unwrap().to_owned()).collect();
        names.sort();
        names
    }
}
