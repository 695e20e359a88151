//! Which tags of a day are counted by name: clients may write tags, so names are only given while there is room [X4].
//!
//! A name is given by making its counter of the day, in one transaction with the count of names. Either is for good: a
//! tag that found no room that day never gets any, so a batch that is repeated counts where it counted before.

use super::{Span, Subject};
use crate::table::{Get, Item, Key, Names, Put, Reason, Table, TableError, Update, Write};
use domain::Timestamp;
use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
};

/// The most tags counted by name in a day.
const TAGS_OF_A_DAY: u32 = 1000;
/// Answers remembered; then all are forgotten.
const REMEMBERED: usize = 20_000;
/// How often a transaction in conflict is tried again.
const ROUNDS: usize = 12;

/// What is known already: by partition and sort key, whether there is room.
#[derive(Default)]
pub struct Tags(Mutex<HashMap<(String, String), bool>>);

impl Tags {
    /// Whether a tag is counted by name on the day of `at`.
    ///
    /// # Errors
    /// As the table.
    pub async fn have_room(
        &self,
        table: &dyn Table,
        names: &Names,
        tag: &Subject,
        at: Timestamp,
    ) -> Result<bool, TableError> {
        let place = (Span::Day.partition(at), tag.sort_key());
        if let Some(known) = self.known(&place) {
            return Ok(known);
        }
        let has_room = ask(table, names, Key::new(place.0.as_str(), place.1.as_str())).await?;
        self.remember(place, has_room);
        Ok(has_room)
    }

    fn known(&self, place: &(String, String)) -> Option<bool> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(place).copied()
    }

    fn remember(&self, place: (String, String), has_room: bool) {
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= REMEMBERED {
            known.clear();
        }
        known.insert(place, has_room);
    }
}

/// Finds the tag's counter, or makes it while there is room.
async fn ask(table: &dyn Table, names: &Names, key: Key) -> Result<bool, TableError> {
    for _ in 0..ROUNDS {
        if table.get(&Get::consistent(&names.quotas, key.clone())).await?.is_some() {
            return Ok(true);
        }
        let count = Update::new(&names.quotas, Key::new(key.pk.as_str(), "TAGS"), "ADD #n :one")
            .when("attribute_not_exists(#n) OR #n < :most")
            .name("#n", "n")
            .value(":one", 1_u32)
            .value(":most", TAGS_OF_A_DAY);
        let counter = Put::new(&names.quotas, Item::at(key.pk.as_str(), key.sk.as_str())).if_absent();
        match table.transact(&[Write::Update(count), Write::Put(counter)]).await {
            Ok(()) => return Ok(true),
            Err(TableError::TransactionCancelled { reasons }) => match reasons.as_slice() {
                // Somebody else made it meanwhile, or this program did and never heard the answer.
                [_, Reason::ConditionFailed { .. }] => return Ok(true),
                [Reason::ConditionFailed { .. }, _] => return Ok(false),
                _ => return Err(TableError::TransactionCancelled { reasons }),
            },
            Err(error) if error.is_contention() => {}
            Err(error) => return Err(error),
        }
    }
    Err(TableError::Conflict)
}
