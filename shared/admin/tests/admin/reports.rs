//! Usage, models, providers and call records.

use crate::world::{PROVIDER_KEY, World};
use admin::rollups::Local;
use http::Method;
use serde_json::json;

/// Two keys, three calls on two days.
async fn used() -> (World, String, String) {
    let world = World::new().await;
    let (a, b) = (world.key(json!({ "name": "a" })).await, world.key(json!({ "name": "b" })).await);
    let mut counted = Local::new(world.rollups.clone(), world.clock.clone());
    counted.take(vec![world.spend(&a, "call_1", "0.25").await]).await.unwrap();
    world.clock.advance_millis(86_400_000);
    let more = vec![world.spend(&a, "call_2", "0.5").await, world.spend(&b, "call_3", "0.000000000001").await];
    counted.take(more).await.unwrap();
    (world, a, b)
}

#[tokio::test]
async fn usage_by_day_adds_up_every_call_once() {
    let (world, ..) = used().await;
    let answer = world.get("/admin/v1/usage?from=2026-11-01&to=2026-11-30&group_by=day").await;
    assert_eq!((answer.status, &answer.json["from"]), (200, &json!("2026-11-01")), "{}", answer.text);
    let lines: Vec<_> = answer.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| {
            (line["day"].as_str().unwrap(), line["requests"].as_u64().unwrap(), line["cost_usd"].as_str().unwrap())
        })
        .collect();
    assert_eq!(lines, [("2026-11-21", 1, "0.25"), ("2026-11-22", 2, "0.500000000001")]);
    assert_eq!(
        (&answer.json["data"][1]["input_tokens"], &answer.json["data"][1]["output_tokens"]),
        (&json!(6), &json!(10))
    );
}

#[tokio::test]
async fn usage_by_key_and_by_model_are_two_sums_of_the_same_calls() {
    let (world, a, b) = used().await;
    let by_key = world.get("/admin/v1/usage?from=2026-11-21&to=2026-11-22&group_by=key").await;
    let mut expected = vec![(a, "0.75".to_owned()), (b, "0.000000000001".to_owned())];
    expected.sort();
    let lines: Vec<_> = by_key.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|line| (line["key"].as_str().unwrap().to_owned(), line["cost_usd"].as_str().unwrap().to_owned()))
        .collect();
    assert_eq!(lines, expected);
    let by_model = world.get("/admin/v1/usage?from=2026-11-21&to=2026-11-22&group_by=provider,model").await;
    let line = &by_model.json["data"][0];
    assert_eq!((&line["provider"], &line["model"], &line["requests"]), (&json!("echo"), &json!("echo-1"), &json!(3)));
    assert_eq!(line["cost_usd"], "0.750000000001");
}

#[tokio::test]
async fn usage_without_parameters_is_the_last_thirty_days_by_day() {
    let (world, ..) = used().await;
    let answer = world.get("/admin/v1/usage").await;
    assert_eq!((&answer.json["from"], &answer.json["to"]), (&json!("2026-10-24"), &json!("2026-11-22")));
    assert_eq!(answer.json["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn groupings_that_nobody_counts_are_refused_with_what_is_counted() {
    let world = World::new().await;
    for group in ["team", "tag", "key,model", "day,user", ""] {
        let answer = world.get(&format!("/admin/v1/usage?group_by={group}")).await;
        assert_eq!((answer.status, &answer.json["error"]["param"]), (400, &json!("group_by")), "{group}");
        assert!(answer.json["error"]["message"].as_str().unwrap().contains("day, key, model, provider"));
    }
    for (query, param) in [
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-11-22&to=2026-11-21", "from"),
        ("from=2020-01-01&to=2026-01-01", "from"),
        ("format=csv", "format"),
        ("since=2026-01-01", "since"),
    ] {
        let answer = world.get(&format!("/admin/v1/usage?{query}")).await;
        assert_eq!((answer.status, &answer.json["error"]["param"]), (400, &json!(param)), "{query}");
    }
}

#[tokio::test]
async fn providers_are_listed_without_credentials_headers_or_addresses() {
    let world = World::new().await;
    let answer = world.get("/admin/v1/providers").await;
    let data = answer.json["data"].as_array().unwrap();
    assert!(data.iter().any(|provider| provider["name"] == "secretive"), "{}", answer.text);
    let services = data.iter().filter_map(|provider| provider["services"].as_array()).flatten();
    assert!(services.clone().any(|service| *service == "openai.embeddings"), "{}", answer.text);
    for hidden in [PROVIDER_KEY, "hidden.example.com", "x-team"] {
        assert!(!answer.text.contains(hidden));
    }
}

#[tokio::test]
async fn models_are_listed_with_their_targets() {
    let world = World::new().await;
    let answer = world.get("/admin/v1/models").await;
    let model = answer.json["data"].as_array().unwrap().iter().find(|model| model["id"] == "fast").cloned().unwrap();
    assert_eq!(model["strategy"], "priority");
    assert_eq!(
        (&model["targets"][0]["provider"], &model["targets"][0]["model"]),
        (&json!("secretive"), &json!("fast-1"))
    );
}

#[tokio::test]
async fn a_call_record_is_shown_once_the_call_has_ended() {
    let world = World::new().await;
    let key = world.key(json!({ "name": "a" })).await;
    let held = world.reserve(&key, "call_2", "1").await;
    assert!(held.is_some());
    assert_eq!(world.get("/admin/v1/requests/call_2").await.status, 404);
    world.spend(&key, "call_1", "0.25").await;
    let shown = world.get("/admin/v1/requests/call_1").await.json;
    let expected = json!({ "id": "call_1", "key_id": key, "state": "settled", "cost_usd": "0.25", "provider": "echo",
        "status": 200, "usage_source": "reported", "tags": {"app": "tests"}, "user_id": "ann" });
    for (field, value) in expected.as_object().unwrap() {
        assert_eq!(&shown[field], value, "{field}");
    }
    assert_eq!(shown["usage"]["output_tokens"], 5);
    assert_eq!(world.call(Method::DELETE, "/admin/v1/requests/call_1", None).await.status, 405);
}
