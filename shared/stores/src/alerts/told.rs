//! What was told, by day: the list people look at, and the queue of what is still to be delivered.
//!
//! `ALERTS#<day>` / `<alert id>`: `text` is the alert as JSON, `at`; `due` while it is to be delivered, `tries`;
//! `d:<place>` for every place that has it.

use crate::{
    journal::{self, ListError, Paging, Span},
    table::{Item, Key, Names, Put, Query, Returns, Table, TableError, Update, query_all},
};
use domain::{Timestamp, time::Period};
use std::sync::Arc;

/// How long an alert is kept.
const KEPT_SECS: u64 = 400 * 86_400;
const DAY_SECS: u64 = 86_400;
/// The longest pause before a delivery is tried again.
const LONGEST_PAUSE_SECS: u64 = 300;

/// The list.
#[derive(Clone)]
pub struct Told {
    table: Arc<dyn Table>,
    quotas: Arc<str>,
}

/// One alert of the list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ToldAlert {
    pub id: String,
    pub at: Timestamp,
    /// The alert, as JSON.
    pub text: String,
    /// When its delivery is due; `None` once every place has it, or none is asked any more.
    pub due: Option<Timestamp>,
    /// How often delivery failed.
    pub tries: u64,
    /// The places that have it.
    pub delivered: Vec<String>,
}

/// A page of alerts, newest first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ToldPage {
    pub alerts: Vec<ToldAlert>,
    /// Asks for the next page; `None` on the last.
    pub next: Option<String>,
}

impl Told {
    pub fn new(table: Arc<dyn Table>, names: &Names) -> Self {
        Self { table, quotas: Arc::clone(&names.quotas) }
    }

    /// Writes an alert down, to be delivered; again changes nothing.
    ///
    /// # Errors
    /// As the table.
    pub async fn add(&self, id: &str, at: Timestamp, text: &str) -> Result<(), TableError> {
        let Key { pk, sk } = key(id, at);
        let item =
            Item::at(pk, sk).with("text", text).with("at", at).with("due", at).with("ttl", at.secs() + KEPT_SECS);
        match self.table.put(&Put::new(&self.quotas, item).if_absent()).await {
            Ok(()) | Err(TableError::ConditionFailed { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The alerts of the day that `at` lies in, oldest first.
    ///
    /// # Errors
    /// As the table.
    pub async fn of_day(&self, at: Timestamp) -> Result<Vec<ToldAlert>, TableError> {
        let items = query_all(&*self.table, Query::partition(&self.quotas, partition(at))).await?;
        let mut told: Vec<ToldAlert> = items.iter().filter_map(read).collect();
        told.sort_by(|one, other| (one.at, &one.id).cmp(&(other.at, &other.id)));
        Ok(told)
    }

    /// One page of the alerts of a span that `wants` takes, newest first; each day of it is read by itself.
    ///
    /// # Errors
    /// [`ListError::UnknownCursor`] for one that was not given out for the same question; [`ListError::Store`].
    pub async fn newest(
        &self,
        span: Span,
        paging: &Paging<'_>,
        wants: impl Fn(&ToldAlert) -> bool,
    ) -> Result<ToldPage, ListError> {
        let start = paging.place()?.unwrap_or_else(|| journal::place(span.to, ""));
        let last = journal::time_of(&start).unwrap_or(span.to).min(span.to);
        let mut page = ToldPage::default();
        for day in (span.from.secs() / DAY_SECS..=last.secs() / DAY_SECS).rev() {
            for alert in self.of_day(Timestamp::from_secs(day * DAY_SECS)).await?.into_iter().rev() {
                let place = journal::place(alert.at, &alert.id);
                if place >= start || alert.at < span.from || !wants(&alert) {
                    continue;
                }
                page.alerts.push(alert);
                if page.alerts.len() >= paging.limit {
                    page.next = paging.cursor_at(Some(place));
                    return Ok(page);
                }
            }
        }
        Ok(page)
    }

    /// What is to be delivered of the last two days.
    ///
    /// # Errors
    /// As the table.
    pub async fn due(&self, now: Timestamp) -> Result<Vec<ToldAlert>, TableError> {
        let yesterday = Timestamp::from_secs(now.secs().saturating_sub(86_400));
        let mut told = self.of_day(yesterday).await?;
        told.extend(self.of_day(now).await?);
        told.retain(|alert| alert.due.is_some_and(|due| due <= now));
        Ok(told)
    }

    /// One alert, as it stands.
    ///
    /// # Errors
    /// As the table.
    pub async fn one(&self, id: &str, at: Timestamp) -> Result<Option<ToldAlert>, TableError> {
        let get = crate::table::Get::consistent(&self.quotas, key(id, at));
        Ok(self.table.get(&get).await?.as_ref().and_then(read))
    }

    /// A place has it.
    ///
    /// # Errors
    /// As the table.
    pub async fn delivered(&self, id: &str, at: Timestamp, place: &str, now: Timestamp) -> Result<(), TableError> {
        let update = Update::new(&self.quotas, key(id, at), "SET #d = :now").name("#d", format!("d:{place}"));
        self.change(update.value(":now", now)).await
    }

    /// Every place has it, or nobody tries any more.
    ///
    /// # Errors
    /// As the table.
    pub async fn finished(&self, id: &str, at: Timestamp) -> Result<(), TableError> {
        self.change(Update::new(&self.quotas, key(id, at), "REMOVE due")).await
    }

    /// A place does not have it yet: it is tried again, later every time.
    ///
    /// # Errors
    /// As the table.
    pub async fn later(&self, alert: &ToldAlert, now: Timestamp) -> Result<(), TableError> {
        let pause = 1_u64.checked_shl(alert.tries.min(20) as u32).unwrap_or(LONGEST_PAUSE_SECS).min(LONGEST_PAUSE_SECS);
        let update = Update::new(&self.quotas, key(&alert.id, alert.at), "SET due = :due ADD tries :one");
        self.change(update.value(":due", now.plus_secs(pause)).value(":one", 1_u32)).await
    }

    async fn change(&self, update: Update) -> Result<(), TableError> {
        self.table.update(&update.when("attribute_exists(pk)").returning(Returns::Nothing)).await.map(drop)
    }
}

fn partition(at: Timestamp) -> String {
    format!("ALERTS#{}", Period::Daily.window(at))
}

fn key(id: &str, at: Timestamp) -> Key {
    Key::new(partition(at), id)
}

fn read(item: &Item) -> Option<ToldAlert> {
    let places = item.iter().filter_map(|(name, _)| name.strip_prefix("d:")).map(str::to_owned);
    Some(ToldAlert {
        id: item.text("sk")?.to_owned(),
        at: item.moment("at")?,
        text: item.text("text")?.to_owned(),
        due: item.moment("due"),
        tries: item.count("tries").unwrap_or_default(),
        delivered: places.collect(),
    })
}
