//! The list of calls.

use crate::world::World;
use serde_json::json;

#[tokio::test]
async fn calls_are_listed_newest_first_and_found_by_what_they_are() {
    let world = World::new().await;
    let key = world.key(json!({ "name": "a" })).await;
    let mut images = Vec::new();
    for number in 0..5 {
        images.push(world.spend(&key, &format!("call_{number}"), "0.01").await);
        world.clock.advance_millis(1_000);
    }
    images[3].new.record.status = 502;
    images[3].new.record.error = Some("upstream_error".to_owned());
    world.requests.put_batch(&images).await.unwrap();
    let ids = async |query: &str| -> Vec<String> {
        let answer = world.get(&format!("/admin/v1/requests?{query}")).await;
        assert_eq!(answer.status, 200, "{query}: {}", answer.text);
        answer.json["data"].as_array().unwrap().iter().map(|call| call["id"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(ids("").await, ["call_4", "call_3", "call_2", "call_1", "call_0"]);
    assert_eq!(ids("error=true").await, ["call_3"]);
    assert_eq!(ids("error=upstream_error&status=5xx").await, ["call_3"]);
    assert_eq!(ids(&format!("status=200&key_id={key}&user_id=ann&model=echo-1&provider=echo")).await.len(), 4);
    assert_eq!(ids("model=fast&limit=1").await, ["call_4"]);
    assert!(ids("team_id=t1").await.is_empty() && ids("key_id=key_b").await.is_empty());
    assert_eq!(ids("from=2026-11-21T12:00:03Z").await, ["call_4", "call_3"]);
    let one = world.get("/admin/v1/requests/call_3").await.json;
    let listed = world.get("/admin/v1/requests?limit=1&status=200").await.json["data"][0].clone();
    assert_eq!(
        one.as_object().unwrap().keys().collect::<Vec<_>>(),
        listed.as_object().unwrap().keys().collect::<Vec<_>>()
    );
}

#[tokio::test]
async fn what_cannot_be_asked_is_400_by_name() {
    let world = World::new().await;
    for (query, param) in [
        ("status=9xx", "status"),
        ("status=99", "status"),
        ("state=held", "state"),
        ("from=2026-01-01", "from"),
        ("cursor=AAAA", "cursor"),
    ] {
        let answer = world.get(&format!("/admin/v1/requests?{query}")).await;
        assert_eq!((answer.status, answer.json["error"]["param"].as_str()), (400, Some(param)), "{query}");
    }
}
