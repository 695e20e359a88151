//! What admins changed, in the same objects and the same chain as what callers did [A3, A4].
//!
//! Entries have no stream: they are asked for by the minute, from where the last run ended. The youngest wait until
//! nothing older can still be on its way.

use super::{Archive, Unarchived, Written, hour_of, line, plain, written};
use domain::Timestamp;
use std::collections::BTreeMap;
use stores::{
    archive::MOST_AT_ONCE,
    audit::{Audit, Placed},
};

/// Under which name the books remember how far changes are archived; no shard of a stream is called so.
const SHARD: &str = "admin";
/// How old an entry is when it is archived: several times as long as a request to the admin API may take.
const SETTLED_SECS: u64 = 120;
/// How far back the very first run looks.
const FIRST_SECS: u64 = 31 * 86_400;
/// A mark without entries is moved on when it is so old, so that no run asks for many days.
const STALE_SECS: u64 = 86_400;
/// The most entries of one round: each may be of another hour.
const MOST: u32 = MOST_AT_ONCE as u32;
/// The most rounds of one run; the next one goes on from there.
const ROUNDS: usize = 100;

impl Archive {
    /// Archives the changes that are not archived yet, and says how many. Any number of workers may do this at once.
    ///
    /// # Errors
    /// [`Unarchived`]; the next run goes on from there.
    pub async fn changes(&self, audit: &Audit) -> Result<u64, Unarchived> {
        let until = Timestamp::from_secs(self.clock.now().secs().saturating_sub(SETTLED_SECS));
        let mut archived = 0;
        for _ in 0..ROUNDS {
            let mark = self.books.mark(SHARD).await?;
            let from = mark.clone().unwrap_or_else(|| Audit::place(before(until, FIRST_SECS)));
            let found = audit.after(&from, until, MOST).await?;
            let Some(last) = found.last() else {
                self.move_on(mark.as_deref(), until).await?;
                break;
            };
            if !self.write(SHARD, mark.as_deref(), &last.place, objects(&found)?).await? {
                break;
            }
            archived += found.len() as u64;
        }
        Ok(archived)
    }

    /// Remembers that there is nothing up to a moment, if the mark is old.
    async fn move_on(&self, mark: Option<&str>, until: Timestamp) -> Result<(), Unarchived> {
        let stale = Audit::place(before(until, STALE_SECS));
        if mark.is_none_or(|mark| mark < stale.as_str()) {
            self.books.enter(SHARD, mark, &Audit::place(until), &[], hour_of(until)).await?;
        }
        Ok(())
    }
}

fn before(at: Timestamp, secs: u64) -> Timestamp {
    Timestamp::from_secs(at.secs().saturating_sub(secs))
}

/// One object for every hour in which something was changed.
fn objects(found: &[Placed]) -> std::io::Result<Vec<Written>> {
    let mut hours: BTreeMap<u64, Vec<&Placed>> = BTreeMap::new();
    for placed in found {
        hours.entry(hour_of(placed.entry.at)).or_default().push(placed);
    }
    hours.into_iter().map(|(hour, entries)| object(hour, &entries)).collect()
}

fn object(hour: u64, entries: &[&Placed]) -> std::io::Result<Written> {
    let place = |placed: Option<&&Placed>| placed.map(|placed| plain(&placed.place)).unwrap_or_default();
    let name = format!("{SHARD}-{}-{}", place(entries.first()), place(entries.last()));
    written(hour, &name, entries.iter().map(|placed| line::of_change(&placed.entry)))
}
