//! The audit trail as objects: every call record and every change by an admin as a line of compressed NDJSON, and hourly
//! digests that name them [A3].
//!
//! The hold of a call in the ledger is its admit record, written before dispatch [A1, M15]; the call record is its
//! outcome, put once [A2]. This job copies outcomes from the stream to `audit/dt=…/hour=…/`, each once: the books
//! remember per shard how far it got. An object left behind by a worker that died before its entry is in no digest.

/// What admins changed.
mod changes;
/// The chain of digests.
pub mod digest;
/// Records as lines.
mod line;
/// Whether everything is still there as it was.
pub mod verify;

use crate::outbox::Record;
use domain::{
    Clock, Timestamp,
    outward::{ObjectError, Objects},
    time::Period,
};
use flate2::{Compression, GzBuilder};
use sha2::{Digest as _, Sha256};
use std::{collections::BTreeMap, io::Write, sync::Arc};
use stores::{
    Names, Table, TableError,
    archive::{Books, Entry, MOST_AT_ONCE},
    calls::{CallImage, SequenceNumber},
};

/// Where call records begin.
pub const PREFIX: &str = "audit/";

/// The job.
pub struct Archive {
    objects: Arc<dyn Objects>,
    books: Books,
    clock: Arc<dyn Clock>,
}

/// Why a batch was not archived; it is to be given again.
#[derive(Debug, thiserror::Error)]
pub enum Unarchived {
    #[error("a batch of call records could not be compressed: {0}")]
    Compress(#[from] std::io::Error),
    #[error(transparent)]
    Object(#[from] ObjectError),
    #[error(transparent)]
    Store(#[from] TableError),
}

/// One record and its place in the shard.
type Numbered<'r> = (&'r SequenceNumber, &'r CallImage);

impl Archive {
    /// Books lie in `names.quotas` of `table`.
    pub fn new(objects: Arc<dyn Objects>, table: Arc<dyn Table>, names: &Names, clock: Arc<dyn Clock>) -> Self {
        Self { objects, books: Books::new(table, names), clock }
    }

    /// Archives the records of a batch of one shard that are not archived yet, and says which they were. Records that
    /// cannot be read are somebody else's affair.
    ///
    /// # Errors
    /// [`Unarchived`]; what was archived before stays so.
    pub async fn take(&self, shard: &str, batch: &[Record]) -> Result<Vec<CallImage>, Unarchived> {
        let records = batch.iter().filter_map(|record| record.content.as_ref().ok()?.as_ref());
        let mut mark = self.books.mark(shard).await?;
        let is_fresh = |number: &SequenceNumber| mark.as_deref().is_none_or(|mark| number.as_str() > mark);
        let fresh: BTreeMap<_, _> =
            records.filter(|(number, _)| is_fresh(number)).map(|(number, image)| (number, image)).collect();
        let fresh: Vec<Numbered<'_>> = fresh.into_iter().collect();
        let mut archived = Vec::new();
        for part in parts(&fresh) {
            let Some((last, _)) = part.last() else { continue };
            let objects = by_hour(part).into_iter().map(|(hour, records)| object(shard, hour, &records));
            let objects = objects.collect::<std::io::Result<Vec<_>>>()?;
            if !self.write(shard, mark.as_deref(), last.as_str(), objects).await? {
                // Another worker has this shard, and tells of what it archived itself.
                return Ok(archived);
            }
            mark = Some(last.as_str().to_owned());
            archived.extend(part.iter().map(|(_, image)| (*image).clone()));
        }
        Ok(archived)
    }

    /// Writes objects and enters them; `false` if another worker was first.
    async fn write(
        &self,
        shard: &str,
        from: Option<&str>,
        last: &str,
        objects: Vec<Written>,
    ) -> Result<bool, Unarchived> {
        let now = self.clock.now();
        // The chain has begun before anything is entered, or its first digest would not look back far enough.
        self.books.head(hour_of(now)).await?;
        let entries: Vec<Entry> = objects.iter().map(|object| object.entry.clone()).collect();
        for Written { entry, bytes } in objects {
            self.objects.put(&entry.name, bytes).await?;
        }
        Ok(self.books.enter(shard, from, last, &entries, hour_of(now)).await?)
    }
}

/// An object, and what the books say of it.
struct Written {
    entry: Entry,
    bytes: Vec<u8>,
}

/// The calls of a shard that ended in one hour.
fn object(shard: &str, hour: u64, records: &[Numbered<'_>]) -> std::io::Result<Written> {
    let (first, last) = (records.first().map(|(n, _)| short(n)), records.last().map(|(n, _)| short(n)));
    let name = format!("{}-{}-{}", plain(shard), first.unwrap_or_default(), last.unwrap_or_default());
    written(hour, &name, records.iter().map(|(number, image)| line::of(number, image)))
}

/// Lines of one hour, compressed.
fn written(hour: u64, name: &str, lines: impl ExactSizeIterator<Item = String>) -> std::io::Result<Written> {
    let records = lines.len() as u64;
    let bytes = compressed(lines)?;
    let name = format!("{PREFIX}{}/{name}.ndjson.gz", folder(hour));
    let entry = Entry { name, sha256: sha256(&bytes), bytes: bytes.len() as u64, records };
    Ok(Written { entry, bytes })
}

/// Parts of a batch that span few enough hours for one entry in the books.
fn parts<'b, 'r>(batch: &'b [Numbered<'r>]) -> impl Iterator<Item = &'b [Numbered<'r>]> {
    batch.chunks(if by_hour(batch).len() <= MOST_AT_ONCE { batch.len().max(1) } else { MOST_AT_ONCE })
}

/// Records by the hour in which their calls ended, in order.
fn by_hour<'r>(records: &[Numbered<'r>]) -> BTreeMap<u64, Vec<Numbered<'r>>> {
    let mut hours: BTreeMap<u64, Vec<Numbered<'r>>> = BTreeMap::new();
    for (number, image) in records {
        hours.entry(hour_of(image.new.record.ended_at)).or_default().push((number, image));
    }
    hours
}

fn compressed(lines: impl Iterator<Item = String>) -> std::io::Result<Vec<u8>> {
    // No moment in the header: the same records make the same object.
    let mut gzip = GzBuilder::new().write(Vec::new(), Compression::default());
    for line in lines {
        gzip.write_all(line.as_bytes())?;
    }
    gzip.finish()
}

/// In hex.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hours since 1970.
fn hour_of(at: Timestamp) -> u64 {
    at.secs() / 3600
}

/// `dt=2026-11-21/hour=03`
fn folder(hour: u64) -> String {
    let at = Timestamp::from_secs(hour * 3600);
    format!("dt={}/hour={:02}", Period::Daily.window(at), hour % 24)
}

/// A shard's name as part of an object's.
fn plain(shard: &str) -> String {
    let tail = shard.rsplit(['/', ':']).next().unwrap_or_default();
    tail.chars().map(|c| if c.is_ascii_alphanumeric() || c == '-' { c } else { '_' }).collect()
}

/// A sequence number without its leading zeros.
fn short(number: &SequenceNumber) -> &str {
    number.as_str().trim_start_matches('0')
}
