//! What a counter adds up.

use crate::{
    calls::{CallImage, CallItem},
    table::{Item, Update},
};
use domain::{Usd, call::UsageSource};
use std::{iter::Sum, ops::Add};

/// Sums over calls. Differences may be negative; what is stored never is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Total {
    pub cost: Usd,
    pub calls: i128,
    /// Calls that ended with a status of 400 or more.
    pub errors: i128,
    pub input: i128,
    pub cache_read: i128,
    /// Prompt tokens written to a cache, of either lifetime.
    pub cache_write: i128,
    pub output: i128,
    pub reasoning: i128,
    /// Calls whose usage is an estimate.
    pub estimated: i128,
    /// Calls without a price.
    pub unpriced: i128,
}

/// Attribute, its short name in expressions (some are reserved words), its value's, and each sum.
type Fields = [(&'static str, &'static str, &'static str, i128); 10];

impl Total {
    /// What the calls cost; `None` if no cost of any is known, which is not the same as nothing.
    pub fn known_cost(&self) -> Option<Usd> {
        (self.unpriced == 0 || self.cost != Usd::ZERO).then_some(self.cost)
    }

    /// What one call record adds.
    pub fn of_call(item: &CallItem) -> Self {
        let (record, usage) = (&item.record, &item.record.usage);
        Self {
            cost: record.cost,
            calls: 1,
            errors: (record.status >= 400).into(),
            input: usage.input.into(),
            cache_read: usage.cache_read.into(),
            cache_write: i128::from(usage.cache_write) + i128::from(usage.cache_write_1h),
            output: usage.output.into(),
            reasoning: usage.reasoning.into(),
            estimated: (record.usage_source == UsageSource::Estimated).into(),
            unpriced: record.unpriced.into(),
        }
    }

    /// What one image of the stream adds: a record, or what a correction changes.
    pub fn of_image(image: &CallImage) -> Self {
        let new = Self::of_call(&image.new);
        image.old.as_ref().map_or(new, |old| new.minus(&Self::of_call(old)))
    }

    pub(super) fn minus(self, other: &Self) -> Self {
        Self {
            cost: self.cost.saturating_sub(other.cost),
            calls: self.calls - other.calls,
            errors: self.errors - other.errors,
            input: self.input - other.input,
            cache_read: self.cache_read - other.cache_read,
            cache_write: self.cache_write - other.cache_write,
            output: self.output - other.output,
            reasoning: self.reasoning - other.reasoning,
            estimated: self.estimated - other.estimated,
            unpriced: self.unpriced - other.unpriced,
        }
    }

    fn fields(&self) -> Fields {
        [
            ("cost", "#cost", ":cost", self.cost.pico()),
            ("calls", "#calls", ":calls", self.calls),
            ("errors", "#errors", ":errors", self.errors),
            ("input", "#input", ":input", self.input),
            ("cache_read", "#cache_read", ":cache_read", self.cache_read),
            ("cache_write", "#cache_write", ":cache_write", self.cache_write),
            ("output", "#output", ":output", self.output),
            ("reasoning", "#reasoning", ":reasoning", self.reasoning),
            ("estimated", "#estimated", ":estimated", self.estimated),
            ("unpriced", "#unpriced", ":unpriced", self.unpriced),
        ]
    }

    /// An update that adds this, and sets the mark `#c` to `:last`. Sums of zero are left out.
    pub(super) fn adding(&self, update: Update) -> Update {
        let added: Vec<_> = self.fields().into_iter().filter(|(.., amount)| *amount != 0).collect();
        let clauses: Vec<String> = added.iter().map(|(_, name, value, _)| format!("{name} {value}")).collect();
        let add = if clauses.is_empty() { String::new() } else { format!(" ADD {}", clauses.join(", ")) };
        let update = Update { expression: format!("SET #c = :last{add}"), ..update };
        let bind = |update: Update, (attribute, name, value, amount): (_, _, _, i128)| {
            let attribute: &str = attribute;
            update.name(name, attribute).value(value, amount)
        };
        added.into_iter().fold(update, bind)
    }

    pub(super) fn from_item(item: &Item) -> Self {
        let sum = |name| item.number(name).unwrap_or_default();
        Self {
            cost: Usd::from_pico(sum("cost")),
            calls: sum("calls"),
            errors: sum("errors"),
            input: sum("input"),
            cache_read: sum("cache_read"),
            cache_write: sum("cache_write"),
            output: sum("output"),
            reasoning: sum("reasoning"),
            estimated: sum("estimated"),
            unpriced: sum("unpriced"),
        }
    }
}

impl Add for Total {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        let negated = Self::default().minus(&other);
        self.minus(&negated)
    }
}

impl Sum for Total {
    fn sum<I: Iterator<Item = Self>>(totals: I) -> Self {
        totals.fold(Self::default(), Add::add)
    }
}
