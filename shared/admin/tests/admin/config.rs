//! The configuration over the admin API: checked, versioned, audited, and never telling a credential.

use crate::world::World;
use serde_json::json;

const SECRET: &str = "sk-canary-in-a-configuration";

fn with_provider(host: &str, key: &str) -> String {
    format!(
        "providers:\n  mine: {{ kind: openai, base_url: \"https://{host}/v1\", api_key: \"{key}\" }}\nmodels:\n  - {{ name: fast, targets: [{{ provider: mine, model: gpt-4o }}] }}\n"
    )
}

#[tokio::test]
async fn a_configuration_that_is_put_is_in_force_and_shown_with_its_version() {
    let world = World::new().await;
    let first = world.get("/admin/v1/config").await;
    assert_eq!(
        (&first.json["version"], &first.json["source"], first.header("etag")),
        (&json!(0), &json!("built_in"), "\"0\"")
    );
    let put = world.put_config(&with_provider("a.example.com", SECRET), Some("\"0\"")).await;
    assert_eq!(
        (put.status, &put.json["version"], &put.json["source"]),
        (200, &json!(1), &json!("admin")),
        "{}",
        put.text
    );
    assert_eq!(put.header("etag"), "\"1\"");
    let models = world.get("/admin/v1/models").await;
    assert_eq!(models.json["data"][0]["id"], "fast");
    assert_eq!(world.get("/admin/v1/config").await.json["config"], put.json["config"]);
}

#[tokio::test]
async fn x1_a_credential_in_the_text_is_never_shown_and_comes_back_as_it_was() {
    let world = World::new().await;
    let put = world.put_config(&with_provider("a.example.com", SECRET), None).await;
    let shown = put.json["config"].as_str().unwrap().to_owned();
    let changed = shown.replace("name: fast", "name: faster");
    assert_eq!(world.put_config(&changed, None).await.status, 200);
    let stored = world.settings.config().await.unwrap().unwrap();
    assert!(stored.text.contains(SECRET) && stored.text.contains("faster"));
    for path in ["config", "config/versions", "config/versions/1", "audit", "providers", "models"] {
        let answer = world.get(&format!("/admin/v1/{path}")).await;
        assert!(answer.status == 200 && !answer.text.contains(SECRET), "{path}: {}", answer.text);
    }
    let unknown = world.put_config("providers: { x: { kind: openai, api_key: hidden-sha256-0000 } }", None).await;
    assert_eq!(unknown.status, 400, "{}", unknown.text);
}

#[tokio::test]
async fn what_is_wrong_with_a_text_is_400_with_line_and_column() {
    let world = World::new().await;
    let text = "direct_models: maybe\nmodels:\n  - { name: a, targets: [{ provider: nobody, model: m }] }\n";
    let answer = world.put_config(text, None).await;
    assert_eq!((answer.status, answer.code()), (400, "invalid_config"), "{}", answer.text);
    let problems = answer.json["error"]["problems"].as_array().unwrap();
    assert_eq!((&problems[0]["line"], &problems[0]["column"]), (&json!(1), &json!(16)), "{problems:?}");
    assert!(problems[1]["line"] == 3 && problems[1]["message"].as_str().unwrap().contains("nobody"));
    assert_eq!(world.get("/admin/v1/config").await.json["version"], 0);
    let checked = world.post("/admin/v1/config/validate", json!({ "config": text })).await;
    assert_eq!((checked.status, &checked.json["valid"]), (200, &json!(false)));
    assert_eq!(checked.json["problems"], answer.json["error"]["problems"]);
    let sound = world.post("/admin/v1/config/validate", json!({ "config": "direct_models: false" })).await;
    assert_eq!(sound.json, json!({ "valid": true, "problems": [], "warnings": [] }));
}

#[tokio::test]
async fn d7_a_change_made_for_another_version_is_409() {
    let world = World::new().await;
    assert_eq!(world.put_config("direct_models: false", None).await.status, 200);
    let late = world.put_config("direct_models: true", Some("\"0\"")).await;
    assert_eq!((late.status, late.code()), (409, "conflict"), "{}", late.text);
    let json = json!({ "config": "direct_models: true", "version": 0 });
    assert_eq!(world.call(http::Method::PUT, "/admin/v1/config", Some(json)).await.status, 409);
    let json = json!({ "config": "direct_models: true", "version": 1 });
    assert_eq!(world.call(http::Method::PUT, "/admin/v1/config", Some(json)).await.json["version"], 2);
}

#[tokio::test]
async fn a_rollback_is_a_new_version_with_the_old_text() {
    let world = World::new().await;
    for text in ["direct_models: false", "direct_models: true", "strict_translation: true"] {
        assert_eq!(world.put_config(text, None).await.status, 200);
    }
    let back = world.post("/admin/v1/config/rollback", json!({ "version": 1 })).await;
    assert_eq!(
        (back.status, &back.json["version"], &back.json["rolled_back_to"]),
        (200, &json!(4), &json!(1)),
        "{}",
        back.text
    );
    assert_eq!(back.json["config"], "direct_models: false");
    assert_eq!(world.post("/admin/v1/config/rollback", json!({ "version": 9 })).await.status, 404);
    assert_eq!(world.post("/admin/v1/config/rollback", json!({})).await.status, 400);
    let page = world.get("/admin/v1/config/versions?limit=3").await;
    let versions = |answer: &crate::world::Answer| -> Vec<u64> {
        answer.json["data"].as_array().unwrap().iter().map(|version| version["version"].as_u64().unwrap()).collect()
    };
    assert_eq!(versions(&page), [4, 3, 2]);
    let rest = world
        .get(&format!("/admin/v1/config/versions?limit=3&cursor={}", page.json["next_cursor"].as_str().unwrap()))
        .await;
    assert_eq!((versions(&rest), &rest.json["has_more"]), (vec![1], &json!(false)));
    assert_eq!(world.get("/admin/v1/config/versions?cursor=3").await.status, 400);
    assert_eq!(world.get("/admin/v1/config/versions/2").await.json["config"], "direct_models: true");
    assert_eq!(world.get("/admin/v1/config/versions/5").await.status, 404);
}

#[tokio::test]
async fn e3_a_new_address_without_a_new_credential_is_409() {
    let world = World::new().await;
    assert_eq!(world.put_config(&with_provider("a.example.com", SECRET), None).await.status, 200);
    let shown = world.get("/admin/v1/config").await.json["config"].as_str().unwrap().to_owned();
    let redirected = world.put_config(&shown.replace("a.example.com", "evil.example.com"), None).await;
    assert_eq!((redirected.status, redirected.code()), (409, "credential_bound"), "{}", redirected.text);
    assert!(!redirected.text.contains(SECRET));
    assert_eq!(world.put_config(&with_provider("b.example.com", "sk-another"), None).await.status, 200);
}

#[tokio::test]
async fn a4_a_change_of_the_configuration_is_written_down_without_its_credentials() {
    let world = World::new().await;
    world.put_config(&with_provider("a.example.com", SECRET), None).await;
    world.put_config("direct_models: false", None).await;
    world.post("/admin/v1/config/rollback", json!({ "version": 1 })).await;
    let entries = world.get("/admin/v1/audit?action=config").await.json;
    let actions: Vec<&str> =
        entries["data"].as_array().unwrap().iter().map(|e| e["action"].as_str().unwrap()).collect();
    assert_eq!(actions.len(), 3);
    let newest = &entries["data"].as_array().unwrap()[actions.iter().position(|a| *a == "config.rollback").unwrap()];
    assert_eq!((&newest["before"]["version"], &newest["after"]["version"]), (&json!(2), &json!(3)));
    assert!(newest["after"]["config"].as_str().unwrap().contains("hidden-sha256-"));
}

#[tokio::test]
async fn i3_a_configuration_comes_as_yaml_text_or_json() {
    let world = World::new().await;
    let put = async |kind: &str| {
        let request = world.authorised(http::Method::PUT, "/admin/v1/config").header("content-type", kind.to_owned());
        world.send(request.body(axum::body::Body::from("direct_models: true")).unwrap()).await.status
    };
    assert_eq!((put("text/plain; charset=utf-8").await, put("application/x-yaml").await), (200, 200));
    assert_eq!((put("text/html").await, put("application/json").await), (415, 400));
    let unknown = world.call(http::Method::PUT, "/admin/v1/config", Some(json!({ "config": "", "force": true }))).await;
    assert_eq!((unknown.status, unknown.code()), (400, "unknown_field"));
}
