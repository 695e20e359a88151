//! One limit as a clock (GCRA): it stands at the moment up to which what was admitted has used the rate up. A call moves
//! it on by what the call takes; it may run ahead of the time by the burst and no further.
//!
//! Arithmetic only, in nanoseconds. Every admitted call owns an interval of the clock as long as what it takes; the
//! intervals do not overlap, none begins before its call and none ends later than a burst after it (or both a second
//! earlier, where the limit is spread). So 60 seconds admit no more than the rate and one burst [M19].

use super::spread::Part;

/// Nanoseconds since 1970, or of a span.
pub type Nanos = i128;

const MINUTE: Nanos = 60_000_000_000;
/// The burst of requests: ten seconds' worth, but not fewer than these, and never more than a minute's.
const LEAST_BURST: u64 = 10;
/// A clock that many instances move at once may stand so far back and still be moved on from where it stands: which of
/// both forms the write needs is then seldom guessed wrong. It may run ahead by that much less.
const SLACK: Nanos = 1_000_000_000;

/// What a clock counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Counts {
    Requests,
    Tokens,
}

/// One clock, and what a call takes of it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    pub counts: Counts,
    /// The limit's name within its scope.
    pub name: String,
    /// How many pass in a minute, over all parts.
    pub limit: u64,
    /// Which part of the limit this clock keeps.
    pub part: Part,
    /// How many the call takes.
    pub count: u64,
}

impl Gauge {
    /// The attribute the clock is kept in.
    pub fn attribute(&self) -> String {
        let kind = if self.counts == Counts::Requests { "r" } else { "t" };
        format!("{kind}:{}", self.name)
    }

    /// The attribute of all that was ever given back to it.
    pub fn refunded(&self) -> String {
        format!("f{}", self.attribute())
    }

    /// What passes here in a minute.
    fn per_minute(&self) -> u64 {
        self.part.share(self.limit)
    }

    /// How many pass at once when the clock is idle.
    pub fn burst(&self) -> u64 {
        match self.counts {
            Counts::Requests => self.per_minute().min(LEAST_BURST.max(self.per_minute() / 6)),
            Counts::Tokens => self.per_minute(),
        }
    }

    /// How long the rate takes for so many, rounded up.
    pub fn span(&self, count: u64) -> Nanos {
        let rate = Nanos::from(self.per_minute().max(1));
        (Nanos::from(count) * MINUTE + rate - 1) / rate
    }

    /// What the call moves the clock on by.
    pub fn cost(&self) -> Nanos {
        self.span(self.count)
    }

    /// How far the clock may run ahead.
    fn depth(&self) -> Nanos {
        match self.counts {
            Counts::Requests => self.span(1) * Nanos::from(self.burst()),
            Counts::Tokens => self.span(self.burst()),
        }
    }

    /// How far back the clock may stand and be moved on from there.
    pub fn slack(&self) -> Nanos {
        if self.part.is_whole() { 0 } else { SLACK }
    }

    /// Is the clock to be set anew? One that many move is taken to go on where nobody looked.
    pub fn seems_idle(&self, stand: Option<Nanos>, now: Nanos) -> bool {
        stand.map_or(self.part.is_whole(), |stand| stand <= now - self.slack())
    }

    /// Could the call pass at all, were nobody else there?
    pub fn ever_passes(&self) -> bool {
        self.count <= self.burst() && self.cost() + self.slack() <= self.depth().max(self.cost())
    }

    /// How far ahead the clock may be when the call passes. A class that sees a part of the burst, in thousandths, still
    /// passes when the clock is idle.
    fn room(&self, share: u32) -> Nanos {
        (self.depth() * Nanos::from(share) / 1_000 - self.cost() - self.slack()).max(0)
    }

    /// The latest stand of the clock at which the call passes.
    pub fn latest(&self, now: Nanos, share: u32) -> Nanos {
        now + self.room(share)
    }

    /// When the call passes, if nothing else happens.
    pub fn passes_at(&self, stand: Nanos, share: u32) -> Nanos {
        stand - self.room(share)
    }

    /// How many would pass now, and how long until the clock is idle.
    pub fn left(&self, stand: Nanos, now: Nanos, share: u32) -> (u64, Nanos) {
        let ahead = (stand - now).max(0);
        let used = (stand - now).max(-self.slack()) + self.slack();
        let left = (self.depth() * Nanos::from(share) / 1_000 - used).max(0);
        let count = match self.counts {
            Counts::Requests => left / self.span(1).max(1),
            Counts::Tokens => left * Nanos::from(self.per_minute()) / MINUTE,
        };
        (u64::try_from(count).unwrap_or(u64::MAX), ahead)
    }
}

/// The interval of a clock that a call owns.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Interval {
    pub gauge: Gauge,
    /// No part of the interval lies before: when the call was admitted, by the clock of its instance, less the slack.
    pub from: Nanos,
    /// Where the interval ended when it was taken; refunds of calls before it move it forward.
    pub end: Nanos,
    /// All that had been given back by then.
    pub refunded: Nanos,
}

/// What can be given back, and for how long that is true.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refund {
    pub back: Nanos,
    /// Only if no more than this has been given back in all; `None`: in any case.
    pub unless_above: Option<Nanos>,
}

impl Interval {
    /// The part of the interval that is not used and certainly lies ahead. What lies behind has used the rate up: giving
    /// it back would let more into the minute than the limit.
    pub fn refund(&self, used: u64, refunded: Nanos, now: Nanos) -> Refund {
        let unused = (self.gauge.cost() - self.gauge.span(used)).max(0);
        let surely = (self.from + self.gauge.cost() - now).max(0);
        let ahead = (self.end - (refunded - self.refunded) - now).max(surely);
        let back = unused.min(ahead);
        let unless_above = (back > surely).then(|| self.refunded + self.end - now - back);
        Refund { back, unless_above }
    }

    /// What can be given back whatever others do meanwhile.
    pub fn sure_refund(&self, used: u64, now: Nanos) -> Refund {
        let unused = (self.gauge.cost() - self.gauge.span(used)).max(0);
        Refund { back: unused.min((self.from + self.gauge.cost() - now).max(0)), unless_above: None }
    }
}
