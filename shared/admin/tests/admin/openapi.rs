//! The API described: the description is of the routes there are, and answers are as it says.

use crate::world::World;
use admin::http::{openapi, route::routes};
use http::Method;
use serde_json::{Value, json};
use std::collections::BTreeSet;

#[test]
fn i10_every_route_is_described_and_nothing_else() {
    let described: BTreeSet<(String, String)> = openapi::document()["paths"]
        .as_object()
        .unwrap()
        .iter()
        .flat_map(|(path, item)| item.as_object().unwrap().keys().map(|method| (path.clone(), method.to_uppercase())))
        .collect();
    let there: BTreeSet<(String, String)> =
        routes().map(|route| (openapi::path(route), route.method.to_string())).collect();
    assert_eq!(described, there);
    assert!(there.len() > 40);
}

#[test]
fn every_operation_has_a_name_of_its_own_and_every_reference_leads_somewhere() {
    let document = openapi::document();
    let operations: Vec<&Value> =
        document["paths"].as_object().unwrap().values().flat_map(|item| item.as_object().unwrap().values()).collect();
    let ids: BTreeSet<&str> = operations.iter().map(|operation| operation["operationId"].as_str().unwrap()).collect();
    assert_eq!(ids.len(), operations.len());
    for reference in document.to_string().split("\"$ref\":\"#").skip(1) {
        let pointer = reference.split('"').next().unwrap();
        assert!(document.pointer(pointer).is_some(), "{pointer}");
    }
}

/// What is wrong with an answer, by the schema that the document has for it.
fn faults(document: &Value, method: &str, path: &str, status: u16, answer: &Value) -> Vec<String> {
    let pointer =
        format!("/paths/{}/{method}/responses/{status}/content/application~1json/schema", path.replace('/', "~1"));
    let Some(schema) = document.pointer(&pointer) else { return vec![format!("{pointer} is not described")] };
    let mut faults = Vec::new();
    check(document, schema, answer, path, &mut faults);
    faults
}

/// The part of JSON Schema that the document uses for answers.
fn check(document: &Value, schema: &Value, value: &Value, at: &str, faults: &mut Vec<String>) {
    if let Some(reference) = schema["$ref"].as_str() {
        return check(document, document.pointer(&reference[1..]).unwrap(), value, at, faults);
    }
    let kind = match value {
        Value::Null => "null",
        Value::Bool(_) => "boolean",
        Value::Number(number) if number.is_u64() || number.is_i64() => "integer",
        Value::Number(_) => "number",
        Value::String(_) => "string",
        Value::Array(_) => "array",
        Value::Object(_) => "object",
    };
    let allowed = match &schema["type"] {
        Value::Null => true,
        Value::Array(kinds) => kinds.iter().any(|known| known == kind),
        known => known == kind,
    };
    let among = schema["enum"].as_array().is_none_or(|words| words.contains(value));
    if !allowed || !among || schema.get("const").is_some_and(|only| only != value) {
        faults.push(format!("{at}: {value} is not {schema}"));
    }
    for (n, item) in value.as_array().into_iter().flatten().enumerate().filter(|_| schema["items"].is_object()) {
        check(document, &schema["items"], item, &format!("{at}/{n}"), faults);
    }
    let Some(fields) = value.as_object() else { return };
    let missing =
        schema["required"].as_array().into_iter().flatten().filter(|name| !fields.contains_key(name.as_str().unwrap()));
    faults.extend(missing.map(|name| format!("{at}: {name} is missing")));
    for (name, field) in fields {
        match (&schema["properties"][name], &schema["additionalProperties"]) {
            (Value::Null, Value::Bool(false)) => faults.push(format!("{at}: {name} is not described")),
            (Value::Null, other @ Value::Object(_)) => check(document, other, field, &format!("{at}/{name}"), faults),
            (Value::Null, _) => {}
            (known, _) => check(document, known, field, &format!("{at}/{name}"), faults),
        }
    }
}

#[tokio::test]
async fn i10_answers_are_as_they_are_described() {
    let (world, document) = (World::new().await, openapi::document());
    let mut wrong = Vec::new();
    let key = world
        .post(
            "/admin/v1/keys",
            json!({ "name": "a", "max_budget_usd": 5, "budgets": [{ "max_budget_usd": 1, "budget_period": "daily" }] }),
        )
        .await;
    wrong.extend(faults(&document, "post", "/admin/v1/keys", key.status, &key.json));
    let id = key.id().to_owned();
    world.spend(&id, "call_a", "0.01").await;
    let image = world.spend(&id, "call_b", "0.01").await;
    world.requests.put_batch(&[image]).await.unwrap();
    let team = world.post("/admin/v1/teams", json!({ "id": "t", "max_budget_usd": "1.5" })).await;
    wrong.extend(faults(&document, "post", "/admin/v1/teams", team.status, &team.json));
    let put = world.put_config("direct_models: true", None).await;
    wrong.extend(faults(&document, "put", "/admin/v1/config", put.status, &put.json));
    for path in
        ["keys", "teams", "users", "usage", "models", "providers", "requests", "audit", "config", "config/versions"]
    {
        let answer = world.get(&format!("/admin/v1/{path}")).await;
        wrong.extend(faults(&document, "get", &format!("/admin/v1/{path}"), answer.status, &answer.json));
    }
    for (path, of) in
        [("keys", id.as_str()), ("teams", "t"), ("requests", "call_a"), ("config/versions", "1"), ("keys", "key_none")]
    {
        let answer = world.get(&format!("/admin/v1/{path}/{of}")).await;
        wrong.extend(faults(&document, "get", &format!("/admin/v1/{path}/{{id}}"), answer.status, &answer.json));
    }
    let bad = world.put_config("models: 1", None).await;
    wrong.extend(faults(&document, "put", "/admin/v1/config", bad.status, &bad.json));
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[tokio::test]
async fn r1_the_description_is_public_and_a_wrong_method_says_which_are_right() {
    let world = World::new().await;
    let answer = world.send(world.bare(Method::GET, "/openapi.json").body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!((answer.status, &answer.json["openapi"]), (200, &json!("3.1.0")));
    let wrong = world.call(Method::PUT, "/admin/v1/keys", None).await;
    assert_eq!((wrong.status, wrong.header("allow")), (405, "POST, GET"));
}
