//! Budgets that depend on where a call goes and what it carries: of everything, a provider, a tag, a model within a key.

use domain::{
    Usd,
    limit::{Bound, Budget, BudgetMode, ModelBudget, ScopeId, ScopeKind},
    time::Period,
};
use harness::{
    Portunus, Reply, Setup, chat,
    watched::{Seen, Watched},
};
use mock_upstream::{
    Plan,
    plan::{At, CutHow},
};
use std::sync::Arc;

const ROUTE: &str = "models:\n  - name: route\n    aliases: [same]\n    retry: { attempts: 3, base_ms: 1, max_ms: 2 }\n    targets: [ { provider: up-openai, model: gpt-4o }, { provider: up-anthropic, model: claude-sonnet-4-5 }, { provider: up-openai, model: gpt-4o-mini } ]\n";

/// A gateway with a route over two providers, and these budgets.
async fn under(scopes: &str) -> Portunus {
    Portunus::start_with(&format!("{ROUTE}budget: {{ scopes: [ {scopes} ] }}\n")).await
}

fn provider(name: &str, max: &str) -> String {
    format!("{{ scope: provider, id: {name}, max_budget_usd: {max} }}")
}

fn usd(text: &str) -> Usd {
    text.parse().unwrap()
}

/// What a scope was charged, and what calls hold of it.
async fn spent(portunus: &Portunus, kind: ScopeKind, id: &str) -> (Usd, Usd) {
    let budget = Budget { max: usd("1"), period: Period::Total };
    let bound = Bound { scope: ScopeId::new(kind, id), budget, mode: BudgetMode::Strict, version: 0 };
    let spend = portunus.ledger.spend_of(&bound, portunus.clock.now()).await.unwrap();
    (spend.settled, spend.reserved)
}

async fn of_provider(portunus: &Portunus, name: &str) -> (Usd, Usd) {
    spent(portunus, ScopeKind::Provider, name).await
}

/// One answer of up to a hundred tokens.
fn small(model: &str, stream: bool) -> String {
    chat(model, "hi", stream).replacen('{', "{\"max_tokens\": 100, ", 1)
}

async fn ask(portunus: &Portunus, model: &str) -> Reply {
    portunus.post("/v1/chat/completions", &small(model, false)).await
}

fn refused(reply: &Reply, whose: &str) {
    let text = reply.text();
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (402, Some("budget_exceeded")), "{text}");
    assert!(text.contains(whose) && !text.contains("is left"), "{text}");
}

#[tokio::test]
async fn m9_a_fallback_moves_the_hold_to_the_next_providers_budget() {
    let portunus = under(&[provider("up-openai", "5"), provider("up-anthropic", "5")].join(", ")).await;
    for stream in [false, true] {
        portunus.script(vec![Plan::error(503).on("/v1/chat/completions").times(1)]);
        let before = of_provider(&portunus, "up-anthropic").await.0;
        let reply = portunus.post("/v1/chat/completions", &small("route", stream)).await;
        assert_eq!((reply.status, reply.header("x-portunus-provider")), (200, "up-anthropic"), "{}", reply.text());
        let cost = portunus.record(&reply.call()).await.cost;
        assert!(cost > Usd::ZERO);
        assert_eq!(of_provider(&portunus, "up-anthropic").await, (before.saturating_add(cost), Usd::ZERO));
        assert_eq!(of_provider(&portunus, "up-openai").await, (Usd::ZERO, Usd::ZERO));
    }
}

#[tokio::test]
async fn m9_an_answer_that_was_lost_is_charged_with_the_one_that_came() {
    let portunus = under(&[provider("up-openai", "5"), provider("up-anthropic", "5")].join(", ")).await;
    let lost = Plan::well_behaved().cut(CutHow::Reset, At::Body(0));
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some(usd("5"))).await;
    portunus.script(vec![lost.on("/v1/chat/completions")]);
    let body = small("route", false).replace("hi", &"words ".repeat(500));
    let reply = portunus.send("/v1/chat/completions", &body, &[("x-api-key", &secret)]).await;
    assert_eq!((reply.status, reply.header("x-portunus-attempts")), (200, "2"), "{}", reply.text());
    let cost = portunus.record(&reply.call()).await.cost;
    assert!(cost > usd("0.0015"), "the input twice: {cost}");
    assert_eq!(of_provider(&portunus, "up-anthropic").await, (cost, Usd::ZERO));
    assert_eq!(of_provider(&portunus, "up-openai").await, (Usd::ZERO, Usd::ZERO));
    assert_eq!(portunus.spend(&key).await, (cost, Usd::ZERO));
}

#[tokio::test]
async fn m9_a_provider_whose_budget_is_spent_is_passed_over_like_one_that_is_down() {
    let portunus = under(&provider("up-openai", "0.000001")).await;
    let reply = ask(&portunus, "route").await;
    assert_eq!((reply.status, reply.header("x-portunus-provider")), (200, "up-anthropic"), "{}", reply.text());
    assert_eq!(reply.header("x-portunus-attempts"), "1");
    assert_eq!(portunus.upstream.requests().len(), 1);
    // It is not come back to, either.
    portunus.script(vec![Plan::error(503).on("/v1/messages").times(9)]);
    let reply = ask(&portunus, "route").await;
    assert_eq!((reply.status, reply.header("x-portunus-provider")), (502, ""), "{}", reply.text());
    assert!(portunus.upstream.requests().iter().all(|request| request.target.ends_with("/v1/messages")));
}

#[tokio::test]
async fn m9_after_a_failure_a_spent_provider_is_passed_over_and_the_next_one_asked() {
    let portunus = under(&provider("up-anthropic", "0.000001")).await;
    portunus.script(vec![Plan::error(503).on("/v1/chat/completions").times(1)]);
    let reply = ask(&portunus, "route").await;
    assert_eq!((reply.status, reply.header("x-portunus-model")), (200, "gpt-4o-mini"), "{}", reply.text());
    assert_eq!((reply.header("x-portunus-attempts"), portunus.upstream.requests().len()), ("2", 2));
}

#[tokio::test]
async fn m20_a_402_where_every_provider_is_spent_names_their_kind_and_no_numbers() {
    let portunus = under(&[provider("up-openai", "0.000777"), provider("up-anthropic", "0.000777")].join(", ")).await;
    let (key, secret) = portunus.key_with(|key| key.limits.max_budget = Some(usd("5"))).await;
    let reply = portunus.send("/v1/chat/completions", &small("route", false), &[("x-api-key", &secret)]).await;
    refused(&reply, "every provider of this model");
    assert!(!reply.text().contains("0.000777") && reply.header("x-should-retry") == "false");
    assert!(portunus.upstream.requests().is_empty());
    assert_eq!(portunus.spend(&key).await, (Usd::ZERO, Usd::ZERO));
}

#[tokio::test]
async fn m1_a_budget_of_everything_binds_all_keys_together() {
    // So much that one call always fits, and a few of those that cost little.
    let unbound = Portunus::start_with(ROUTE).await;
    let worst = unbound.post("/v1/chat/completions", &small("route", true)).await;
    let worst: Usd = worst.header("x-portunus-cost-bound-usd").parse().unwrap();
    let most = worst.saturating_add(usd("0.0001"));
    let portunus = under(&format!("{{ scope: global, max_budget_usd: {most}, budget_period: monthly }}")).await;
    let mut secrets = Vec::new();
    for _ in 0..2 {
        secrets.push(portunus.key_with(|key| key.limits.max_budget = Some(usd("5"))).await.1);
    }
    let (mut sum, mut answered) = (Usd::ZERO, 0);
    for secret in secrets.iter().cycle().take(200) {
        let reply = portunus.send("/v1/chat/completions", &small("route", false), &[("x-api-key", secret)]).await;
        if reply.status == 402 {
            refused(&reply, "everybody together");
            break;
        }
        let left: Usd = reply.header("x-portunus-budget-remaining-usd").parse().unwrap();
        assert!(left > usd("4"), "the key's own, not everybody's: {left}");
        sum = sum.saturating_add(portunus.record(&reply.call()).await.cost);
        answered += 1;
    }
    assert!((2..200).contains(&answered) && sum <= most, "{answered} {sum}");
    let month = Budget { max: usd("1"), period: Period::Monthly };
    let scope = ScopeId::new(ScopeKind::Global, "");
    let bound = Bound { scope, budget: month, mode: BudgetMode::Strict, version: 0 };
    assert_eq!(portunus.ledger.spend_of(&bound, portunus.clock.now()).await.unwrap().settled, sum);
}

#[tokio::test]
async fn m1_a_tags_budget_binds_the_calls_that_carry_it() {
    let tags =
        "{ scope: tag, id: batch, max_budget_usd: 0.000001 }, { scope: tag, id: app=slow, max_budget_usd: 0.000001 }";
    let portunus = under(tags).await;
    let with = async |name: &str, value: &str| {
        let bearer = format!("Bearer {}", portunus.key);
        let headers = [("authorization", bearer.as_str()), (name, value)];
        portunus.send("/v1/chat/completions", &small("route", false), &headers).await
    };
    refused(&with("x-portunus-tags", "nightly, batch").await, "one of its tags");
    refused(&with("x-portunus-metadata", r#"{"app": "slow"}"#).await, "one of its tags");
    assert_eq!(with("x-portunus-metadata", r#"{"app": "fast"}"#).await.status, 200);
    assert_eq!(with("x-portunus-tags", "nightly").await.status, 200);
    let (_, secret) = portunus.key_with(|key| key.tags = vec![("app".to_owned(), "slow".to_owned())]).await;
    let reply = portunus.send("/v1/chat/completions", &small("route", false), &[("x-api-key", &secret)]).await;
    refused(&reply, "one of its tags");
}

fn model_budget(pattern: &str, max: &str) -> ModelBudget {
    let budget = Budget { max: usd(max), period: Period::Monthly };
    ModelBudget { pattern: pattern.to_owned(), budgets: vec![budget], mode: BudgetMode::Strict }
}

#[tokio::test]
async fn m1_a_model_within_a_key_has_a_budget_of_its_own() {
    let portunus = Portunus::start_with(ROUTE).await;
    let (key, secret) =
        portunus.key_with(|key| key.limits.model_budgets = vec![model_budget("gpt-4o", "0.000001")]).await;
    let send = async |model: &str| {
        portunus.send("/v1/chat/completions", &small(model, false), &[("x-api-key", &secret)]).await
    };
    refused(&send("up-openai/gpt-4o").await, "this model");
    assert_eq!(send("up-openai/gpt-4o-mini").await.status, 200);
    // Of a route, the target is passed over.
    assert_eq!(send("route").await.header("x-portunus-provider"), "up-anthropic");
    assert!(portunus.spend(&key).await.0 > Usd::ZERO);
    // Whatever a client calls the model, its budget is the same.
    let (_, secret) = portunus.key_with(|key| key.limits.model_budgets = vec![model_budget("route", "0.000001")]).await;
    for name in ["route", "same"] {
        let reply = portunus.send("/v1/chat/completions", &small(name, false), &[("x-api-key", &secret)]).await;
        refused(&reply, "this model");
    }
}

#[tokio::test]
async fn m1_a_model_within_a_key_is_charged_beside_the_key() {
    let portunus = Portunus::start_with(ROUTE).await;
    let (key, secret) = portunus
        .key_with(|key| {
            key.limits.max_budget = Some(usd("5"));
            key.limits.model_budgets = vec![model_budget("claude-*", "5"), model_budget("gpt-*", "5")];
        })
        .await;
    portunus.script(vec![Plan::error(503).on("/v1/chat/completions").times(1)]);
    let reply = portunus.send("/v1/chat/completions", &small("route", false), &[("x-api-key", &secret)]).await;
    let cost = portunus.record(&reply.call()).await.cost;
    assert_eq!((reply.status, portunus.spend(&key).await), (200, (cost, Usd::ZERO)), "{}", reply.text());
    for (pattern, charged) in [("claude-*", cost), ("gpt-*", Usd::ZERO)] {
        let budget = Budget { max: usd("5"), period: Period::Monthly };
        let scope = key.scope().model(pattern);
        let bound = Bound { scope, budget, mode: BudgetMode::Strict, version: 0 };
        assert_eq!(portunus.ledger.spend_of(&bound, portunus.clock.now()).await.unwrap().settled, charged, "{pattern}");
    }
}

#[tokio::test]
async fn m2_a_lenient_provider_admits_one_call_beyond_its_budget() {
    let lenient = "{ scope: provider, id: up-openai, max_budget_usd: 0.000001, budget_mode: last_one }";
    let portunus = under(lenient).await;
    let served: Vec<String> = [ask(&portunus, "route").await, ask(&portunus, "route").await]
        .iter()
        .map(|reply| reply.header("x-portunus-provider").to_owned())
        .collect();
    assert_eq!(served, ["up-openai", "up-anthropic"]);
}

#[tokio::test]
async fn m3_m4_a_call_that_only_the_operator_limits_has_a_cap_and_a_price() {
    let portunus = under(&provider("up-openai", "5")).await;
    portunus.chat("up-openai/gpt-4o", "hi").await;
    let sent = portunus.upstream.requests().last().unwrap().json();
    assert_eq!(sent.get("max_tokens").or(sent.get("max_completion_tokens")).and_then(|cap| cap.as_u64()), Some(4096));
    let reply = portunus.chat("up-openai/nobody-knows-its-price", "hi").await;
    assert_eq!((reply.status, reply.json()["error"]["code"].as_str()), (403, Some("model_unpriced")));
    let reply = portunus.chat("up-anthropic/nobody-knows-its-price", "hi").await;
    assert_eq!(reply.status, 200, "nothing bears its calls: {}", reply.text());
}

#[tokio::test]
async fn m15_a_call_costs_the_store_no_more_under_budgets_of_every_kind() {
    let seen = Arc::new(Seen::default());
    let watch = seen.clone();
    let scopes = [
        "{ scope: global, max_budget_usd: 500 }".to_owned(),
        "{ scope: tag, id: app=chat, max_budget_usd: 500 }".to_owned(),
        provider("up-openai", "500"),
        provider("up-anthropic", "500"),
    ];
    let config = format!("{ROUTE}budget: {{ scopes: [ {} ] }}\n", scopes.join(", "));
    let portunus = Setup::default().with(&config).over(|table| Watched::around(table, watch)).start().await;
    let policy = |key: &mut domain::key::VirtualKey| {
        key.limits.max_budget = Some(usd("500"));
        key.limits.model_budgets = vec![model_budget("route", "500")];
        key.tags = vec![("app".to_owned(), "chat".to_owned())];
    };
    let (_, secret) = portunus.key_with(policy).await;
    let send = async || portunus.send("/v1/chat/completions", &small("route", false), &[("x-api-key", &secret)]).await;
    // The first call, and the first move, borrow.
    for _ in 0..2 {
        portunus.script(vec![Plan::error(503).on("/v1/chat/completions").times(1)]);
        assert_eq!(send().await.header("x-portunus-provider"), "up-anthropic");
    }
    seen.verbs();
    assert_eq!(send().await.header("x-portunus-provider"), "up-openai");
    assert_eq!(seen.verbs(), ["update", "put", "update"], "admitted, recorded, freed");
    portunus.script(vec![Plan::error(503).on("/v1/chat/completions").times(1)]);
    assert_eq!(send().await.header("x-portunus-provider"), "up-anthropic");
    assert_eq!(seen.verbs(), ["update", "update", "put", "update"], "and moved");
}
