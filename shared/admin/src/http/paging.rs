//! Pages of lists that are read by time: which one is asked for, and what may be wrong with that [D5].

use super::{
    principal::Reach,
    query::{Query, wrong},
    store_failed,
};
use domain::{Error, Timestamp};
use stores::{ListError, Paging, Span, keys::Peppers};

/// Rows on a page, unless asked otherwise.
const PAGE: u32 = 50;
const LARGEST_PAGE: u32 = 200;
const DAY_SECS: u64 = 86_400;

/// The page that a request asks for.
#[derive(Debug)]
pub struct Page {
    question: String,
    limit: u32,
    cursor: Option<String>,
}

impl Page {
    /// As the stores take it.
    pub fn paging<'q>(&'q self, peppers: &'q Peppers) -> Paging<'q> {
        let limit = usize::try_from(self.limit).unwrap_or(1);
        Paging { question: &self.question, limit, cursor: self.cursor.as_deref(), peppers }
    }
}

impl Query {
    /// `limit` and `cursor`. A cursor is good for the same parameters only, in whatever order they come, and for those
    /// who see as much.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn page(&self, reach: &Reach) -> Result<Page, Error> {
        let limit = self.count("limit", 1, LARGEST_PAGE)?.unwrap_or(PAGE);
        let mut asked: Vec<_> = self.iter().filter(|(name, _)| !matches!(*name, "limit" | "cursor")).collect();
        asked.sort_unstable();
        let cursor = self.find("cursor").map(str::to_owned);
        Ok(Page { question: format!("{} {asked:?} {reach:?}", self.path()), limit, cursor })
    }

    /// `from` and `to`, each a day in UTC or a moment. A day as `to` is included, a moment is not.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn span(&self, now: Timestamp, usual_days: u64, most_days: u64) -> Result<Span, Error> {
        let tomorrow = Timestamp::from_secs((now.secs() / DAY_SECS + 1) * DAY_SECS);
        let to = self.moment("to", DAY_SECS)?.unwrap_or(tomorrow);
        let usual = Timestamp::from_secs(to.secs().saturating_sub(usual_days * DAY_SECS));
        let from = self.moment("from", 0)?.unwrap_or(usual);
        if from >= to {
            return Err(wrong("from", "must be earlier than to"));
        }
        if to.millis() - from.millis() > most_days * DAY_SECS * 1000 {
            return Err(wrong(
                "from",
                format_args!("must be at most {most_days} days before to; ask for less at a time"),
            ));
        }
        Ok(Span { from, to })
    }

    /// A moment, or a day and so many seconds.
    fn moment(&self, name: &str, of_day: u64) -> Result<Option<Timestamp>, Error> {
        let Some(text) = self.find(name) else { return Ok(None) };
        let day = (text.len() == 10).then(|| Timestamp::parse_rfc3339(&format!("{text}T00:00:00Z"))).flatten();
        let moment = day.map(|day| day.plus_secs(of_day)).or_else(|| Timestamp::parse_rfc3339(text));
        moment.map(Some).ok_or_else(|| {
            wrong(name, "must be a day in UTC such as 2026-11-21, or a time such as 2026-11-21T09:30:00Z")
        })
    }
}

/// Why there is no page.
pub fn failed(error: ListError) -> Error {
    match error {
        ListError::UnknownCursor => wrong("cursor", "is none that this list gave out for the same parameters"),
        ListError::Store(error) => store_failed(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Query {
        Query::of(&format!("/admin/v1/audit?{text}").parse().unwrap(), &["from", "to", "limit", "cursor"]).unwrap()
    }

    #[test]
    fn a_day_is_whole_and_a_moment_is_exact() {
        let now = Timestamp::parse_rfc3339("2026-11-21T12:00:00Z").unwrap();
        let span = |text| query(text).span(now, 1, 30).map(|span| (span.from.rfc3339(), span.to.rfc3339()));
        let day = |day: &str| format!("{day}T00:00:00.000Z");
        assert_eq!(span("").unwrap(), (day("2026-11-21"), day("2026-11-22")));
        assert_eq!(span("from=2026-11-01&to=2026-11-03").unwrap(), (day("2026-11-01"), day("2026-11-04")));
        assert_eq!(span("from=2026-11-21T09:30:00Z").unwrap().0, "2026-11-21T09:30:00.000Z");
        assert_eq!(span("from=2026-11-21T09:30:00%2B01:00").unwrap().0, "2026-11-21T08:30:00.000Z");
        for bad in
            ["from=2026-11-23", "from=yesterday", "from=2026-01-01", "to=2026-13-01", "from=2026-11-21T00:00:00%2B1"]
        {
            assert!(span(bad).is_err(), "{bad}");
        }
    }
}
