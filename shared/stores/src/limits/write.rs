//! The writes: taking from every clock of a scope in one conditional update, and giving back.

use super::{
    gauge::{Counts, Interval, Nanos},
    memory::Image,
    want::{Given, Want, mark_of, nanos},
};
use crate::table::{Key, Names, Returns, Update};
use domain::Timestamp;

/// Names and values of one clock in an expression: itself, what was given back, its cost and its bounds.
struct Slot {
    clock: &'static str,
    refunded: &'static str,
    cost: &'static str,
    bound: &'static str,
    since: &'static str,
    count: &'static str,
    most: &'static str,
}

macro_rules! slots {
    ($($n:literal)*) => {
        [$(Slot {
            clock: concat!("#c", $n),
            refunded: concat!("#f", $n),
            cost: concat!(":c", $n),
            bound: concat!(":l", $n),
            since: concat!(":b", $n),
            count: concat!("#n", $n),
            most: concat!(":m", $n),
        }),*]
    };
}

/// As many clocks as a scope can have: two of its own and two of each of [`super::MOST_RATES`] narrower limits.
const SLOTS: [Slot; 18] = slots!(0 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17);

/// An expression under construction.
struct Draft {
    update: Update,
    sets: Vec<String>,
    conditions: Vec<String>,
    uses_zero: bool,
    uses_one: bool,
}

impl Draft {
    fn of(names: &Names, pk: &str, returns: Returns) -> Self {
        let update = Update::new(&names.quotas, Key::new(pk, "LIMIT"), "").returning(returns);
        Self { update, sets: Vec::new(), conditions: Vec::new(), uses_zero: false, uses_one: false }
    }

    fn edit(&mut self, change: impl FnOnce(Update) -> Update) {
        let empty = Update::new(&self.update.table, Key::new("", ""), "");
        self.update = change(std::mem::replace(&mut self.update, empty));
    }

    fn done(mut self, remove: &str) -> Update {
        if self.uses_zero {
            self.edit(|update| update.value(":z", 0_u32));
        }
        if self.uses_one {
            self.edit(|update| update.value(":one", 1_u32));
        }
        let set = if self.sets.is_empty() { String::new() } else { format!("SET {}", self.sets.join(", ")) };
        let mut update = self.update.when(self.conditions.join(" AND "));
        update.expression = format!("{set} {remove}").trim().to_owned();
        update
    }
}

/// Takes from every clock and count, if each lets the call pass. The form of each clock is chosen by how it stood.
pub fn taking(names: &Names, want: &Want, seen: &Image, now: Timestamp) -> Update {
    let share = want.share(seen, now);
    let mut draft = Draft::of(names, &want.pk, Returns::New);
    let at = nanos(now);
    for (gauge, slot) in want.gauges.iter().zip(SLOTS) {
        let Slot { clock, cost, bound, since, .. } = slot;
        let idle = gauge.seems_idle(seen.looked(&gauge.attribute()), at);
        let amount = if idle { at + gauge.cost() } else { gauge.cost() };
        draft.sets.push(if idle { format!("{clock} = {cost}") } else { format!("{clock} = {clock} + {cost}") });
        draft.conditions.push(if idle {
            format!("(attribute_not_exists({clock}) OR {clock} <= {bound})")
        } else {
            format!("{clock} > {since} AND {clock} <= {bound}")
        });
        draft.edit(|update| {
            let update = update.name(clock, gauge.attribute()).value(cost, amount);
            if idle {
                update.value(bound, at)
            } else {
                update.value(bound, gauge.latest(at, share)).value(since, at - gauge.slack())
            }
        });
    }
    for ((name, most), slot) in want.counts.iter().zip(SLOTS) {
        let Slot { count, most: bound, .. } = slot;
        draft.sets.push(format!("{count} = if_not_exists({count}, :z) + :one"));
        draft.conditions.push(format!("(attribute_not_exists({count}) OR {count} < {bound})"));
        let most = want.most(*most, share);
        draft.edit(|update| update.name(count, name.as_str()).value(bound, most));
        (draft.uses_zero, draft.uses_one) = (true, true);
    }
    draft.sets.push("#h = :hold, #p = :at".to_owned());
    let unmarked =
        if want.mark.lasting { "attribute_not_exists(#h)" } else { "(attribute_not_exists(#h) OR #h <> :hold)" };
    draft.conditions.push(unmarked.to_owned());
    draft.edit(|update| {
        let update = update.name("#h", want.mark.name.as_str()).value(":hold", want.mark.text.as_str());
        update.name("#p", mark_of(want.priority)).value(":at", now)
    });
    draft.edit(Update::yielding);
    draft.done("")
}

/// What of a call's intervals was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Used {
    /// The call was never made.
    Nothing,
    /// One request, of so many tokens.
    Tokens(u64),
}

impl Used {
    fn of(self, counts: Counts) -> u64 {
        match (self, counts) {
            (Used::Nothing, _) => 0,
            (Used::Tokens(_), Counts::Requests) => 1,
            (Used::Tokens(tokens), Counts::Tokens) => tokens,
        }
    }
}

/// Gives back what was not used and lies ahead, and the places in flight; once, by the mark. `surely`: only what needs
/// no condition on what others gave back.
pub fn giving(names: &Names, given: &Given, used: Used, seen: &Image, now: Nanos, surely: bool) -> Update {
    let mut draft = Draft::of(names, &given.pk, Returns::New);
    for (interval, slot) in given.intervals.iter().zip(SLOTS) {
        refund(&mut draft, interval, &slot, used, seen, now, surely);
    }
    for (name, slot) in given.counts.iter().zip(SLOTS) {
        draft.sets.push(format!("{0} = {0} - :one", slot.count));
        draft.edit(|update| update.name(slot.count, name.as_str()));
        draft.uses_one = true;
    }
    draft.conditions.push("#h = :hold".to_owned());
    draft.edit(|update| update.name("#h", given.mark.name.as_str()).value(":hold", given.mark.text.as_str()));
    draft.done("REMOVE #h")
}

fn refund(draft: &mut Draft, interval: &Interval, slot: &Slot, used: Used, seen: &Image, now: Nanos, surely: bool) {
    let used = used.of(interval.gauge.counts);
    let refund = if surely {
        interval.sure_refund(used, now)
    } else {
        interval.refund(used, seen.get(&interval.gauge.refunded()), now)
    };
    if refund.back <= 0 {
        return;
    }
    let Slot { clock, refunded, cost, bound, .. } = slot;
    draft.sets.push(format!("{clock} = {clock} - {cost}, {refunded} = if_not_exists({refunded}, :z) + {cost}"));
    draft.uses_zero = true;
    if let Some(above) = refund.unless_above {
        draft.conditions.push(format!("(attribute_not_exists({refunded}) OR {refunded} <= {bound})"));
        draft.edit(|update| update.value(bound, above));
    }
    draft.edit(|update| {
        let update = update.name(clock, interval.gauge.attribute()).value(cost, refund.back);
        update.name(refunded, interval.gauge.refunded())
    });
}

/// Says that a class is about, though it was refused.
pub fn marking(names: &Names, want: &Want, now: Timestamp) -> Update {
    Update::new(&names.quotas, Key::new(&want.pk, "LIMIT"), "SET #p = :at")
        .name("#p", mark_of(want.priority))
        .value(":at", now)
}
