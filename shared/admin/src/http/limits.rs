//! Allow-lists and limits: how an admin writes them and how answers show them, for keys and groups alike.

use super::{
    fields::{Field, Fields, optional},
    model_budgets, rates,
};
use domain::{
    Error, Usd,
    key::Allowed,
    limit::{Budget, BudgetMode, Limits, Priority},
    time::Period,
};
use serde::Serialize;

/// The fields that [`write`] takes.
pub const WRITABLE: [&str; 16] = [
    "models",
    "providers",
    "allowed_routes",
    "allowed_ips",
    "max_budget_usd",
    "budget_period",
    "budgets",
    "soft_budget_usd",
    "budget_mode",
    "model_budgets",
    "max_parallel",
    "rpm",
    "tpm",
    "rate_limits",
    "rate_limit_mode",
    "priority",
];

/// Fields of the contract that no part of the gateway keeps to yet.
pub const NOT_SUPPORTED: [&str; 1] = ["guardrails"];

const MOST_PATTERNS: usize = 500;
/// Further budgets, each a scope that every call pays into.
const MOST_BUDGETS: usize = 4;

pub const MODES: [(&str, BudgetMode); 2] = [("strict", BudgetMode::Strict), ("last_one", BudgetMode::LastOne)];

/// Writes a field, if it is one of these; false if it is another's affair.
///
/// # Errors
/// 400 naming the field.
pub fn write(allowed: &mut Allowed, limits: &mut Limits, field: &Field<'_>) -> Result<bool, Error> {
    let patterns = |field: &Field<'_>| field.patterns(MOST_PATTERNS);
    match field.name.as_str() {
        "models" => allowed.models = optional(field, patterns)?.unwrap_or_default(),
        "providers" => allowed.providers = optional(field, patterns)?.unwrap_or_default(),
        "allowed_routes" => allowed.routes = optional(field, patterns)?.unwrap_or_default(),
        "allowed_ips" => allowed.networks = optional(field, |field| field.networks(MOST_PATTERNS))?.unwrap_or_default(),
        "max_budget_usd" => limits.max_budget = optional(field, Field::money)?,
        "budget_period" => limits.budget_period = optional(field, period)?.unwrap_or_default(),
        "budgets" => limits.budgets = optional(field, budgets)?.unwrap_or_default(),
        "soft_budget_usd" => limits.soft_budget = optional(field, Field::money)?,
        "budget_mode" => limits.budget_mode = optional(field, |field| field.word(&MODES))?.unwrap_or_default(),
        "model_budgets" => limits.model_budgets = optional(field, model_budgets::read)?.unwrap_or_default(),
        "max_parallel" => limits.max_parallel = optional(field, rates::parallel)?,
        "rpm" => limits.rpm = optional(field, rates::a_minute)?,
        "tpm" => limits.tpm = optional(field, rates::a_minute)?,
        "rate_limits" => limits.rate_limits = optional(field, rates::narrower)?.unwrap_or_default(),
        "rate_limit_mode" => limits.observe = optional(field, |field| field.word(&rates::MODES))?.unwrap_or(false),
        "priority" => limits.priority = optional(field, |field| field.word(&rates::PRIORITIES))?,
        name if NOT_SUPPORTED.contains(&name) => {
            if !field.is_nothing() {
                return Err(field.wrong("is not supported yet; leave it out").with_code("not_supported"));
            }
        }
        _ => return Ok(false),
    }
    Ok(true)
}

/// How often a budget starts afresh.
pub fn period(field: &Field<'_>) -> Result<Period, Error> {
    let name = field.text(10)?;
    Period::named(&name).ok_or_else(|| {
        field.wrong("must be daily, weekly, monthly, total, or a duration of at least a minute such as 30d, 12h or 30m")
    })
}

/// Budgets, each over a window.
pub fn budgets(field: &Field<'_>) -> Result<Vec<Budget>, Error> {
    field.objects(MOST_BUDGETS)?.iter().map(|fields| budget(field, fields)).collect()
}

fn budget(list: &Field<'_>, fields: &Fields<'_>) -> Result<Budget, Error> {
    const EXPECTED: &str = "must hold objects of max_budget_usd and budget_period";
    fields.allow(&["max_budget_usd", "budget_period"])?;
    let (Some(max), Some(window)) = (fields.find("max_budget_usd"), fields.find("budget_period")) else {
        return Err(list.wrong(EXPECTED));
    };
    Ok(Budget { max: max.money()?, period: period(window)? })
}

/// Limits that contradict each other.
///
/// # Errors
/// 400 naming the field.
pub fn consistent(limits: &Limits) -> Result<(), Error> {
    if let (Some(soft), Some(most)) = (limits.soft_budget, limits.max_budget)
        && soft > most
    {
        return Err(Error::invalid("soft_budget_usd", "soft_budget_usd must not be larger than max_budget_usd"));
    }
    if !have_periods_of_their_own(&limits.all_budgets().collect::<Vec<_>>()) {
        return Err(Error::invalid("budgets", "budgets must each have a budget_period of their own"));
    }
    Ok(())
}

/// Is no window limited twice?
pub fn have_periods_of_their_own(budgets: &[Budget]) -> bool {
    let mut periods: Vec<Period> = budgets.iter().map(|budget| budget.period).collect();
    periods.sort_unstable();
    !periods.windows(2).any(|pair| matches!(pair, [one, other] if one == other))
}

/// Allow-lists and limits as answers show them.
#[derive(Serialize)]
pub struct Shown<'l> {
    models: &'l [String],
    providers: &'l [String],
    allowed_routes: &'l [String],
    allowed_ips: Vec<String>,
    max_budget_usd: Option<String>,
    budget_period: Period,
    budgets: Vec<ShownBudget>,
    soft_budget_usd: Option<String>,
    model_budgets: model_budgets::Shown<'l>,
    rpm: Option<u64>,
    tpm: Option<u64>,
    max_parallel: Option<u32>,
    rate_limits: Vec<rates::Shown<'l>>,
    rate_limit_mode: &'static str,
    priority: Option<Priority>,
    guardrails: [(); 0],
    budget_mode: BudgetMode,
}

/// One budget as answers show it.
#[derive(Serialize)]
pub struct ShownBudget {
    max_budget_usd: String,
    budget_period: Period,
}

impl ShownBudget {
    pub fn of(budget: &Budget) -> Self {
        Self { max_budget_usd: budget.max.to_string(), budget_period: budget.period }
    }
}

impl<'l> Shown<'l> {
    pub fn of(allowed: &'l Allowed, limits: &'l Limits) -> Self {
        Self {
            models: &allowed.models,
            providers: &allowed.providers,
            allowed_routes: &allowed.routes,
            allowed_ips: allowed.networks.iter().map(ToString::to_string).collect(),
            max_budget_usd: limits.max_budget.as_ref().map(Usd::to_string),
            budget_period: limits.budget_period,
            budgets: limits.budgets.iter().map(ShownBudget::of).collect(),
            soft_budget_usd: limits.soft_budget.as_ref().map(Usd::to_string),
            model_budgets: model_budgets::Shown(&limits.model_budgets),
            rpm: limits.rpm,
            tpm: limits.tpm,
            max_parallel: limits.max_parallel,
            rate_limits: limits.rate_limits.iter().map(rates::Shown::of).collect(),
            rate_limit_mode: rates::mode(limits.observe),
            priority: limits.priority,
            guardrails: [],
            budget_mode: limits.budget_mode,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(body: &str) -> Result<Limits, Error> {
        let (mut allowed, mut limits) = (Allowed::default(), Limits::default());
        for field in Fields::of(body).unwrap().iter() {
            assert!(write(&mut allowed, &mut limits, field)?);
        }
        consistent(&limits).map(|()| limits)
    }

    #[test]
    fn m16_several_windows_hold_at_once_each_once() {
        let day = r#"{"max_budget_usd": "1.5", "budget_period": "daily"}"#;
        let limits = written(&format!(r#"{{"max_budget_usd": 9, "budgets": [{day}]}}"#)).unwrap();
        assert_eq!(limits.all_budgets().count(), 2);
        let durations =
            written(r#"{"budget_period": "30d", "budgets": [{"max_budget_usd": 1, "budget_period": "12h"}]}"#);
        assert_eq!(durations.unwrap().budget_period.name(), "30d");
        let twice = written(
            r#"{"budgets": [{"max_budget_usd": 1, "budget_period": "7d"}, {"max_budget_usd": 2, "budget_period": "weekly"}]}"#,
        );
        assert_eq!(twice.unwrap_err().param.as_deref(), Some("budgets"), "a week is a week");
        assert_eq!(written(r#"{"budget_period": "5s"}"#).unwrap_err().param.as_deref(), Some("budget_period"));
        let twice = written(&format!(r#"{{"budgets": [{day}, {day}]}}"#)).unwrap_err();
        assert_eq!(twice.param.as_deref(), Some("budgets"));
        for wrong in
            [r#"[{}]"#, r#"[1]"#, r#"{"max_budget_usd": 1}"#, r#"[{"max_budget_usd": -1, "budget_period": "daily"}]"#]
        {
            assert_eq!(written(&format!(r#"{{"budgets": {wrong}}}"#)).unwrap_err().status(), 400, "{wrong}");
        }
    }
}
