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

/// One line: a figure for the upstream asked directly, for Portunus, and what lies between them.
pub fn row(what: &str, direct: f64, through: f64, unit: &str) {
    let difference = through - direct;
    println!(
        "{what:<34} direct {direct:>10.1} {unit:<4} portunus {through:>10.1} {unit:<4} added {difference:>+9.1} {unit}"
    );
}

/// One line of rates, where more is better.
pub fn rate(what: &str, direct: f64, through: f64, unit: &str) {
    let ratio = if direct > 0.0 { through / direct } else { 0.0 };
    println!("{what:<34} direct {direct:>10.0} {unit:<4} portunus {through:>10.0} {unit:<4} ratio {ratio:>9.2}");
}
