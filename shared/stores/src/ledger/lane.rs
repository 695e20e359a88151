//! A lane item, and the holds in it.

use crate::table::{Item, Key, Value};
use domain::{
    CallId, KeyId, Timestamp, Usd,
    call::{Ask, Reservation},
    key::VirtualKey,
};
use itoa::Buffer;

/// One call's money, as the lane keeps it: `"<expiry in seconds>,<W>,<ambiguous>,<window>"`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hold {
    pub expires: u64,
    pub worst: Usd,
    pub ambiguous: Usd,
    pub window: String,
}

impl Hold {
    pub fn of(reservation: &Reservation) -> Self {
        Self {
            expires: reservation.lease_until.millis().div_ceil(1000),
            worst: reservation.worst_case,
            ambiguous: reservation.ambiguous,
            window: reservation.window.clone(),
        }
    }

    pub fn text(&self) -> String {
        let (mut expires, mut worst, mut ambiguous) = (Buffer::new(), Buffer::new(), Buffer::new());
        let worst = worst.format(self.worst.pico());
        let ambiguous = ambiguous.format(self.ambiguous.pico());
        let parts = [expires.format(self.expires), ",", worst, ",", ambiguous, ",", &self.window];
        parts.into_iter().fold(String::with_capacity(96), |text, part| text + part)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let mut parts = text.splitn(4, ',');
        let expires = parts.next()?.parse().ok()?;
        let worst = Usd::from_pico(parts.next()?.parse().ok()?);
        let ambiguous = Usd::from_pico(parts.next()?.parse().ok()?);
        Some(Self { expires, worst, ambiguous, window: parts.next()?.to_owned() })
    }

    pub fn is_due(&self, now: Timestamp) -> bool {
        self.expires < now.secs()
    }
}

/// The largest amount that is held or lent; anything above is as good as it.
const LARGEST: Usd = Usd::from_pico(10_i128.pow(36));

/// What is asked for, before it is held.
pub fn wanted(ask: &Ask<'_>, window: &str, lanes: u32) -> Reservation {
    Reservation {
        call: ask.call.clone(),
        key: ask.key.id.clone(),
        lane: lane_of(&ask.key.id, lanes, ask.call),
        window: window.to_owned(),
        worst_case: ask.worst_case.clamp(Usd::ZERO, LARGEST),
        ambiguous: ask.ambiguous.clamp(Usd::ZERO, LARGEST),
        lease_until: ask.lease_until,
        at: ask.now,
        remaining: None,
        may_wait: false,
        is_low: false,
    }
}

/// Lanes of a key without a budget: no money is lent to them, and a lane is cheaper the fewer holds it carries.
const FREE_LANES: u32 = 8;

/// How many lanes a new key starts with. Those of a key with a budget share it: one, until it proves hot.
pub fn first_lanes(key: &VirtualKey) -> u32 {
    let least = if !key.limits.has_budget() { FREE_LANES } else { 1 };
    key.lanes.max(least)
}

/// The first so many lanes of a key.
pub fn numbered(key: &KeyId, lanes: u32) -> impl Iterator<Item = String> {
    (0..lanes).map(move |number| lane(key, number))
}

/// Among as many lanes the same call always goes to the same one, so that a repetition finds its hold.
pub fn lane_of(key: &KeyId, lanes: u32, call: &CallId) -> String {
    lane(key, crc32fast::hash(call.as_str().as_bytes()) % lanes.max(1))
}

/// Is this call one of the one in so many? The same call always is.
pub fn chance(call: &CallId, one_in: u32) -> bool {
    crc32fast::hash(call.as_str().as_bytes()).rotate_left(16).is_multiple_of(one_in)
}

pub fn lane(key: &KeyId, number: u32) -> String {
    [key.as_str(), "#", Buffer::new().format(number)].concat()
}

/// Some number below `most`; the same lane always has the same.
pub fn spread_over(lane: &str, most: u64) -> u64 {
    u64::from(crc32fast::hash(lane.as_bytes())) % most
}

/// Which of its key's lanes this one is.
pub fn number(lane: &str) -> u32 {
    lane.rsplit_once('#').and_then(|(_, number)| number.parse().ok()).unwrap_or_default()
}

/// The key that owns a lane.
pub fn owner(lane: &str) -> KeyId {
    KeyId::from(lane.rsplit_once('#').map_or(lane, |(key, _)| key))
}

/// A name behind the mark of its kind.
fn marked(mark: &str, name: &str) -> String {
    let mut text = String::with_capacity(mark.len() + name.len());
    text.push_str(mark);
    text.push_str(name);
    text
}

pub fn lane_key(lane: &str) -> Key {
    Key::new(marked("LANE#", lane), "LANE")
}

pub fn free_name(window: &str) -> String {
    marked("a:", window)
}

pub fn spent_name(window: &str) -> String {
    marked("s:", window)
}

/// What was spent in closed windows of the lane, by the key's own window.
pub fn kept_name(own: &str) -> String {
    format!("k:{own}")
}

/// Remembers who lent to the lane for one window.
pub fn chain_key(lane: &str, code: &str) -> Key {
    Key::new(format!("LANE#{lane}"), format!("W#{code}"))
}

pub fn hold_name(call: &CallId) -> String {
    marked("h:", call.as_str())
}

/// Money lent to the lane and not held; `None` before its first loan in the window.
pub fn free(lane: &Item, window: &str) -> Option<Usd> {
    lane.money(&free_name(window))
}

pub fn in_flight(lane: &Item) -> u64 {
    lane.count("n").unwrap_or_default()
}

pub fn hold(lane: &Item, call: &CallId) -> Option<Hold> {
    lane.text(&hold_name(call)).and_then(Hold::parse)
}

pub fn holds(lane: &Item) -> impl Iterator<Item = (CallId, Hold)> {
    lane.iter().filter_map(|(name, value)| match (name.strip_prefix("h:"), value) {
        (Some(call), Value::S(text)) => Some((CallId::from(call), Hold::parse(text)?)),
        _ => None,
    })
}

/// Holds whose lease has passed.
pub fn due(lane: &Item, now: Timestamp) -> Vec<(CallId, Hold)> {
    holds(lane).filter(|(_, hold)| hold.is_due(now)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(budget: Option<i128>, lanes: u32) -> VirtualKey {
        let mut key = VirtualKey::named(KeyId::from("key_a"), "a", Timestamp::default());
        (key.limits.max_budget, key.lanes) = (budget.map(Usd::from_pico), lanes);
        key
    }

    #[test]
    fn m15_a_new_key_has_eight_lanes_and_with_a_budget_one_or_as_many_as_it_was_given() {
        assert_eq!([first_lanes(&key(None, 0)), first_lanes(&key(None, 1)), first_lanes(&key(None, 9))], [8, 8, 9]);
        assert_eq!([first_lanes(&key(Some(1), 0)), first_lanes(&key(Some(1), 4))], [1, 4]);
    }

    #[test]
    fn a_lane_is_named_by_its_key_and_number() {
        let lane = lane(&KeyId::from("key#a"), 12);
        assert_eq!((number(&lane), owner(&lane).as_str()), (12, "key#a"));
        assert_eq!((number("key_a"), number("key_a#x"), owner("key_a").as_str()), (0, 0, "key_a"));
    }

    #[test]
    fn one_call_in_so_many_is_chosen_and_always_the_same() {
        let call = |n: u32| CallId::from(format!("call_{n}"));
        let chosen = (0..8_000).filter(|n| chance(&call(*n), 8)).count();
        assert!((800..1_200).contains(&chosen), "{chosen}");
        assert!((0..100).all(|n| chance(&call(n), 1) && chance(&call(n), 8) == chance(&call(n), 8)));
    }

    #[test]
    fn lanes_spread_evenly_over_all_moments_there_are() {
        let moments = (0..4_000).map(|n| spread_over(&format!("key_a#{n}"), 100_000));
        let quarters = moments.fold([0; 4], |mut quarters, moment| {
            quarters[(moment / 25_000) as usize] += 1;
            quarters
        });
        assert!(quarters.iter().all(|lanes| (850..1_150).contains(lanes)), "{quarters:?}");
    }
}
