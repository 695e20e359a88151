//! Budgets of the operator's, of models within keys and groups, and of groups that had none before.

use crate::world::{World, record, start, usd};
use domain::{
    CallId, Clock, KeyId, Usd,
    call::Ask,
    limit::{Bound, Budget, BudgetMode, ScopeId, ScopeKind},
    time::Period,
};
use http::Method;
use serde_json::{Value, json};
use stores::calls::{CallImage, SequenceNumber};

const CONFIG: &str = "providers: { echo: { kind: echo } }\nbudget:\n  scopes:\n    - { scope: global, max_budget_usd: 9, budget_period: monthly, budgets: [ { max_budget_usd: 1, budget_period: daily } ] }\n    - { scope: provider, id: echo, max_budget_usd: 5, budget_mode: last_one }\n    - { scope: tag, id: app=tests, max_budget_usd: 2.5 }\n";

fn bound(kind: ScopeKind, id: &str, period: Period) -> Bound {
    let budget = Budget { max: usd("5"), period };
    Bound { scope: ScopeId::new(kind, id), budget, mode: BudgetMode::Strict, version: 1 }
}

/// Money held and settled under some bounds.
async fn spend(world: &World, call: &str, bounds: &[Bound], cost: &str) {
    let key = world.keys.get(&KeyId::from(world.key(json!({})).await.as_str())).await.unwrap().unwrap();
    let (call, now) = (CallId::from(call), world.clock.now());
    let worst_case = usd(cost);
    let lease_until = now.plus_secs(60);
    let ask = Ask { call: &call, key: &key, bounds, worst_case, ambiguous: Usd::ZERO, now, lease_until };
    let held = world.ledger.reserve(&ask).await.unwrap();
    world.ledger.settle(&held, &record(call.as_str(), worst_case, now)).await.unwrap();
}

#[tokio::test]
async fn the_operators_budgets_are_shown_with_what_was_spent_and_what_is_left() {
    let world = World::new().await;
    assert_eq!(world.get("/admin/v1/budgets").await.json["data"], json!([]));
    assert_eq!(world.put_config(CONFIG, None).await.status, 200);
    let bounds = [bound(ScopeKind::Global, "", Period::Monthly), bound(ScopeKind::Provider, "echo", Period::Total)];
    spend(&world, "call_1", &bounds, "1.25").await;
    let answer = world.get("/admin/v1/budgets").await;
    let budgets = answer.json["data"].as_array().unwrap();
    let shown: Vec<_> = ["scope", "id", "window", "spend_usd", "remaining_usd", "budget_mode"]
        .map(|name| budgets.iter().map(|budget| budget[name].clone()).collect::<Vec<Value>>())
        .into();
    let expected = json!([
        ["global", "global", "provider", "tag"],
        [null, null, "echo", "app=tests"],
        ["2026-11", "2026-11-21", "total", "total"],
        ["1.25", "0", "1.25", "0"],
        ["7.75", "1", "3.75", "2.5"],
        ["strict", "strict", "last_one", "strict"],
    ]);
    assert_eq!(json!(shown), expected, "{}", answer.text);
    // A cut binds at once, also what was lent before.
    let cut = CONFIG.replace("max_budget_usd: 5,", "max_budget_usd: 1.5,");
    assert_eq!(world.put_config(&cut, None).await.status, 200);
    let left: Vec<Value> = world.get("/admin/v1/budgets").await.json["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|b| b["remaining_usd"].clone())
        .collect();
    assert_eq!(json!(left), json!(["7.75", "1", "0.25", "2.5"]));
    let available = stores::table::Key::new("SCOPE#provider#echo#total", "SCOPE");
    let scope =
        world.table.get(&stores::table::Get::consistent(&world.names.quotas, available)).await.unwrap().unwrap();
    assert!(scope.money("av") >= Some(Usd::ZERO) && scope.money("b") == Some(usd("1.5")), "{scope:?}");
}

/// A call of a team, as the counters count it.
async fn counted(world: &World, n: u128, team: &str, cost: &str) {
    let key = world.key(json!({ "team_id": team })).await;
    let mut image: CallImage = world.spend(&key, &format!("call_{n}"), cost).await;
    image.new.record.team_id = Some(team.to_owned());
    world.rollups.apply(&[(SequenceNumber::of(n), image)], "shard").await.unwrap();
}

#[tokio::test]
async fn m16_a_groups_first_budget_counts_what_was_spent_before_it_in_its_window() {
    let world = World::new().await;
    world.post("/admin/v1/teams", json!({ "id": "t1" })).await;
    counted(&world, 1, "t1", "3").await;
    world.clock.advance_millis(86_400_000);
    counted(&world, 2, "t1", "1").await;
    let team = world.get("/admin/v1/teams/t1").await.json;
    assert_eq!((&team["spend_usd"], &team["reserved_usd"]), (&json!("4"), &json!(null)), "counted without a budget");
    let day = json!({ "max_budget_usd": "1.5", "budget_period": "daily" });
    let body = json!({ "max_budget_usd": "5", "budget_period": "monthly", "budgets": [day] });
    let team = world.patch("/admin/v1/teams/t1", body).await;
    assert_eq!((team.status, &team.json["spend_usd"]), (200, &json!("4")), "{}", team.text);
    let key = world.key(json!({ "team_id": "t1" })).await;
    assert!(world.reserve(&key, "call_3", "0.6").await.is_none(), "more than is left of the day");
    assert!(world.reserve(&key, "call_4", "0.5").await.is_some());
    // Another change counts nothing twice.
    let team = world.patch("/admin/v1/teams/t1", json!({ "max_budget_usd": "4.5" })).await.json;
    assert_eq!((&team["spend_usd"], &team["reserved_usd"]), (&json!("4"), &json!("0.5")));
}

#[tokio::test]
async fn m1_budgets_of_models_are_kept_with_a_key_and_a_group() {
    let world = World::new().await;
    let models = json!({ "gpt-*": { "max_budget_usd": "5", "budget_period": "monthly", "budgets": [], "budget_mode": "strict" } });
    let key = world.create(json!({ "model_budgets": models })).await;
    assert_eq!(key["model_budgets"], models);
    world.post("/admin/v1/teams", json!({ "id": "t1", "model_budgets": models })).await;
    assert_eq!(world.get("/admin/v1/teams/t1").await.json["model_budgets"], models);
    let path = format!("/admin/v1/keys/{}", key["id"].as_str().unwrap());
    let cut = json!({ "model_budgets": { "gpt-*": { "max_budget_usd": 1, "budget_period": "monthly" } } });
    assert_eq!(world.patch(&path, cut).await.json["model_budgets"]["gpt-*"]["max_budget_usd"], json!("1"));
    assert_eq!(world.patch(&path, json!({ "model_budgets": null })).await.json["model_budgets"], json!({}));
    let wrong = world.patch(&path, json!({ "model_budgets": { "gpt-*": { "max_budget_usd": -1 } } })).await;
    assert_eq!(wrong.status, 400, "{}", wrong.text);
}

#[tokio::test]
async fn d7_a_model_budget_that_is_cut_binds_at_once() {
    let world = World::new().await;
    let of = |max: &str| json!({ "model_budgets": { "m": { "max_budget_usd": max } } });
    let key = world.create(of("5")).await;
    let id = key["id"].as_str().unwrap();
    let scope = ScopeId::new(ScopeKind::Key, id).model("m");
    let bound = |max: &str, version| {
        let budget = Budget { max: usd(max), period: Period::Total };
        Bound { scope: scope.clone(), budget, mode: BudgetMode::Strict, version }
    };
    spend(&world, "call_1", &[bound("5", 1)], "2").await;
    assert_eq!(world.call(Method::PATCH, &format!("/admin/v1/keys/{id}"), Some(of("2"))).await.status, 200);
    let key = world.keys.get(&KeyId::from(id)).await.unwrap().unwrap();
    let (call, now) = (CallId::from("call_2"), start());
    let ask = Ask {
        call: &call,
        key: &key,
        bounds: &[bound("2", 2)],
        worst_case: usd("0.1"),
        ambiguous: Usd::ZERO,
        now,
        lease_until: now.plus_secs(60),
    };
    assert!(world.ledger.reserve(&ask).await.is_err());
}
