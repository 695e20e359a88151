//! Who sees a part sees that part: usage, calls and alerts of a team, and one's own.

use crate::office::Office;
use domain::Timestamp;
use http::Method;
use serde_json::{Value, json};
use stores::{alerts::Told, calls::SequenceNumber};

const TOM: &str = "tom of a as team_admin";
const EVE: &str = "eve of b as team_admin";
const ANN: &str = "ann of a as member";
const FAY: &str = "fay of x as finance";

/// Calls of ann and bob in team a and of eve in team b.
async fn used() -> Office {
    let office = Office::open().await;
    for (n, (call, cost, team, user)) in
        [("call_1", "0.25", "a", "ann"), ("call_2", "0.5", "a", "bob"), ("call_3", "2", "b", "eve")]
            .into_iter()
            .enumerate()
    {
        let key = office.world.key(json!({ "name": call, "team_id": team, "user_id": user })).await;
        let image = office.world.spend_for(&key, call, cost, team, user).await;
        office.world.rollups.apply(&[(SequenceNumber::of(n as u128 + 1), image)], "shard").await.unwrap();
    }
    office
}

async fn total(office: &Office, who: &str, group_by: &str) -> Vec<(Value, String)> {
    let path = format!("/admin/v1/usage?group_by={group_by}");
    let answer = office.ask(who, Method::GET, &path, None).await;
    assert_eq!(answer.status, 200, "{who}: {}", answer.text);
    let lines = answer.json["data"].as_array().unwrap().iter();
    lines.map(|line| (line[group_by].clone(), line["cost_usd"].as_str().unwrap().to_owned())).collect()
}

#[tokio::test]
async fn r1_usage_is_summed_over_what_one_sees() {
    let office = used().await;
    assert_eq!(total(&office, FAY, "team").await, [(json!("a"), "0.75".to_owned()), (json!("b"), "2".to_owned())]);
    assert_eq!(total(&office, TOM, "team").await, [(json!("a"), "0.75".to_owned())]);
    assert_eq!(
        total(&office, TOM, "user").await,
        [(json!("ann"), "0.25".to_owned()), (json!("bob"), "0.5".to_owned())]
    );
    assert_eq!(total(&office, EVE, "day").await, [(json!("2026-11-21"), "2".to_owned())]);
    assert_eq!(total(&office, ANN, "model").await, [(json!("echo-1"), "0.25".to_owned())]);
    assert_eq!(total(&office, "zoe of a as member", "team").await, []);
    for (path, shown, hidden) in [("format=csv&group_by=user", "bob", "eve"), ("format=focus", "team", "2,b")] {
        let answer = office.ask(TOM, Method::GET, &format!("/admin/v1/usage?{path}"), None).await;
        assert_eq!((answer.status, answer.text.contains(hidden)), (200, false), "{shown}: {}", answer.text);
        assert_eq!(answer.text.lines().count(), 3, "{}", answer.text);
    }
}

#[tokio::test]
async fn r1_usage_by_tag_is_for_those_who_see_everything() {
    let office = used().await;
    assert_eq!(office.ask(FAY, Method::GET, "/admin/v1/usage?group_by=tag", None).await.status, 200);
    for who in [TOM, ANN] {
        let answer = office.ask(who, Method::GET, "/admin/v1/usage?group_by=day,tag", None).await;
        assert_eq!((answer.status, &answer.json["error"]["param"]), (403, &json!("group_by")), "{who}");
    }
}

#[tokio::test]
async fn r4_calls_of_others_are_as_good_as_none() {
    let office = used().await;
    for (who, seen, hidden) in [(TOM, "call_2", "call_3"), (ANN, "call_1", "call_2"), (EVE, "call_3", "call_1")] {
        let theirs = office.ask(who, Method::GET, &format!("/admin/v1/requests/{hidden}"), None).await;
        let none = office.ask(who, Method::GET, "/admin/v1/requests/call_none", None).await;
        assert_eq!((theirs.status, &theirs.json), (404, &none.json), "{who}");
        assert_eq!(
            office.ask(who, Method::GET, &format!("/admin/v1/requests/{seen}"), None).await.status,
            200,
            "{who}"
        );
    }
    for (who, beyond) in [(TOM, "team_id=b"), (ANN, "user_id=bob"), (ANN, "user_id=ann&team_id=b")] {
        let answer = office.ask(who, Method::GET, &format!("/admin/v1/requests?{beyond}"), None).await;
        let empty = answer.status == 200 && answer.json["data"].as_array().unwrap().is_empty();
        assert!(answer.status == 403 || empty, "{who} {beyond}: {}", answer.text);
    }
}

/// An alert as the job writes it down.
fn alert(id: &str, event: &str, group: &str, scope: &str, team: Option<&str>) -> String {
    json!({
        "id": id, "event": event, "event_group": group, "scope_id": scope, "scope_name": scope, "team_id": team,
        "window": "2026-11", "threshold": "80%", "threshold_usd": "8", "spend": "8.5", "max_budget": "10",
        "soft_budget": null, "projected_exhaustion": null, "at": "2026-11-21T12:00:00.000Z",
    })
    .to_string()
}

/// Alerts of two days, two a day.
async fn told() -> Office {
    let office = Office::open().await;
    let told = Told::new(office.world.table.clone(), &office.world.names);
    let at = Timestamp::from_secs(crate::world::start().secs() - 3 * 86_400);
    for (n, (event, group, scope, team)) in [
        ("threshold_crossed", "team", "a", None),
        ("threshold_crossed", "key", "key_a", Some("a")),
        ("budget_crossed", "key", "key_b", Some("b")),
        ("budget_crossed", "organization", "o", None),
    ]
    .into_iter()
    .enumerate()
    {
        let (id, at) = (format!("alert_{n}"), at.plus_secs(n as u64 * 40_000));
        told.add(&id, at, &alert(&id, event, group, scope, team)).await.unwrap();
    }
    office
}

async fn ids(office: &Office, who: &str, query: &str) -> Vec<String> {
    let answer = office.ask(who, Method::GET, &format!("/admin/v1/alerts{query}"), None).await;
    assert_eq!(answer.status, 200, "{who}: {}", answer.text);
    answer.json["data"].as_array().unwrap().iter().map(|alert| alert["id"].as_str().unwrap().to_owned()).collect()
}

#[tokio::test]
async fn m17_what_was_told_is_listed_newest_first_for_those_it_concerns() {
    let office = told().await;
    let owner = "ola of x as owner";
    assert_eq!(ids(&office, owner, "").await, ["alert_3", "alert_2", "alert_1", "alert_0"]);
    assert_eq!(ids(&office, TOM, "").await, ["alert_1", "alert_0"]);
    assert_eq!(ids(&office, EVE, "").await, ["alert_2"]);
    assert_eq!(ids(&office, FAY, "?event=budget_crossed").await, ["alert_3", "alert_2"]);
    assert_eq!(ids(&office, owner, "?scope=key").await, ["alert_2", "alert_1"]);
    assert_eq!(ids(&office, owner, "?scope=team/a").await, ["alert_0"]);
    assert_eq!(ids(&office, owner, "?from=2026-11-19&to=2026-11-19").await, ["alert_3", "alert_2"]);
    for who in [ANN, "aud of x as auditor"] {
        assert_eq!(office.ask(who, Method::GET, "/admin/v1/alerts", None).await.status, 403, "{who}");
    }
    let first = office.ask(owner, Method::GET, "/admin/v1/alerts", None).await;
    let (pending, delivered) = (&first.json["data"][0]["pending"], &first.json["data"][0]["delivered"]);
    assert_eq!((pending, delivered), (&json!(true), &json!([])));
}

#[tokio::test]
async fn d5_alerts_come_in_pages_each_once() {
    let office = told().await;
    let (mut seen, mut path) = (Vec::new(), "/admin/v1/alerts?limit=1".to_owned());
    for _ in 0..6 {
        let page = office.ask("ola of x as owner", Method::GET, &path, None).await;
        seen.extend(page.json["data"].as_array().unwrap().iter().map(|alert| alert["id"].clone()));
        let Some(next) = page.json["next_cursor"].as_str() else { break };
        path = format!("/admin/v1/alerts?limit=1&cursor={next}");
    }
    assert_eq!(seen, ["alert_3", "alert_2", "alert_1", "alert_0"]);
    let wrong = office.ask("ola of x as owner", Method::GET, "/admin/v1/alerts?cursor=AAAA", None).await;
    assert_eq!((wrong.status, &wrong.json["error"]["param"]), (400, &json!("cursor")));
}
