//! Usage, models, providers and call records.

use crate::world::{PROVIDER_KEY, World};
use http::Method;
use serde_json::json;
use stores::calls::{CallImage, SequenceNumber};

/// Two keys, three calls on two days.
async fn used() -> (World, String, String) {
    let world = World::new().await;
    let (a, b) = (world.key(json!({ "name": "a" })).await, world.key(json!({ "name": "b" })).await);
    count(&world, 1, world.spend(&a, "call_1", "0.25").await).await;
    world.clock.advance_millis(86_400_000);
    count(&world, 2, world.spend(&a, "call_2", "0.5").await).await;
    count(&world, 3, world.spend(&b, "call_3", "0.000000000001").await).await;
    (world, a, b)
}

async fn count(world: &World, number: u128, image: CallImage) {
    world.rollups.apply(&[(SequenceNumber::of(number), image)], "shard").await.unwrap();
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
async fn m4_what_has_no_price_is_nowhere_said_to_cost_nothing() {
    let world = World::new().await;
    let key = world.key(json!({ "name": "a" })).await;
    let mut image = world.spend(&key, "call_1", "0").await;
    image.new.record.unpriced = true;
    image.new.record.model = "unheard-of".to_owned();
    count(&world, 1, image).await;
    let usage = world.get("/admin/v1/usage?group_by=model").await;
    let line = &usage.json["data"][0];
    assert_eq!((&line["cost_usd"], &line["unpriced_requests"]), (&json!(null), &json!(1)), "{}", usage.text);
    let csv = world.get("/admin/v1/usage?group_by=model&format=csv").await.text;
    assert!(csv.lines().nth(1).unwrap().ends_with(",1,"), "{csv}");
    let focus = world.get("/admin/v1/usage?format=focus").await.text;
    let rows: Vec<Vec<&str>> = focus.lines().map(|line| line.split(',').collect()).collect();
    assert_eq!((rows[0][0], rows[1][0], *rows[1].last().unwrap()), ("BilledCost", "", "1"), "{focus}");
    count(&world, 2, world.spend(&key, "call_2", "0.5").await).await;
    let total = world.get("/admin/v1/usage?group_by=day").await;
    assert_eq!(total.json["data"][0]["cost_usd"], "0.5", "what is known is said");
}

#[tokio::test]
async fn usage_without_parameters_is_the_last_thirty_days_by_day() {
    let (world, ..) = used().await;
    let answer = world.get("/admin/v1/usage").await;
    assert_eq!((&answer.json["from"], &answer.json["to"]), (&json!("2026-10-24"), &json!("2026-11-22")));
    assert_eq!(answer.json["data"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn usage_by_several_names_and_by_tag() {
    let (world, a, b) = used().await;
    let answer = world.get("/admin/v1/usage?group_by=key,team,model,user").await;
    let mut expected = vec![
        json!({ "key": a, "team": null, "user": "ann", "model": "echo-1", "requests": 2, "cost_usd": "0.75" }),
        json!({ "key": b, "team": null, "user": "ann", "model": "echo-1", "requests": 1, "cost_usd": "0.000000000001" }),
    ];
    expected.sort_by_key(|line| line["key"].to_string());
    let lines = answer.json["data"].as_array().unwrap();
    assert_eq!(lines.len(), 2, "{}", answer.text);
    for (line, expected) in lines.iter().zip(&expected) {
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&line[name], value, "{name}");
        }
    }
    let by_tag = world.get("/admin/v1/usage?group_by=day,tag").await;
    let line = &by_tag.json["data"][1];
    assert_eq!((&line["day"], &line["tag"], &line["requests"]), (&json!("2026-11-22"), &json!("app=tests"), &json!(2)));
    for name in ["organization", "team", "project", "user", "key", "provider", "model"] {
        let sums = world.get(&format!("/admin/v1/usage?group_by={name}")).await.json["data"].clone();
        let calls: u64 = sums.as_array().unwrap().iter().map(|line| line["requests"].as_u64().unwrap()).sum();
        assert_eq!(calls, 3, "{name}: {sums}");
    }
}

#[tokio::test]
async fn usage_as_a_table_and_as_focus() {
    let (world, a, _) = used().await;
    let csv = world.get("/admin/v1/usage?group_by=day,user&format=csv&from=2026-11-20&to=2026-11-22").await;
    assert_eq!(csv.header("content-type"), "text/csv; charset=utf-8");
    assert_eq!(csv.header("content-disposition"), "attachment; filename=\"usage-2026-11-20-2026-11-22.csv\"");
    let lines: Vec<_> = csv.text.lines().collect();
    assert!(lines[0].starts_with("day,user,requests,errors,input_tokens,"), "{}", lines[0]);
    assert_eq!(
        lines[1..],
        ["2026-11-21,ann,1,0,3,0,0,5,0,0,0,0.25", "2026-11-22,ann,2,0,6,0,0,10,0,0,0,0.500000000001"]
    );
    let focus = world.get("/admin/v1/usage?format=focus&from=2026-11-21&to=2026-11-21").await.text;
    let rows: Vec<Vec<_>> = focus.lines().map(|line| line.split(',').collect()).collect();
    let cell = |name: &str| rows[1][rows[0].iter().position(|column| *column == name).unwrap()];
    let told = ["BilledCost", "ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodEnd", "ResourceId", "ServiceName"];
    let expected = ["0.25", "2026-11-21T00:00:00Z", "2026-11-22T00:00:00Z", "2026-12-01T00:00:00Z", &a, "echo-1"];
    assert_eq!((rows.len(), told.map(cell)), (2, expected));
    assert_eq!((cell("ConsumedQuantity"), cell("ConsumedUnit"), cell("ProviderName")), ("8", "Tokens", "echo"));
    let both = world.get("/admin/v1/usage?format=focus&group_by=day").await;
    assert_eq!((both.status, &both.json["error"]["param"]), (400, &json!("group_by")));
}

#[tokio::test]
async fn groupings_that_nobody_counts_are_refused_with_what_is_counted() {
    let world = World::new().await;
    for group in ["tag,team", "hour", "day,user,colour", ""] {
        let answer = world.get(&format!("/admin/v1/usage?group_by={group}")).await;
        assert_eq!((answer.status, &answer.json["error"]["param"]), (400, &json!("group_by")), "{group}");
        assert!(answer.json["error"]["message"].as_str().unwrap().contains("provider, model, tag"));
    }
    for (query, param) in [
        ("from=yesterday", "from"),
        ("to=2026-02-30", "to"),
        ("from=2026-11-22&to=2026-11-21", "from"),
        ("from=2020-01-01&to=2026-01-01", "from"),
        ("format=xml", "format"),
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
    assert_eq!((&shown["units"]["searches"], &shown["units"]["images"]), (&json!(2), &json!(0)));
    let guardrail = &shown["units"]["guardrail"];
    assert_eq!((&guardrail["topics"], &guardrail["estimated"]), (&json!(3), &json!(true)));
    assert_eq!(world.call(Method::DELETE, "/admin/v1/requests/call_1", None).await.status, 405);
}
