//! What goes wrong: each host has its own luck, and one trouble at a time.

use crate::{dice::Dice, network::TABLE};
use std::time::Duration;
use turmoil::Sim;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Trouble {
    /// Nothing comes through.
    Cut,
    /// Answers are lost: what was asked is done.
    Deaf,
    /// Requests are lost.
    Mute,
    /// Everything comes through, but only when the trouble is over.
    Held,
    /// The host crashes, and comes back with nothing in memory.
    Dead,
}

const TROUBLES: [Trouble; 5] = [Trouble::Cut, Trouble::Deaf, Trouble::Mute, Trouble::Held, Trouble::Dead];

/// One host, and how it fares.
struct Fate {
    host: String,
    now: Option<(Trouble, Duration)>,
}

/// Everybody's luck.
pub struct Weather {
    dice: Dice,
    fates: Vec<Fate>,
    /// How many troubles there were.
    pub troubles: usize,
}

impl Weather {
    pub fn new(seed: u64, gateways: &[String]) -> Self {
        let hosts = gateways.iter().cloned().chain([TABLE.to_owned()]);
        let fates = hosts.map(|host| Fate { host, now: None }).collect();
        Self { dice: Dice::of(seed, "weather"), fates, troubles: 0 }
    }

    /// Ten times a second: troubles end and begin. `crashed` hears of every gateway that dies.
    pub fn blow(&mut self, sim: &mut Sim<'_>, mut crashed: impl FnMut(&str)) {
        let now = sim.elapsed();
        for fate in &mut self.fates {
            match fate.now {
                Some((trouble, until)) if now >= until => {
                    end(sim, &fate.host, trouble);
                    fate.now = None;
                }
                None if self.dice.one_in(if fate.host == TABLE { 500 } else { 80 }) => {
                    let trouble = if fate.host == TABLE { Trouble::Dead } else { *self.dice.one_of(&TROUBLES) };
                    let short = fate.host == TABLE || self.dice.one_in(2);
                    let lasts = if short { self.dice.millis(50..3_000) } else { self.dice.millis(3_000..50_000) };
                    begin(sim, &fate.host, trouble);
                    if trouble == Trouble::Dead && fate.host != TABLE {
                        crashed(&fate.host);
                    }
                    fate.now = Some((trouble, now + lasts));
                    self.troubles += 1;
                }
                _ => {}
            }
        }
    }

    /// All is well from now on.
    pub fn clear(&mut self, sim: &mut Sim<'_>) {
        for fate in &mut self.fates {
            if let Some((trouble, _)) = fate.now.take() {
                end(sim, &fate.host, trouble);
            }
        }
    }
}

fn begin(sim: &mut Sim<'_>, host: &str, trouble: Trouble) {
    match trouble {
        Trouble::Cut => sim.partition(host, TABLE),
        Trouble::Deaf => sim.partition_oneway(TABLE, host),
        Trouble::Mute => sim.partition_oneway(host, TABLE),
        Trouble::Held => sim.hold(host, TABLE),
        Trouble::Dead => sim.crash(host),
    }
}

fn end(sim: &mut Sim<'_>, host: &str, trouble: Trouble) {
    match trouble {
        Trouble::Cut => sim.repair(host, TABLE),
        Trouble::Deaf => sim.repair_oneway(TABLE, host),
        Trouble::Mute => sim.repair_oneway(host, TABLE),
        Trouble::Held => sim.release(host, TABLE),
        Trouble::Dead => sim.bounce(host),
    }
}
