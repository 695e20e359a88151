//! Credentials of providers: handed in, bound to their address, never shown again.

use crate::world::{Answer, World, audited};
use config::{CredentialFrom, HandedIn, WithCredentials};
use domain::Secret;
use http::Method;
use serde_json::{Value, json};
use stores::settings::StoredCredential;

const SECRET: &str = "sk-canary-0123456789abcdef";
const PATH: &str = "/admin/v1/providers/openai/credentials";

async fn hand_in(world: &World, path: &str, body: Value) -> Answer {
    world.call(Method::PUT, path, Some(body)).await
}

async fn stored(world: &World) -> Vec<StoredCredential> {
    world.settings.config().await.unwrap().map(|config| config.credentials).unwrap_or_default()
}

/// Where the provider's credential comes from now.
async fn shown(world: &World, name: &str) -> Value {
    let providers = world.get("/admin/v1/providers").await.json;
    let found = providers["data"].as_array().unwrap().iter().find(|provider| provider["name"] == name).cloned();
    found.map_or(Value::Null, |provider| provider["credential"].clone())
}

#[tokio::test]
async fn a_credential_that_is_handed_in_turns_its_provider_on() {
    let world = World::new().await;
    world.put_config("direct_models: true", None).await;
    assert_eq!(shown(&world, "openai").await, Value::Null);
    let answer = hand_in(&world, PATH, json!({ "api_key": SECRET })).await;
    assert_eq!((answer.status, answer.header("etag")), (200, "\"2\""), "{}", answer.text);
    assert_eq!((&answer.json["stored"], &answer.json["version"]), (&json!(true), &json!(2)));
    assert_eq!(shown(&world, "openai").await, "handed_in");
    let newer = hand_in(&world, PATH, json!({ "api_key": "sk-another-canary" })).await;
    assert_ne!(newer.json["fingerprint"], answer.json["fingerprint"]);
    assert_eq!(stored(&world).await.len(), 1, "the newer one takes the older one's place");
    let put = world.put_config("strict_translation: true", None).await;
    assert_eq!((put.status, stored(&world).await.len()), (200, 1), "{}", put.text);
    assert_eq!(hand_in(&world, PATH, json!({ "api_key": null })).await.json["stored"], json!(false));
    assert_eq!((shown(&world, "openai").await, stored(&world).await.len()), (Value::Null, 0));
}

#[tokio::test]
async fn x2_a_credential_is_in_no_answer_no_log_and_no_audit() {
    let (world, (log, _listening)) = (World::new().await, audited());
    let mut said = hand_in(&world, PATH, json!({ "api_key": SECRET })).await.text;
    for bad in [json!({ "api_key": format!("{SECRET}\u{7}") }), json!({ "api_key": SECRET, "more": SECRET })] {
        let refused = hand_in(&world, PATH, bad).await;
        assert_eq!(refused.status, 400);
        said += &refused.text;
    }
    for path in ["config", "config/versions", "config/versions/1", "providers", "audit", "models"] {
        said += &world.get(&format!("/admin/v1/{path}")).await.text;
    }
    said += &log.text();
    assert!(said.contains("sha256:") && !said.contains(SECRET), "{said}");
    let entry = &world.get("/admin/v1/audit?action=provider").await.json["data"][0];
    assert_eq!((&entry["action"], &entry["object"]), (&json!("provider.credential"), &json!("provider/openai")));
    assert_eq!((&entry["before"], &entry["after"]["fingerprint"]), (&Value::Null, &entry["fingerprint"]));
}

#[tokio::test]
async fn e3_a_credential_goes_to_the_address_it_was_handed_in_for_and_to_no_other() {
    let world = World::new().await;
    let at = |host: &str| format!("providers: {{ mine: {{ kind: anthropic, base_url: \"https://{host}/v1\" }} }}");
    let path = "/admin/v1/providers/mine/credentials";
    let unknown = hand_in(&world, path, json!({ "api_key": SECRET })).await;
    assert_eq!(unknown.status, 404, "{}", unknown.text);
    let early = hand_in(&world, path, json!({ "api_key": SECRET, "base_url": "https://a.example.com" })).await;
    assert_eq!(early.status, 200, "{}", early.text);
    assert_eq!(world.put_config(&at("a.example.com"), None).await.status, 200);
    assert_eq!(shown(&world, "mine").await, "handed_in");
    let moved = world.put_config(&at("thief.example.com"), None).await;
    assert_eq!((moved.status, moved.code()), (409, "credential_bound"), "{}", moved.text);
    // Taken out and put in again elsewhere, it is still bound.
    assert_eq!(world.put_config("direct_models: true", None).await.status, 200);
    let again = world.put_config(&at("thief.example.com"), None).await;
    assert_eq!((again.status, again.code()), (409, "credential_bound"), "{}", again.text);
    let credentials = stored(&world).await;
    let handed_in: Vec<HandedIn> = credentials
        .iter()
        .map(|one| HandedIn { provider: "mine".to_owned(), address: one.address.clone(), secret: Secret::new(SECRET) })
        .collect();
    let lookup = WithCredentials { lookup: &config::ProcessEnv, handed_in: &handed_in };
    let config = config::load("p.yaml", &at("thief.example.com"), &lookup).unwrap();
    assert_eq!(config.provider(&"mine".into()).unwrap().credential, CredentialFrom::Nowhere);
    let newly = hand_in(&world, path, json!({ "api_key": SECRET, "base_url": "https://b.example.com" })).await;
    assert_eq!(newly.status, 200, "{}", newly.text);
    assert_eq!(world.put_config(&at("b.example.com"), None).await.status, 200, "a new address with a new credential");
}

#[tokio::test]
async fn a_credential_that_the_configuration_writes_comes_first() {
    let world = World::new().await;
    let written = "providers: { openai: { kind: openai, api_key: sk-written } }";
    assert_eq!(world.put_config(written, None).await.status, 200);
    let refused = hand_in(&world, PATH, json!({ "api_key": SECRET })).await;
    assert_eq!((refused.status, refused.code()), (409, "credential_written"), "{}", refused.text);
    assert!(stored(&world).await.is_empty());
}

#[tokio::test]
async fn d7_a_credential_is_put_over_the_version_that_was_seen() {
    let world = World::new().await;
    world.put_config("direct_models: true", None).await;
    let stale = hand_in(&world, PATH, json!({ "api_key": SECRET, "version": 7 })).await;
    assert_eq!(stale.status, 409, "{}", stale.text);
    assert_eq!(hand_in(&world, PATH, json!({ "api_key": SECRET, "version": 1 })).await.status, 200);
    let both = world.settings.versions(10, None).await.unwrap().versions;
    assert_eq!(
        both.iter().map(|config| (config.version, config.credentials.len())).collect::<Vec<_>>(),
        [(2, 1), (1, 0)]
    );
    let back = world.post("/admin/v1/config/rollback", json!({ "version": 1 })).await;
    assert_eq!((back.status, stored(&world).await.len()), (200, 1), "the text goes back, credentials stay");
}

#[tokio::test]
async fn what_cannot_be_a_credential_is_refused_and_a_vault_out_of_order_is_503() {
    let world = World::new().await;
    for bad in [json!({}), json!({ "api_key": "short" }), json!({ "api_key": 7 }), json!({ "api_key": "with a space" })]
    {
        let answer = hand_in(&world, PATH, bad.clone()).await;
        assert_eq!((answer.status, &answer.json["error"]["param"]), (400, &json!("api_key")), "{bad}");
    }
    for bad in ["http://user@a.example.com", "ftp://a.example.com", "a.example.com", "https://a.example.com?x=1"] {
        let answer = hand_in(&world, PATH, json!({ "api_key": SECRET, "base_url": bad })).await;
        assert_eq!((answer.status, &answer.json["error"]["param"]), (400, &json!("base_url")), "{bad}");
    }
    let broken = hand_in(&world, PATH, json!({ "api_key": "unlucky-0123456789" })).await;
    assert_eq!((broken.status, broken.code()), (503, "store_unavailable"), "{}", broken.text);
    assert!(stored(&world).await.is_empty());
}
