//! Digests: one for every hour in which objects were written, naming each with its SHA-256, and the digest before.
//!
//! Whoever removes or changes an object leaves a digest that says otherwise; whoever changes a digest leaves the next
//! one that does. An hour is closed five minutes after its end, so that no worker still enters anything into it.

use super::{Archive, Unarchived, folder, hour_of, sha256};
use serde::{Deserialize, Serialize};
use stores::archive::{Entry, Head};

/// Where digests lie: beside the hours, where readers of partitions do not look.
pub const PREFIX: &str = "audit/_digests/";
/// How long after its end an hour is closed.
const GRACE_SECS: u64 = 300;
/// The most hours that one run looks at.
const MOST_HOURS: u64 = 24 * 35;

/// What a digest says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Digest {
    /// 1 for the first.
    pub number: u64,
    /// `dt=2026-11-21/hour=03`: when its objects were written.
    pub hour: String,
    /// The digest before; absent for the first.
    pub previous: Option<Previous>,
    pub objects: Vec<Object>,
}

/// The digest before.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Previous {
    pub name: String,
    /// In hex.
    pub sha256: String,
}

/// One object.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Object {
    pub name: String,
    /// In hex.
    pub sha256: String,
    pub bytes: u64,
    pub records: u64,
}

impl Archive {
    /// Writes the digests of hours that are over, and says how many. Any number of workers may do this at once.
    ///
    /// # Errors
    /// [`Unarchived`]; the next run goes on from there.
    pub async fn close(&self) -> Result<u64, Unarchived> {
        let now = self.clock.now();
        let mut head = self.books.head(hour_of(now)).await?;
        let (before, open) = (head.digests, now.secs().saturating_sub(GRACE_SECS) / 3600);
        let last = open.min(head.hour + 1 + MOST_HOURS);
        for hour in head.hour + 1..last {
            let next = self.closed(&head, hour).await?;
            if !self.books.advance(&head, &next).await? {
                break;
            }
            head = next;
        }
        Ok(head.digests - before)
    }

    /// The end of the chain once an hour is closed.
    async fn closed(&self, head: &Head, hour: u64) -> Result<Head, Unarchived> {
        let entries = self.books.entered(hour).await?;
        if entries.is_empty() {
            return Ok(Head { hour, ..head.clone() });
        }
        let (name, text) = (format!("{PREFIX}{}.json", folder(hour)), text(head, hour, entries));
        let sha256 = sha256(text.as_bytes());
        self.objects.put(&name, text.into_bytes()).await?;
        Ok(Head { digests: head.digests + 1, hour, name, sha256 })
    }
}

fn text(head: &Head, hour: u64, entries: Vec<Entry>) -> String {
    let previous = Previous { name: head.name.clone(), sha256: head.sha256.clone() };
    let object =
        |entry: Entry| Object { name: entry.name, sha256: entry.sha256, bytes: entry.bytes, records: entry.records };
    let digest = Digest {
        number: head.digests + 1,
        hour: folder(hour),
        previous: (head.digests > 0).then_some(previous),
        objects: entries.into_iter().map(object).collect(),
    };
    serde_json::to_string_pretty(&digest).unwrap_or_default() + "\n"
}
