//! `model_budgets`: budgets of some models, within a key or a group, by the pattern of their names.

use super::{
    fields::{Field, Fields, is_pattern, optional},
    limits::{self, ShownBudget},
};
use domain::{
    Error,
    limit::{Budget, BudgetMode, ModelBudget},
    time::Period,
};
use serde::{Serialize, Serializer, ser::SerializeMap};

/// A call pays into the budgets of every pattern that fits its model.
const MOST_PATTERNS: usize = 20;

/// Reads `{"gpt-*": {"max_budget_usd": …, "budget_period": …}, …}`.
///
/// # Errors
/// 400 naming the field.
pub fn read(field: &Field<'_>) -> Result<Vec<ModelBudget>, Error> {
    let patterns = field.fields()?;
    if patterns.iter().count() > MOST_PATTERNS {
        return Err(field.wrong(format_args!("must have at most {MOST_PATTERNS} entries")));
    }
    patterns.iter().map(|entry| one(field, &entry.name, &entry.fields().map_err(|_| shape(field))?)).collect()
}

fn one(field: &Field<'_>, pattern: &str, fields: &Fields<'_>) -> Result<ModelBudget, Error> {
    if !is_pattern(pattern) {
        return Err(field.wrong("must name models of 1 to 256 visible ASCII characters, with * at the end at most"));
    }
    fields.allow(&["max_budget_usd", "budget_period", "budgets", "budget_mode"])?;
    let (mut max, mut period, mut budgets, mut mode) = (None, Period::default(), Vec::new(), BudgetMode::default());
    for field in fields.iter() {
        match field.name.as_str() {
            "max_budget_usd" => max = optional(field, Field::money)?,
            "budget_period" => period = optional(field, limits::period)?.unwrap_or_default(),
            "budgets" => budgets = optional(field, limits::budgets)?.unwrap_or_default(),
            _ => mode = optional(field, |field| field.word(&limits::MODES))?.unwrap_or_default(),
        }
    }
    budgets.splice(0..0, max.map(|max| Budget { max, period }));
    if budgets.is_empty() {
        return Err(field.wrong("must have max_budget_usd or budgets in every entry"));
    }
    if !limits::have_periods_of_their_own(&budgets) {
        return Err(field.wrong("must have each budget_period once in an entry"));
    }
    Ok(ModelBudget { pattern: pattern.to_owned(), budgets, mode })
}

fn shape(field: &Field<'_>) -> Error {
    field.wrong("must be an object of objects with max_budget_usd and budget_period")
}

/// As answers show them, in the form in which they are written.
pub struct Shown<'l>(pub &'l [ModelBudget]);

#[derive(Serialize)]
struct ShownModel {
    max_budget_usd: Option<String>,
    budget_period: Option<Period>,
    budgets: Vec<ShownBudget>,
    budget_mode: BudgetMode,
}

impl Serialize for Shown<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for model in self.0 {
            let (first, further) =
                model.budgets.split_first().map_or((None, &[][..]), |(first, rest)| (Some(first), rest));
            let shown = ShownModel {
                max_budget_usd: first.map(|budget| budget.max.to_string()),
                budget_period: first.map(|budget| budget.period),
                budgets: further.iter().map(ShownBudget::of).collect(),
                budget_mode: model.mode,
            };
            map.serialize_entry(&model.pattern, &shown)?;
        }
        map.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(models: &str) -> Result<Vec<ModelBudget>, Error> {
        let body = format!(r#"{{"model_budgets": {models}}}"#);
        read(Fields::of(&body).unwrap().find("model_budgets").unwrap())
    }

    #[test]
    fn m1_budgets_of_models_are_read_and_shown_alike() {
        let text = r#"{"gpt-*": {"max_budget_usd": 5, "budget_period": "monthly", "budgets": [{"max_budget_usd": "0.5", "budget_period": "daily"}]}, "claude": {"max_budget_usd": "1", "budget_mode": "last_one"}}"#;
        let models = written(text).unwrap();
        assert_eq!((models[0].pattern.as_str(), models[0].budgets.len()), ("gpt-*", 2));
        assert_eq!((models[1].mode, models[1].budgets[0].period), (BudgetMode::LastOne, Period::Total));
        assert_eq!(written(&serde_json::to_string(&Shown(&models)).unwrap()).unwrap(), models);
    }

    #[test]
    fn m14_what_is_no_budget_of_a_model_is_refused_by_name() {
        for wrong in [
            r#"[]"#,
            r#"{"a": 1}"#,
            r#"{"a": {}}"#,
            r#"{"a*b": {"max_budget_usd": 1}}"#,
            r#"{"": {"max_budget_usd": 1}}"#,
            r#"{"a": {"max_budget_usd": -1}}"#,
            r#"{"a": {"max_budget_usd": 1, "rpm": 5}}"#,
            r#"{"a": {"max_budget_usd": 1, "budgets": [{"max_budget_usd": 2, "budget_period": "total"}]}}"#,
            r#"{"a": {"max_budget_usd": 1}, "a": {"max_budget_usd": 1}}"#,
        ] {
            assert_eq!(written(wrong).unwrap_err().status(), 400, "{wrong}");
        }
    }
}
