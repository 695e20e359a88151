//! What keys and groups have in common, as attributes of their items: allow-lists and limits.

use crate::table::{Item, Value};
use domain::{
    Usd,
    key::Allowed,
    limit::{Budget, BudgetMode, Hours, Limits, ModelBudget, Priority, RateLimit},
    time::Period,
};
use std::collections::BTreeMap;

/// The item with allow-lists and limits on it.
pub fn onto(item: Item, allowed: &Allowed, limits: &Limits) -> Item {
    item.with_some("models", filled(&allowed.models))
        .with_some("providers", filled(&allowed.providers))
        .with_some("routes", filled(&allowed.routes))
        .with_some("networks", filled(&allowed.networks.iter().map(ToString::to_string).collect::<Vec<_>>()))
        .with_some("max_budget", limits.max_budget)
        .with("budget_period", limits.budget_period.name())
        .with_some("budgets", list(&limits.budgets, budget_value))
        .with_some("soft_budget", limits.soft_budget)
        .with_some("last_one", (limits.budget_mode == BudgetMode::LastOne).then_some(true))
        .with_some("model_budgets", list(&limits.model_budgets, model_budget_value))
        .with_some("max_parallel", limits.max_parallel)
        .with_some("rpm", limits.rpm)
        .with_some("tpm", limits.tpm)
        .with_some("rate_limits", list(&limits.rate_limits, rate_limit_value))
        .with_some("observe", limits.observe.then_some(true))
        .with_some("priority", limits.priority.map(Priority::name))
}

/// The allow-lists of an item; `None` if they cannot be read, for what is not understood must not open anything.
pub fn allowed(item: &Item) -> Option<Allowed> {
    let networks = item.texts("networks");
    Some(Allowed {
        models: item.texts("models"),
        providers: item.texts("providers"),
        routes: item.texts("routes"),
        networks: networks.iter().map(|text| text.parse().ok()).collect::<Option<_>>()?,
    })
}

/// The limits of an item; `None` if they cannot be read, for a limit that is not understood must not be lifted.
pub fn limits(item: &Item) -> Option<Limits> {
    Some(Limits {
        max_budget: item.money("max_budget"),
        budget_period: Period::named(item.text("budget_period")?)?,
        budgets: read_list(item, "budgets", budget_from)?,
        soft_budget: item.money("soft_budget"),
        budget_mode: if item.flag("last_one") { BudgetMode::LastOne } else { BudgetMode::Strict },
        model_budgets: read_list(item, "model_budgets", model_budget_from)?,
        max_parallel: item.count("max_parallel").map(u32::try_from).transpose().ok()?,
        rpm: item.count("rpm"),
        tpm: item.count("tpm"),
        rate_limits: read_list(item, "rate_limits", rate_limit_from)?,
        observe: item.flag("observe"),
        priority: item.text("priority").and_then(Priority::named),
    })
}

/// A list worth storing.
fn filled(texts: &[String]) -> Option<Vec<String>> {
    (!texts.is_empty()).then(|| texts.to_vec())
}

fn list<T>(values: &[T], value: impl Fn(&T) -> Value) -> Option<Value> {
    (!values.is_empty()).then(|| Value::L(values.iter().map(value).collect()))
}

fn read_list<T>(item: &Item, name: &str, read: impl Fn(&Item) -> Option<T>) -> Option<Vec<T>> {
    let Some(Value::L(values)) = item.value(name) else { return Some(Vec::new()) };
    values.iter().map(|value| read(&as_item(value)?)).collect()
}

/// A map read like an item.
fn as_item(value: &Value) -> Option<Item> {
    let Value::M(map) = value else { return None };
    Some(map.iter().map(|(name, value)| (name.clone(), value.clone())).collect())
}

fn map<const N: usize>(entries: [(&str, Option<Value>); N]) -> Value {
    let entry = |(name, value): (&str, Option<Value>)| Some((name.to_owned(), value?));
    Value::M(entries.into_iter().filter_map(entry).collect::<BTreeMap<_, _>>())
}

fn budget_value(budget: &Budget) -> Value {
    map([("max", Some(budget.max.into())), ("period", Some(budget.period.name().into()))])
}

fn budget_from(item: &Item) -> Option<Budget> {
    let max: Usd = item.money("max")?;
    Some(Budget { max, period: Period::named(item.text("period")?)? })
}

fn model_budget_value(model: &ModelBudget) -> Value {
    map([
        ("model", Some(model.pattern.as_str().into())),
        ("budgets", list(&model.budgets, budget_value)),
        ("last_one", (model.mode == BudgetMode::LastOne).then(|| true.into())),
    ])
}

fn model_budget_from(item: &Item) -> Option<ModelBudget> {
    let mode = if item.flag("last_one") { BudgetMode::LastOne } else { BudgetMode::Strict };
    let budgets = read_list(item, "budgets", budget_from)?;
    Some(ModelBudget { pattern: item.text("model")?.to_owned(), budgets, mode })
}

fn rate_limit_value(limit: &RateLimit) -> Value {
    map([
        ("models", filled(&limit.models).map(Value::from)),
        ("from", limit.hours.map(|hours| u32::from(hours.from).into())),
        ("to", limit.hours.map(|hours| u32::from(hours.to).into())),
        ("rpm", limit.rpm.map(Value::from)),
        ("tpm", limit.tpm.map(Value::from)),
        ("max_parallel", limit.max_parallel.map(Value::from)),
    ])
}

fn rate_limit_from(item: &Item) -> Option<RateLimit> {
    let minutes = |name| item.count(name).map(u16::try_from).transpose().ok();
    let hours = minutes("from")?.zip(minutes("to")?).map(|(from, to)| Hours { from, to });
    Some(RateLimit {
        models: item.texts("models"),
        hours,
        rpm: item.count("rpm"),
        tpm: item.count("tpm"),
        max_parallel: item.count("max_parallel").map(u32::try_from).transpose().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_survive_both_ways() {
        let budget = |max: &str, period| Budget { max: max.parse().unwrap(), period };
        let limits = Limits {
            max_budget: Some("12.5".parse().unwrap()),
            budget_period: Period::Monthly,
            budgets: vec![budget("1", Period::Daily), budget("100", Period::Total), budget("7", Period::Every(5_400))],
            soft_budget: Some("10".parse().unwrap()),
            budget_mode: BudgetMode::LastOne,
            model_budgets: [BudgetMode::Strict, BudgetMode::LastOne]
                .map(|mode| ModelBudget {
                    pattern: format!("{mode:?}-*"),
                    budgets: vec![budget("3", Period::Monthly), budget("1", Period::Daily)],
                    mode,
                })
                .to_vec(),
            max_parallel: Some(7),
            rpm: Some(60),
            tpm: Some(100_000),
            rate_limits: vec![
                RateLimit { models: vec!["gpt-*".to_owned()], rpm: Some(5), ..RateLimit::default() },
                RateLimit { hours: Some(Hours { from: 540, to: 1_020 }), tpm: Some(9), ..RateLimit::default() },
            ],
            observe: true,
            priority: Some(Priority::Low),
        };
        let allowed_before = Allowed {
            models: vec!["gpt-*".to_owned()],
            networks: vec!["192.0.2.0/24".parse().unwrap(), "::1".parse().unwrap()],
            routes: vec!["chat".to_owned()],
            ..Allowed::default()
        };
        let item = onto(Item::at("a", "b"), &allowed_before, &limits);
        assert_eq!((super::limits(&item), allowed(&item)), (Some(limits), Some(allowed_before)));
    }

    #[test]
    fn a_limit_that_cannot_be_read_is_not_lifted() {
        let item = onto(Item::at("a", "b"), &Allowed::default(), &Limits::default());
        for name in ["budgets", "model_budgets"] {
            assert!(limits(&item.clone().with(name, Value::L(vec![Value::S("?".to_owned())]))).is_none(), "{name}");
        }
    }
}
