//! `budget`: how budgets are kept.

use crate::{
    check::Scope,
    raw::{Reader, Text, raw, words},
};
use domain::{Zone, limit::OperatorBudget};
use scopes::RawScope;

/// Budgets of the operator's own.
mod scopes;

/// How budgets are kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Budget {
    pub mode: BudgetMode,
    pub store_failure: StoreFailure,
    /// The zone in which days, weeks and months begin.
    pub time_zone: Zone,
    /// What everybody together may spend, in the order of the file. No two stand on the same.
    pub scopes: Vec<OperatorBudget>,
}

/// How close to its limit a budget may come.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum BudgetMode {
    /// A call is admitted while anything is left, so the last one may overshoot.
    LastOne,
    /// A call is admitted only if its worst case fits.
    #[default]
    Strict,
}

/// What happens when the ledger cannot be asked.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum StoreFailure {
    /// Calls are refused.
    #[default]
    Closed,
    /// Calls go on uncounted.
    Open,
}

raw! {
    /// How budgets are kept.
    struct RawBudget {
        /// strict: a call is admitted only if its worst case fits. last_one: while anything is left.
        mode: BudgetMode,
        /// What happens when the ledger cannot be asked: calls are refused (closed) or go on uncounted (open).
        store_failure: StoreFailure,
        /// The zone in which days, weeks and months begin: a name of the IANA, such as Europe/Berlin. UTC where it is left out.
        time_zone: Text,
        /// What everybody together may spend: on everything, at a provider, or under a tag.
        scopes: Vec<RawScope>,
    }
}

words!(BudgetMode { "strict" => BudgetMode::Strict, "last_one" => BudgetMode::LastOne, });
words!(StoreFailure { "closed" => StoreFailure::Closed, "open" => StoreFailure::Open, });

impl From<BudgetMode> for domain::limit::BudgetMode {
    fn from(mode: BudgetMode) -> Self {
        match mode {
            BudgetMode::LastOne => Self::LastOne,
            BudgetMode::Strict => Self::Strict,
        }
    }
}

impl RawBudget {
    pub(crate) fn check(self, reader: &mut Reader, scope: &Scope<'_>) -> Budget {
        let time_zone = self.time_zone.map(|name| {
            Zone::named(&name.text).unwrap_or_else(|| {
                let wrong =
                    format!("time_zone {} is not a zone of the IANA, such as Europe/Berlin or UTC", name.shown());
                reader.wrong(name.at, wrong);
                Zone::utc()
            })
        });
        let mode = self.mode.unwrap_or_default();
        Budget {
            mode,
            scopes: scopes::checked(self.scopes.unwrap_or_default(), mode, reader, scope),
            store_failure: self.store_failure.unwrap_or_default(),
            time_zone: time_zone.unwrap_or_default(),
        }
    }
}
