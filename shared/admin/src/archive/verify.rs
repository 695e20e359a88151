//! Whether the archive is still what it was: the chain is walked from its first digest, and every object read.

use super::{
    digest::{Digest, PREFIX as DIGESTS, Previous},
    sha256,
};
use domain::outward::{ObjectError, Objects};
use std::{collections::BTreeSet, fmt};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Report {
    pub digests: u64,
    pub objects: u64,
    pub records: u64,
    /// The last digest's name and SHA-256: keep it, for whoever removes the end of a chain leaves no trace in it.
    pub last: Option<Previous>,
    pub problems: Vec<Problem>,
    /// Objects that no digest names: written in an hour that is not closed yet, or left by a write that was repeated.
    pub unnamed: Vec<String>,
}

/// Something that is not as it was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Problem {
    Changed(String),
    DigestChanged(String),
    /// A digest that should follow this one's number is not there.
    DigestMissing(u64),
    DigestUnreadable(String),
    Missing(String),
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Changed(name) => write!(f, "changed: {name}"),
            Self::DigestChanged(name) => write!(f, "digest changed: {name}"),
            Self::DigestMissing(number) => write!(f, "digest missing: number {number}"),
            Self::DigestUnreadable(name) => write!(f, "digest cannot be read: {name}"),
            Self::Missing(name) => write!(f, "missing: {name}"),
        }
    }
}

/// Reads the whole archive.
///
/// # Errors
/// The place could not be read; what is wrong with what was read is in the report.
pub async fn verify(objects: &dyn Objects) -> Result<Report, ObjectError> {
    let mut report = Report::default();
    let mut named = BTreeSet::new();
    for name in objects.list(DIGESTS).await? {
        let bytes = objects.get(&name).await?.unwrap_or_default();
        let Ok(digest) = serde_json::from_slice::<Digest>(&bytes) else {
            report.problems.push(Problem::DigestUnreadable(name));
            continue;
        };
        report.follow(&digest);
        for object in &digest.objects {
            match objects.get(&object.name).await? {
                None => report.problems.push(Problem::Missing(object.name.clone())),
                Some(bytes) if sha256(&bytes) != object.sha256 => {
                    report.problems.push(Problem::Changed(object.name.clone()));
                }
                Some(_) => report.records += object.records,
            }
            named.insert(object.name.clone());
        }
        report.objects += digest.objects.len() as u64;
        report.digests += 1;
        report.last = Some(Previous { name, sha256: sha256(&bytes) });
    }
    let all = objects.list(super::PREFIX).await?;
    report.unnamed = all.into_iter().filter(|name| !name.starts_with(DIGESTS) && !named.contains(name)).collect();
    Ok(report)
}

impl Report {
    /// Nothing is missing and nothing has changed.
    pub fn is_sound(&self) -> bool {
        self.problems.is_empty()
    }

    /// Whether a digest follows the one before it.
    fn follow(&mut self, digest: &Digest) {
        let expected = self.digests + 1 + self.skipped();
        for number in expected..digest.number {
            self.problems.push(Problem::DigestMissing(number));
        }
        let gap = digest.number != expected;
        match (&self.last, &digest.previous) {
            (Some(last), Some(previous)) if last.name == previous.name && last.sha256 != previous.sha256 => {
                self.problems.push(Problem::DigestChanged(last.name.clone()));
            }
            (Some(last), previous) if !gap && previous.as_ref().is_none_or(|previous| previous.name != last.name) => {
                self.problems.push(Problem::DigestChanged(last.name.clone()));
            }
            _ => {}
        }
    }

    /// Digests known to be missing.
    fn skipped(&self) -> u64 {
        self.problems
            .iter()
            .filter(|problem| matches!(problem, Problem::DigestMissing(_) | Problem::DigestUnreadable(_)))
            .count() as u64
    }
}
