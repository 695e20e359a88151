//! What a call asks of one scope, and what it was given.

use super::{
    Ask, Scoped,
    gauge::{Counts, Gauge, Interval, Nanos},
    memory::{Image, Refusal, Why},
    spread::{self, Part},
};
use crate::table::{Item, Value};
use domain::{
    CallId, Timestamp,
    limit::{Priority, Rate, ScopeKind},
};
use std::collections::BTreeMap;

/// The last so many characters of a call's id are random enough to know it by within an item.
const SHORT: usize = 15;
/// Calls that leave no lasting mark share these.
const RING: u32 = 16;
/// A class gives way to a higher one that has called in this time.
const MARK_MS: i128 = 60_000;
/// What a class sees of burst and parallelism meanwhile, in thousandths.
const NORMAL_SHARE: u32 = 800;
const LOW_SHARE: u32 = 500;
const WHOLE: u32 = 1_000;
const NANOS_IN_MILLI: i128 = 1_000_000;

/// What a call asks of one scope, or of one part of its limits.
#[derive(Clone, Debug)]
pub struct Want {
    pub pk: String,
    /// Where the limits are that are not spread: the name of the whole.
    pub home: String,
    /// Which part of its limits this is.
    pub part: Part,
    /// Which part of the call's tokens it asks for.
    pub piece: Part,
    pub gauges: Vec<Gauge>,
    /// Limits on calls in flight: attribute and most, over all parts.
    pub counts: Vec<(String, u32)>,
    pub mark: Mark,
    pub priority: Priority,
    pub observe: bool,
    /// Is it the key's own scope?
    pub own: bool,
}

/// How a call is known in an item, so that its repeated write is not a second one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mark {
    pub name: String,
    pub text: String,
    /// It stands until the call ends, for something is given back then.
    pub lasting: bool,
}

/// What a call was given by one scope.
#[derive(Clone, Debug)]
pub struct Given {
    pub pk: String,
    pub home: String,
    /// Which part of the call's tokens it was given.
    pub piece: Part,
    pub mark: Mark,
    pub intervals: Vec<Interval>,
    /// Attributes in which it counts as in flight.
    pub counts: Vec<String>,
}

pub fn nanos(at: Timestamp) -> Nanos {
    Nanos::from(at.millis()) * NANOS_IN_MILLI
}

/// Rounded up, so that nobody is told to come too early.
fn moment(at: Nanos) -> Timestamp {
    Timestamp::from_millis(u64::try_from((at + NANOS_IN_MILLI - 1) / NANOS_IN_MILLI).unwrap_or_default())
}

impl Want {
    /// What a call asks of one scope: of the item with its limits, and of parts of those that are spread.
    pub fn all_of(scoped: &Scoped, ask: &Ask<'_>) -> Vec<Self> {
        let mut spread: BTreeMap<u32, Vec<&Rate>> = BTreeMap::new();
        for rate in &scoped.rates {
            spread.entry(spread::parts(rate)).or_default().push(rate);
        }
        let mut wants = Vec::with_capacity(spread.len());
        for (parts, rates) in spread {
            let (first, pieces) = (Part::first(parts, ask.call), pieces(parts, &rates, ask.tokens));
            for nth in 0..pieces {
                let part = first.after(nth);
                // Where every part gives some, each gives its own share.
                let piece = if pieces == parts { part } else { Part { of: pieces, nth } };
                wants.push(Self::of_part(scoped, ask, &rates, (part, piece, nth == 0)));
            }
        }
        wants
    }

    /// What it asks of one part. What does not come in parts is asked of the `first`.
    fn of_part(scoped: &Scoped, ask: &Ask<'_>, rates: &[&Rate], (part, piece, first): (Part, Part, bool)) -> Self {
        let mut gauges = Vec::new();
        let mut counts = Vec::new();
        let tokens = piece.share(ask.tokens);
        for rate in rates {
            let gauge = |counts, limit, count| Gauge { counts, name: rate.name.clone(), limit, part, count };
            gauges.extend(rate.requests.filter(|_| first).map(|most| gauge(Counts::Requests, most, 1)));
            gauges.extend(rate.tokens.map(|most| gauge(Counts::Tokens, most, tokens)).filter(|g| g.count > 0));
            counts.extend(rate.parallel.filter(|_| first).map(|most| (format!("n:{}", rate.name), most)));
        }
        let lasting = !counts.is_empty() || gauges.iter().any(|gauge| gauge.counts == Counts::Tokens);
        let mark = Mark::of(ask.call, lasting, ask.lease_until, &counts);
        let own = scoped.scope.kind == ScopeKind::Key;
        let home = format!("LIMIT#{}", scoped.scope);
        let pk = pk(&home, part);
        Self { pk, home, part, piece, gauges, counts, mark, priority: ask.priority, observe: scoped.observe, own }
    }

    /// The same asked of other parts, the next one first. What takes of several parts takes of these.
    pub fn elsewhere(&self) -> impl Iterator<Item = Self> {
        let others = if self.piece.is_whole() { self.part.of } else { 1 };
        (1..others).map(|steps| self.at(self.part.after(steps)))
    }

    fn at(&self, part: Part) -> Self {
        let mut moved = Self { part, pk: pk(&self.home, part), ..self.clone() };
        moved.gauges.iter_mut().for_each(|gauge| gauge.part = part);
        moved
    }

    /// How many the call asks of what an attribute counts.
    pub fn asks(&self, attribute: &str) -> Option<u64> {
        let gauge = self.gauges.iter().find(|gauge| gauge.attribute() == attribute);
        let in_flight = self.counts.iter().any(|(name, _)| name == attribute);
        gauge.map(|gauge| gauge.count).or(in_flight.then_some(1))
    }

    /// What the call's class sees of burst and parallelism, in thousandths: less while a higher class is about.
    pub fn share(&self, image: &Image, now: Timestamp) -> u32 {
        let about = |class| i128::from(now.millis()) - image.get(mark_of(class)) < MARK_MS;
        match self.priority {
            Priority::Normal if about(Priority::High) => NORMAL_SHARE,
            Priority::Low if about(Priority::High) || about(Priority::Normal) => LOW_SHARE,
            Priority::Low | Priority::Normal | Priority::High => WHOLE,
        }
    }

    /// The calls in flight that the class may see here; one always.
    pub fn most(&self, most: u32, share: u32) -> u32 {
        let most = self.part.share(most.into());
        let shared = most * u64::from(share) / u64::from(WHOLE);
        u32::try_from(shared.max(1).min(most)).unwrap_or(u32::MAX)
    }

    /// Everything in the way as the item stands.
    pub fn refusals(&self, image: &Image, now: Timestamp) -> Vec<Refusal> {
        let share = self.share(image, now);
        let refusal = |attribute: String, why, passes_at, count| Refusal {
            attribute,
            why,
            passes_at,
            count,
            priority: self.priority,
        };
        let late = self.gauges.iter().filter_map(|gauge| {
            let stand = image.get(&gauge.attribute());
            let why = if gauge.counts == Counts::Requests { Why::Requests } else { Why::Tokens };
            (stand.max(nanos(now)) > gauge.latest(nanos(now), share)).then(|| {
                // Whoever comes again may come to another part, and none is used up for longer than the call takes.
                let anywhere = if self.part.is_whole() { 0 } else { nanos(now) + gauge.cost() };
                let passes_at = gauge.passes_at(stand, share).max(anywhere);
                refusal(gauge.attribute(), why, moment(passes_at), gauge.count)
            })
        });
        let full = self.counts.iter().filter(|(name, most)| image.get(name) >= self.most(*most, share).into());
        let full = full.map(|(name, _)| refusal(name.clone(), Why::Parallel, now.plus_secs(1), 1));
        late.chain(full).collect()
    }

    /// Is the call's own mark there?
    pub fn is_marked(&self, item: &Item) -> bool {
        self.mark.is_in(item)
    }

    /// What the write that was made at `now` gave. Without the item after it, only what is certain.
    pub fn given(&self, after: Option<&Image>, now: Timestamp) -> Given {
        let from = |gauge: &Gauge| nanos(now) - gauge.slack();
        let interval = |gauge: &Gauge| Interval {
            gauge: gauge.clone(),
            from: from(gauge),
            end: after.map_or(from(gauge) + gauge.cost(), |image| image.get(&gauge.attribute())),
            refunded: after.map_or(0, |image| image.get(&gauge.refunded())),
        };
        Given {
            pk: self.pk.clone(),
            home: self.home.clone(),
            piece: self.piece,
            mark: self.mark.clone(),
            intervals: self.gauges.iter().map(interval).collect(),
            counts: self.counts.iter().map(|(name, _)| name.clone()).collect(),
        }
    }
}

/// Where a part of the limits at `home` is kept.
fn pk(home: &str, part: Part) -> String {
    if part.is_whole() { home.to_owned() } else { format!("{home}#{}/{}", part.nth, part.of) }
}

/// Of how many parts a call takes that asks for so many tokens.
fn pieces(parts: u32, rates: &[&Rate], tokens: u64) -> u32 {
    // A little less than a part gives in a minute: a clock is never full to the brim.
    let part = |limit: u64| limit / u64::from(parts.max(1)) * 31 / 32;
    let least = rates.iter().filter_map(|rate| rate.tokens).min().map(part);
    let pieces = least.map_or(1, |least| tokens.div_ceil(least.max(1)));
    u32::try_from(pieces).unwrap_or(parts).clamp(1, parts)
}

/// The attribute that says when a class last called.
pub fn mark_of(class: Priority) -> &'static str {
    match class {
        Priority::High => "hp",
        Priority::Normal => "np",
        Priority::Low => "lp",
    }
}

impl Mark {
    fn of(call: &CallId, lasting: bool, lease_until: Timestamp, counts: &[(String, u32)]) -> Self {
        let id = call.as_str();
        let short = id.get(id.len().saturating_sub(SHORT)..).unwrap_or(id);
        if !lasting {
            let name = format!("k{}", crc32fast::hash(id.as_bytes()) % RING);
            return Self { name, text: short.to_owned(), lasting };
        }
        let lease = lease_until.millis().div_ceil(1_000).to_string();
        let parts = std::iter::once(lease).chain(counts.iter().map(|(name, _)| name.clone()));
        Self { name: format!("h:{short}"), text: parts.collect::<Vec<_>>().join(","), lasting }
    }

    pub fn is_in(&self, item: &Item) -> bool {
        item.text(&self.name) == Some(self.text.as_str())
    }

    /// Lasting marks whose lease has passed, as what was given to their calls.
    pub fn due(item: &Item, pk: &str, now: Timestamp) -> Vec<Given> {
        let due = |(name, value): (&str, &Value)| match value {
            Value::S(text) if name.starts_with("h:") => {
                let mut parts = text.split(',');
                let lease: u64 = parts.next()?.parse().ok()?;
                let mark = Self { name: name.to_owned(), text: text.clone(), lasting: true };
                let counts = parts.map(str::to_owned).collect();
                let (pk, home, piece) = (pk.to_owned(), pk.to_owned(), Part::WHOLE);
                (lease < now.secs()).then(|| Given { pk, home, piece, mark, intervals: Vec::new(), counts })
            }
            _ => None,
        };
        item.iter().filter_map(due).collect()
    }
}
