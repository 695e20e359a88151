//! `budget`: how budgets are kept.

/// How budgets are kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Budget {
    pub mode: BudgetMode,
    pub store_failure: StoreFailure,
    /// The zone in which days, weeks and months begin.
    pub time_zone: String,
}

impl Default for Budget {
    fn default() -> Self {
        Self { mode: BudgetMode::default(), store_failure: StoreFailure::default(), time_zone: "UTC".to_owned() }
    }
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
