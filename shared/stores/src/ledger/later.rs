//! Settling in one write: the call record alone, and its hold is freed by whoever reads the stream of call records,
//! a batch of holds to a write [M15].

use super::{
    Ledger, LedgerError,
    chain::is_free,
    lane::{self, Hold, free_name, hold_name, lane_key, spent_name},
};
use crate::{
    calls::{CallImage, CallItem},
    table::{Get, TableError, Update},
};
use domain::{CallId, Usd};
use std::collections::BTreeMap;

/// So many holds leave a lane in one write: an expression has room for some more.
const MOST: usize = 20;

/// A hold that is over, and what its call cost when that was decided.
struct Over {
    call: CallId,
    hold: Hold,
    cost: Usd,
}

impl Ledger {
    /// Takes the holds of ended calls out of their lanes, as far as they are still there. A batch may come twice and
    /// in any order: a hold leaves its lane once.
    ///
    /// # Errors
    /// As the table; the whole batch may then be given again.
    pub async fn free_settled<'i>(
        &self,
        images: impl IntoIterator<Item = &'i CallImage>,
    ) -> Result<usize, LedgerError> {
        let mut lanes: BTreeMap<&str, Vec<&CallItem>> = BTreeMap::new();
        for image in images.into_iter().map(|image| &image.new).filter(|call| !call.lane.is_empty()) {
            lanes.entry(&image.lane).or_default().push(image);
        }
        let mut freed = 0;
        for (lane, calls) in lanes {
            freed += self.free_lane(lane, &calls).await?;
        }
        Ok(freed)
    }

    async fn free_lane(&self, lane: &str, calls: &[&CallItem]) -> Result<usize, LedgerError> {
        let read = Get::consistent(&self.names.quotas, lane_key(lane));
        let Some(item) = self.table.get(&read).await? else { return Ok(0) };
        let mut windows: BTreeMap<String, BTreeMap<String, Over>> = BTreeMap::new();
        for call in calls {
            let id = &call.record.call;
            let Some(hold) = lane::hold(&item, id) else { continue };
            let over = Over { call: id.clone(), cost: call.first_cost, hold };
            windows.entry(over.hold.window.clone()).or_default().insert(id.to_string(), over);
        }
        let mut freed = 0;
        for (window, over) in windows {
            let over: Vec<Over> = over.into_values().collect();
            for batch in over.chunks(MOST) {
                self.free_batch(lane, &window, batch).await?;
                freed += batch.len();
            }
        }
        if freed > 0 {
            self.hints.freed();
        }
        Ok(freed)
    }

    /// All at once; one by one if somebody else has freed one of them meanwhile.
    async fn free_batch(&self, lane: &str, window: &str, batch: &[Over]) -> Result<(), LedgerError> {
        match self.table.update(&self.freeing_all(lane, window, batch)).await {
            Ok(_) => Ok(()),
            Err(TableError::ConditionFailed { .. }) => {
                for over in batch {
                    self.free(lane, &over.call, over.hold.clone(), over.cost).await?;
                }
                Ok(())
            }
            Err(error) => Err(error.into()),
        }
    }

    fn freeing_all(&self, lane: &str, window: &str, batch: &[Over]) -> Update {
        let cost: Usd = batch.iter().map(|over| over.cost).sum();
        let held: Usd = batch.iter().map(|over| over.hold.worst).sum();
        let mut set = "SET #s = if_not_exists(#s, :z) + :c, #n = #n - :count".to_owned();
        let mut update = Update::new(&self.names.quotas, lane_key(lane), "")
            .name("#s", spent_name(window))
            .name("#n", "n")
            .value(":z", 0_u32)
            .value(":c", cost)
            .value(":count", batch.len() as u64);
        if !is_free(window) {
            set.push_str(", #a = if_not_exists(#a, :z) + :refund");
            update = update.name("#a", free_name(window)).value(":refund", held.saturating_sub(cost));
        }
        let (mut remove, mut condition) = (Vec::new(), Vec::new());
        for (over, (name, value)) in batch.iter().zip(SHORT) {
            update = update.name(name, hold_name(&over.call)).value(value, over.hold.text());
            remove.push(name);
            condition.push(format!("{name} = {value}"));
        }
        update.expression = format!("{set} REMOVE {}", remove.join(", "));
        update.when(condition.join(" AND "))
    }
}

/// Names and values of the holds of one write.
const SHORT: [(&str, &str); MOST] = [
    ("#h0", ":h0"),
    ("#h1", ":h1"),
    ("#h2", ":h2"),
    ("#h3", ":h3"),
    ("#h4", ":h4"),
    ("#h5", ":h5"),
    ("#h6", ":h6"),
    ("#h7", ":h7"),
    ("#h8", ":h8"),
    ("#h9", ":h9"),
    ("#h10", ":h10"),
    ("#h11", ":h11"),
    ("#h12", ":h12"),
    ("#h13", ":h13"),
    ("#h14", ":h14"),
    ("#h15", ":h15"),
    ("#h16", ":h16"),
    ("#h17", ":h17"),
    ("#h18", ":h18"),
    ("#h19", ":h19"),
];
