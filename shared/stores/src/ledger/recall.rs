//! Recall: idle money comes back from other lanes before anyone is refused.

use super::{
    Ledger, LedgerError,
    chain::Scope,
    lane::{due, free, free_name, lane_key},
};
use crate::table::{Get, Item, Query, TableError, Update, Write, query_all};
use domain::Usd;

/// What came back.
#[derive(Clone, Copy, Debug, Default)]
pub struct Recalled {
    pub freed: Usd,
    /// Somebody was at work on a lane: there may be more.
    pub contended: bool,
}

impl Ledger {
    /// Takes back at most `shortage` of idle money that a scope lent, but not from `asking`: a lane and its window.
    pub(super) async fn recall(
        &self,
        scope: &Scope,
        asking: Option<(&str, &str)>,
        shortage: Usd,
    ) -> Result<Recalled, LedgerError> {
        let mut recalled = Recalled::default();
        for loan in self.loans(&scope.pk).await? {
            if recalled.freed >= shortage {
                return Ok(recalled);
            }
            if asking.is_none() || loan.text("lane").zip(loan.text("win")) != asking {
                let lacking = shortage.saturating_sub(recalled.freed);
                self.recall_loan(&loan, lacking, &mut recalled).await?;
            }
        }
        Ok(recalled)
    }

    /// The borrowers of a scope. What is closed is only not swept away yet.
    pub(super) async fn loans(&self, scope: &str) -> Result<Vec<Item>, TableError> {
        let loans = query_all(&*self.table, Query::partition(&self.names.quotas, scope).beginning("L#")).await?;
        Ok(loans.into_iter().filter(|loan| loan.count("ttl").is_none()).collect())
    }

    async fn recall_loan(&self, loan: &Item, most: Usd, recalled: &mut Recalled) -> Result<(), LedgerError> {
        let (Some(lane), Some(window)) = (loan.text("lane"), loan.text("win")) else { return Ok(()) };
        let Some(item) = self.swept_lane(lane).await? else { return Ok(()) };
        let idle = free(&item, window).unwrap_or_default().min(most);
        if idle <= Usd::ZERO {
            return Ok(());
        }
        let writes = self.giving_back(&item, lane, window, &loan.texts("chain"), idle);
        match self.table.transact(&writes).await {
            Ok(()) => recalled.freed = recalled.freed.saturating_add(idle),
            Err(TableError::TransactionCancelled { .. } | TableError::Conflict | TableError::Throttled) => {
                recalled.contended = true;
            }
            Err(error) => return Err(error.into()),
        }
        Ok(())
    }

    /// The lane as it is once its overdue holds are expired.
    pub(super) async fn swept_lane(&self, lane: &str) -> Result<Option<Item>, LedgerError> {
        let read = Get::consistent(&self.names.quotas, lane_key(lane));
        let Some(item) = self.table.get(&read).await? else { return Ok(None) };
        let due = due(&item, self.clock.now());
        if due.is_empty() {
            return Ok(Some(item));
        }
        self.expire_all(lane, due).await?;
        Ok(self.table.get(&read).await?)
    }

    /// `g` makes it happen once: every loan and recall of the lane moves it.
    fn giving_back(&self, item: &Item, lane: &str, window: &str, scopes: &[String], idle: Usd) -> Vec<Write> {
        let lane = Update::new(&self.names.quotas, lane_key(lane), "SET #a = #a - :x, #g = #g + :one")
            .when("#a >= :x AND #g = :g")
            .name("#a", free_name(window))
            .name("#g", "g")
            .value(":x", idle)
            .value(":one", 1_u32)
            .value(":g", item.number("g").unwrap_or_default());
        std::iter::once(Write::Update(lane)).chain(scopes.iter().map(|pk| self.scope_gets_back(pk, idle))).collect()
    }
}
