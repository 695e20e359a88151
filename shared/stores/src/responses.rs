//! Responses that callers come back to: what each was asked and what it answered, for 30 days.
//!
//! A response belongs to the key that asked for it, and its partition is named by both, so that no other key's request can
//! even ask for it. The text may be larger than an item: it is kept in parts, and the head is put last, so that a response
//! is there whole or not at all.

use crate::table::{Delete, Item, Key, Names, Put, Query, Table, TableError, query_all};
use domain::{KeyId, Timestamp};
use futures::future::try_join_all;
use serde::{Deserialize, Serialize};
use std::{fmt, sync::Arc};

/// How long a response is kept.
const KEPT_SECS: u64 = 30 * 86_400;
/// The most bytes of text in one item, with room to spare below DynamoDB's 400 KB [D1].
const PART: usize = 350_000;
/// Where the head of a response is. It sorts before the parts.
const HEAD: &str = "HEAD";

/// The store of responses.
#[derive(Clone)]
pub struct Responses {
    table: Arc<dyn Table>,
    cache: Arc<str>,
}

impl fmt::Debug for Responses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Responses")
    }
}

/// One response as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Stored {
    /// `resp_…`
    pub id: String,
    /// Ids of the responses it continues from, the first of the conversation first.
    pub before: Vec<String>,
    /// Its own input: the text of a JSON array of items.
    pub input: String,
    /// The response object: JSON text.
    pub response: String,
}

/// The text of a response, before it is cut into parts.
#[derive(Serialize, Deserialize)]
struct Text<'t> {
    before: Vec<String>,
    input: std::borrow::Cow<'t, str>,
    response: std::borrow::Cow<'t, str>,
}

impl Responses {
    pub fn new(table: Arc<dyn Table>, names: &Names) -> Self {
        Self { table, cache: Arc::clone(&names.cache) }
    }

    /// Keeps a response. Putting the same again changes nothing.
    ///
    /// # Errors
    /// As the table.
    pub async fn put(&self, key: &KeyId, stored: &Stored, now: Timestamp) -> Result<(), TableError> {
        let text = Text {
            before: stored.before.clone(),
            input: stored.input.as_str().into(),
            response: stored.response.as_str().into(),
        };
        let text = serde_json::to_string(&text).map_err(|problem| TableError::Invalid(problem.to_string()))?;
        let (first, others) = cut(&text);
        let (pk, ttl) = (partition(key, &stored.id), now.secs() + KEPT_SECS);
        let put = |sk: String, text: &str| {
            Put::new(&self.cache, Item::at(pk.clone(), sk).with("text", text).with("ttl", ttl))
        };
        let parts: Vec<Put> = others.iter().enumerate().map(|(at, text)| put(part(at), text)).collect();
        try_join_all(parts.iter().map(|part| self.table.put(part))).await?;
        let mut head = put(HEAD.to_owned(), first);
        head.item = head.item.with("parts", others.len() as u64);
        self.table.put(&head).await
    }

    /// A response of that key, if there is one and it is whole.
    ///
    /// # Errors
    /// As the table.
    pub async fn get(&self, key: &KeyId, id: &str, now: Timestamp) -> Result<Option<Stored>, TableError> {
        let items = query_all(&*self.table, Query::partition(&self.cache, partition(key, id))).await?;
        let Some(head) = items.first().filter(|item| item.text("sk") == Some(HEAD)) else { return Ok(None) };
        let over = head.count("ttl").is_none_or(|ttl| ttl <= now.secs());
        if over || head.count("parts") != Some(items.len() as u64 - 1) {
            return Ok(None);
        }
        let text: String = items.iter().filter_map(|item| item.text("text")).collect();
        let text: Text<'_> = serde_json::from_str(&text)
            .map_err(|problem| TableError::Invalid(format!("a stored response cannot be read: {problem}")))?;
        Ok(Some(Stored {
            id: id.to_owned(),
            before: text.before,
            input: text.input.into_owned(),
            response: text.response.into_owned(),
        }))
    }

    /// Forgets a response, and says whether there was one.
    ///
    /// # Errors
    /// As the table.
    pub async fn delete(&self, key: &KeyId, id: &str, now: Timestamp) -> Result<bool, TableError> {
        let there = self.get(key, id, now).await?.is_some();
        let items = query_all(&*self.table, Query::partition(&self.cache, partition(key, id))).await?;
        // The head first: without it the rest is nothing.
        for item in &items {
            if let (Some(pk), Some(sk)) = (item.text("pk"), item.text("sk")) {
                self.table.delete(&Delete::new(&self.cache, Key::new(pk, sk))).await?;
            }
        }
        Ok(there)
    }
}

fn partition(key: &KeyId, id: &str) -> String {
    format!("RESP#{key}#{id}")
}

fn part(at: usize) -> String {
    format!("PART#{at:05}")
}

/// The first part of a text, and the others.
fn cut(text: &str) -> (&str, Vec<&str>) {
    let mut parts = Vec::new();
    let mut rest = text;
    while !rest.is_empty() {
        let end = (0..=PART.min(rest.len())).rev().find(|at| rest.is_char_boundary(*at)).unwrap_or(rest.len());
        let (part, more) = rest.split_at(end);
        parts.push(part);
        rest = more;
    }
    match parts.split_first() {
        Some((first, others)) => (first, others.to_vec()),
        None => ("", Vec::new()),
    }
}
