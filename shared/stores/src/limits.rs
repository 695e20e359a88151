//! Rates: requests, tokens and calls in flight, exact across instances [M19].
//!
//! Every limited scope has one item with a clock per limit (see `gauge.rs`). A call takes from all its clocks in one
//! conditional update per scope, from all scopes or none, and leaves a mark there, so that a repeated write is known.
//! When it ends, the tokens it did not use are given back as far as that lies ahead, and its places in flight.

mod gauge;
mod memory;
mod spread;
mod want;
mod write;

use crate::{
    retry::Backoff,
    table::{Get, Item, Key, Names, Table, TableError},
};
use domain::{
    CallId, Timestamp,
    limit::{Priority, Rate, ScopeId},
    time::Clock,
};
use futures::future::join_all;
use gauge::Counts;
use memory::{Image, Memory, Refusal, Why};
use spread::ASKED;
use std::sync::Arc;
use want::{Given, Mark, Want, mark_of, nanos};
use write::Used;

/// The most narrower limits (by model or hour) that one scope can have.
pub const MOST_RATES: usize = 8;

/// How often a write goes back to what it found.
const ROUNDS: u32 = 12;
/// The most abandoned marks that one call clears away.
const MOST_DUE: usize = 8;
/// A refused class says at most so often that it is about.
const MARK_EVERY_MS: i128 = 10_000;

/// Takes and gives back. Cheap to share; hints in memory, truth in the table.
pub struct Limiter {
    table: Arc<dyn Table>,
    names: Names,
    clock: Arc<dyn Clock>,
    memory: Memory,
}

/// The limits of one scope that hold for a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoped {
    pub scope: ScopeId,
    /// At most one with the scope's own and [`MOST_RATES`] narrower ones.
    pub rates: Vec<Rate>,
    /// Told about, never refused.
    pub observe: bool,
}

/// What a call asks for.
#[derive(Clone, Copy, Debug)]
pub struct Ask<'a> {
    pub call: &'a CallId,
    pub scopes: &'a [Scoped],
    /// The most tokens it can use.
    pub tokens: u64,
    pub priority: Priority,
    /// When its places may be taken back.
    pub lease_until: Timestamp,
}

/// What a call was given: [`Limiter::settle`] or [`Limiter::undo`] it; else its lease does, without a refund.
#[derive(Clone, Debug, Default)]
pub struct Taken {
    given: Vec<Given>,
    pub standing: Standing,
    /// A limit that is only observed would have refused.
    pub observed: bool,
}

/// How the tightest limits stand.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    pub requests: Option<Figures>,
    pub tokens: Option<Figures>,
}

/// One limit as callers are told of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figures {
    /// In a minute.
    pub limit: u64,
    /// What would pass at once.
    pub remaining: u64,
    /// Until everything is there again.
    pub reset_ms: u64,
}

/// Why a call may not begin; nothing is taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refused {
    Over {
        what: Over,
        /// Not before then would it pass; `None`: never, it asks for more than the limit.
        retry_after_ms: Option<u64>,
        /// Is it the key's own limit?
        own: bool,
        standing: Standing,
    },
    /// The store did not answer in time.
    Unavailable,
}

/// What there was too much of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Over {
    Requests,
    Tokens,
    Parallel,
}

/// How one scope answered.
enum Outcome {
    Given(Given, Standing),
    Over(Vec<Refusal>, Standing),
    Unavailable,
}

impl Limiter {
    pub fn new(table: Arc<dyn Table>, names: Names, clock: Arc<dyn Clock>) -> Self {
        Self { table, names, clock, memory: Memory::default() }
    }

    /// Takes from every scope or from none. Asking again for the same call takes nothing more.
    ///
    /// # Errors
    /// [`Refused`]; after it nothing is taken.
    pub async fn take(&self, ask: &Ask<'_>) -> Result<Taken, Refused> {
        let wants: Vec<Want> = ask.scopes.iter().flat_map(|scoped| Want::all_of(scoped, ask)).collect();
        if let Some(refused) = self.known_refusal(&wants) {
            return Err(refused);
        }
        let outcomes = join_all(wants.iter().map(|want| self.take_somewhere(want))).await;
        self.joined(&wants, outcomes).await
    }

    /// How the limits stand as far as this instance knows, without asking the store.
    pub fn standing(&self, ask: &Ask<'_>) -> Standing {
        let wants: Vec<Want> = ask.scopes.iter().flat_map(|scoped| Want::all_of(scoped, ask)).collect();
        self.known_standing(&wants)
    }

    /// The call has ended and used so many tokens.
    pub async fn settle(&self, taken: &Taken, tokens: u64) {
        let lasting = taken.given.iter().filter(|given| given.mark.lasting);
        join_all(lasting.map(|given| self.give_back(given, Used::Tokens(given.piece.share(tokens))))).await;
    }

    /// The call was not made after all: everything is given back.
    pub async fn undo(&self, taken: &Taken) {
        join_all(taken.given.iter().map(|given| self.give_back(given, Used::Nothing))).await;
    }

    async fn joined(&self, wants: &[Want], outcomes: Vec<Outcome>) -> Result<Taken, Refused> {
        let mut taken = Taken::default();
        let mut refusals = Vec::new();
        let mut unavailable = false;
        for (want, outcome) in wants.iter().zip(outcomes) {
            match outcome {
                Outcome::Given(given, standing) => {
                    taken.given.push(given);
                    taken.standing = taken.standing.tighter(standing);
                }
                Outcome::Over(over, standing) => {
                    taken.standing = taken.standing.tighter(standing);
                    taken.observed |= want.observe;
                    if !want.observe {
                        refusals.extend(over.into_iter().map(|refusal| (want.own, refusal)));
                    }
                }
                Outcome::Unavailable => unavailable |= !want.observe,
            }
        }
        if refusals.is_empty() && !unavailable {
            return Ok(taken);
        }
        Box::pin(self.undo(&taken)).await;
        Err(refused(refusals, taken.standing, self.clock.now()).unwrap_or(Refused::Unavailable))
    }

    /// What asks for more than a limit ever gives, and what was refused just now, are refused without asking the store.
    fn known_refusal(&self, wants: &[Want]) -> Option<Refused> {
        let now = self.clock.now();
        let enforced = || wants.iter().filter(|want| !want.observe);
        if let Some((want, gauge)) = enforced()
            .flat_map(|want| want.gauges.iter().map(move |gauge| (want, gauge)))
            .find(|(_, g)| !g.ever_passes())
        {
            let what = if gauge.counts == Counts::Requests { Over::Requests } else { Over::Tokens };
            let standing = self.known_standing(wants);
            return Some(Refused::Over { what, retry_after_ms: None, own: want.own, standing });
        }
        let refusals =
            enforced().filter_map(|want| Some((want.own, self.memory.refusal(&want.home, want, now)?))).collect();
        refused(refusals, self.known_standing(wants), now)
    }

    fn known_standing(&self, wants: &[Want]) -> Standing {
        let now = self.clock.now();
        let all = wants.iter().map(|want| Standing::of(want, &self.memory.image(&want.pk), now));
        all.fold(Standing::default(), Standing::tighter)
    }

    /// Takes of the part that the call belongs to, or of another if that is used up.
    async fn take_somewhere(&self, want: &Want) -> Outcome {
        let moment = self.memory.moment(&want.home);
        let mut outcome = self.take_one(want).await;
        let known = |want: &Want| self.memory.refusal(&want.pk, want, self.clock.now()).is_some();
        for other in want.elsewhere().filter(|other| !known(other)).take(ASKED - 1) {
            if !matches!(outcome, Outcome::Over(..)) {
                break;
            }
            outcome = self.take_one(&other).await;
        }
        if let (Outcome::Over(refusals, _), false) = (&outcome, want.part.is_whole()) {
            let now = self.clock.now();
            refusals.iter().for_each(|refusal| self.memory.refused(&want.home, refusal.clone(), moment, now));
        }
        outcome
    }

    async fn take_one(&self, want: &Want) -> Outcome {
        let mut seen = self.memory.image(&want.pk);
        let mut backoff = Backoff::of(ROUNDS);
        let mut cleared = false;
        if want.observe && self.memory.refusal(&want.pk, want, self.clock.now()).is_some() {
            return Outcome::Over(Vec::new(), Standing::of(want, &seen, self.clock.now()));
        }
        for _ in 0..ROUNDS {
            let (now, mut moment) = (self.clock.now(), self.memory.moment(&want.pk));
            let old = match self.table.update(&write::taking(&self.names, want, &seen, now)).await {
                Ok(after) => return self.given(want, after.unwrap_or_default(), now).await,
                Err(TableError::ConditionFailed { old }) => old.unwrap_or_default(),
                Err(error) if error.is_contention() && backoff.again().await => match self.look(want).await {
                    Some(item) => item,
                    None => continue,
                },
                Err(error) => return self.lost(want, now, &error).await,
            };
            seen = Image::of(&old);
            self.memory.learn(&want.pk, &seen, now);
            if want.is_marked(&old) {
                return Outcome::Given(want.given(None, now), Standing::of(want, &seen, now));
            }
            let due = Mark::due(&old, &want.pk, now);
            if !due.is_empty() && !cleared {
                cleared = true;
                self.clear(due).await;
                (moment, seen) = (self.memory.moment(&want.pk), self.memory.image(&want.pk));
            }
            // The clock may have gone on since the write was made: what is judged now must not pass by then.
            let refusals = want.refusals(&seen, now);
            if !refusals.is_empty() {
                return self.over(want, refusals, &seen, (moment, now)).await;
            }
        }
        Outcome::Unavailable
    }

    /// An item that is written too often is read: whoever it refuses had better not write to learn it.
    async fn look(&self, want: &Want) -> Option<Item> {
        let read = Get::consistent(&self.names.quotas, Key::new(&want.pk, "LIMIT"));
        self.table.get(&read).await.ok().flatten()
    }

    async fn given(&self, want: &Want, after: Item, now: Timestamp) -> Outcome {
        let image = Image::of(&after);
        self.memory.learn(&want.pk, &image, now);
        self.clear(Mark::due(&after, &want.pk, now)).await;
        Outcome::Given(want.given(Some(&image), now), Standing::of(want, &image, now))
    }

    async fn over(
        &self,
        want: &Want,
        refusals: Vec<Refusal>,
        seen: &Image,
        (moment, now): (u64, Timestamp),
    ) -> Outcome {
        for refusal in &refusals {
            self.memory.refused(&want.pk, refusal.clone(), moment, now);
        }
        let said = seen.get(mark_of(want.priority));
        if want.priority > Priority::Low && i128::from(now.millis()) - said > MARK_EVERY_MS {
            let _ = self.table.update(&write::marking(&self.names, want, now)).await;
        }
        Outcome::Over(refusals, Standing::of(want, seen, now))
    }

    /// Nobody knows whether the write was done: it is undone if it was.
    async fn lost(&self, want: &Want, now: Timestamp, error: &TableError) -> Outcome {
        tracing::warn!(error = %error, "the limits cannot be reached");
        Box::pin(self.give_back(&want.given(None, now), Used::Nothing)).await;
        Outcome::Unavailable
    }

    /// Places of calls whose lease has passed.
    async fn clear(&self, due: Vec<Given>) {
        for given in due.into_iter().take(MOST_DUE) {
            Box::pin(self.give_back(&given, Used::Nothing)).await;
        }
    }

    /// Gives back what can be; a store that fails leaves the clock where it is, which admits less, never more.
    async fn give_back(&self, given: &Given, used: Used) {
        let mut seen = self.memory.image(&given.pk);
        let mut backoff = Backoff::of(ROUNDS);
        for round in 1..=ROUNDS {
            let now = self.clock.now();
            let update = write::giving(&self.names, given, used, &seen, nanos(now), round == ROUNDS);
            match self.table.update(&update).await {
                Ok(after) => {
                    self.memory.learn(&given.pk, &Image::of(&after.unwrap_or_default()), now);
                    self.memory.freed(&given.pk, now);
                    return self.memory.freed(&given.home, now);
                }
                Err(TableError::ConditionFailed { old: Some(item) }) if given.mark.is_in(&item) => {
                    seen = Image::of(&item);
                }
                Err(TableError::ConditionFailed { .. }) => return,
                Err(error) if error.is_contention() && backoff.again().await => {}
                Err(error) => {
                    tracing::warn!(error = %error, "what a call took from its limits is left to its lease");
                    return;
                }
            }
        }
    }
}

/// The refusal with the longest wait speaks for all.
fn refused(refusals: Vec<(bool, Refusal)>, standing: Standing, now: Timestamp) -> Option<Refused> {
    let (own, last) = refusals.into_iter().max_by_key(|(_, refusal)| refusal.passes_at)?;
    let what = match last.why {
        Why::Requests => Over::Requests,
        Why::Tokens => Over::Tokens,
        Why::Parallel => Over::Parallel,
    };
    let retry_after_ms = Some(last.passes_at.millis_since(now).max(1));
    Some(Refused::Over { what, retry_after_ms, own, standing })
}

impl Standing {
    fn of(want: &Want, image: &Image, now: Timestamp) -> Self {
        let share = want.share(image, now);
        let mut standing = Self::default();
        for gauge in &want.gauges {
            let (remaining, reset) = gauge.left(image.get(&gauge.attribute()), nanos(now), share);
            let reset_ms = u64::try_from((reset + 999_999) / 1_000_000).unwrap_or_default();
            // What one part has left, all are taken to have.
            let remaining = remaining.saturating_mul(gauge.part.of.into()).min(gauge.limit);
            let figures = Some(Figures { limit: gauge.limit, remaining, reset_ms });
            standing = standing.tighter(match gauge.counts {
                Counts::Requests => Self { requests: figures, tokens: None },
                Counts::Tokens => Self { requests: None, tokens: figures },
            });
        }
        standing
    }

    /// Of each two, the one that leaves less.
    fn tighter(self, other: Self) -> Self {
        let tighter = |one: Option<Figures>, two: Option<Figures>| {
            [one, two].into_iter().flatten().min_by_key(|figures| (figures.remaining, figures.limit))
        };
        Self { requests: tighter(self.requests, other.requests), tokens: tighter(self.tokens, other.tokens) }
    }
}
