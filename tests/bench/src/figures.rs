//! Percentiles and the table they are printed in.

use std::time::Duration;

/// Times of many calls.
#[derive(Default)]
pub struct Times(Vec<Duration>);

impl Times {
    pub fn add(&mut self, time: Duration) {
        self.0.push(time);
    }

    pub fn extend(&mut self, other: Times) {
        self.0.extend(other.0);
    }

    /// The time that `percent` per cent of calls took at most, in microseconds.
    pub fn percentile(&mut self, percent: usize) -> f64 {
        self.0.sort_unstable();
        let at = (self.0.len().saturating_sub(1)) * percent / 100;
        self.0.get(at).map_or(0.0, |time| time.as_secs_f64() * 1e6)
    }
}

/// One line: a figure for the upstream asked directly, through the bare pass-through and through Portunus, and what these add.
pub fn row(what: &str, [direct, bare, through]: [f64; 3], unit: &str) {
    let (floor, added) = (bare - direct, through - direct);
    println!(
        "{what:<34} direct {direct:>8.1} {unit:<3} bare {bare:>8.1} {unit:<3} portunus {through:>8.1} {unit:<3} \
         added {added:>+8.1} {unit:<3} (bare {floor:>+8.1} {unit})"
    );
}

/// One line of rates, where more is better.
pub fn rate(what: &str, [direct, bare, through]: [f64; 3], unit: &str) {
    let share = |of: f64| if of > 0.0 { through / of } else { 0.0 };
    println!(
        "{what:<34} direct {direct:>8.0} {unit:<3} bare {bare:>8.0} {unit:<3} portunus {through:>8.0} {unit:<3} \
         of direct {:>4.2}    of bare {:>4.2}",
        share(direct),
        share(bare)
    );
}
