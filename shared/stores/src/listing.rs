//! Lists in a partition of their own, newest first, of which somebody may want a part.
//!
//! A page of a part is read on until it is full, so that its cursor names a row that was shown, not one that was passed over.

use crate::{
    journal::ListError,
    keys::{Cursor, Peppers},
    table::{Item, Key, Query, Table},
};
use std::sync::Arc;

/// The most rows on a page [D5].
const PAGE: u32 = 200;
/// Pages looked at for one answer beside the first; it may then be short and not the last.
const MOST_LOOKED_AT: usize = 25;

/// One list.
pub(crate) struct Listing<'l> {
    pub table: &'l dyn Table,
    pub name: &'l Arc<str>,
    pub partition: &'l str,
    /// They sign cursors.
    pub peppers: &'l Peppers,
}

/// Rows, and the cursor of the next page.
pub(crate) type Page<T> = (Vec<T>, Option<String>);

impl Listing<'_> {
    /// At most `limit` (1 to 200) rows of those that `keep` wants.
    pub async fn page<T>(
        &self,
        limit: u32,
        cursor: Option<&str>,
        keep: impl Fn(&Item) -> Option<T>,
    ) -> Result<Page<T>, ListError> {
        let limit = limit.clamp(1, PAGE);
        let mut start = cursor.map(|cursor| self.place(cursor)).transpose()?;
        let mut rows = Vec::new();
        // What fills the page at once needs no more; what is narrow is looked for in larger pages.
        for fetched in std::iter::once(limit).chain(std::iter::repeat_n(PAGE, MOST_LOOKED_AT)) {
            let mut query = Query::partition(self.name, self.partition);
            (query.backward, query.limit, query.start) = (true, Some(fetched), start.take());
            let page = self.table.query(&query).await?;
            let mut items = page.items.iter().peekable();
            while let Some(item) = items.next() {
                rows.extend(keep(item));
                let more = items.peek().is_some() || page.next.is_some();
                if rows.len() >= limit as usize {
                    return Ok((rows, more.then(|| self.cursor(item.text("sk").unwrap_or_default()))));
                }
            }
            match page.next {
                None => return Ok((rows, None)),
                next => start = next,
            }
        }
        Ok((rows, start.map(|start| self.cursor(&start.sk))))
    }

    fn place(&self, cursor: &str) -> Result<Key, ListError> {
        let sk = Cursor::read(self.peppers, self.partition, cursor).ok_or(ListError::UnknownCursor)?;
        Ok(Key::new(self.partition, sk))
    }

    fn cursor(&self, place: &str) -> String {
        Cursor::write(self.peppers, self.partition, place)
    }
}
