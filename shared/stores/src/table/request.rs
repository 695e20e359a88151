//! What the verbs are asked. Expressions are DynamoDB's, with `#names` and `:values` bound here.

use super::{Item, Value};
use std::sync::Arc;

/// An item's primary key.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Key {
    pub pk: String,
    pub sk: String,
}

impl Key {
    pub fn new(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        Self { pk: pk.into(), sk: sk.into() }
    }
}

/// Reads one item.
#[derive(Clone, Debug)]
pub struct Get {
    pub table: Arc<str>,
    pub key: Key,
    /// Sees every write that was answered before; costs double [D4].
    pub consistent: bool,
}

impl Get {
    /// A strongly consistent read.
    pub fn consistent(table: &Arc<str>, key: Key) -> Self {
        Self { table: Arc::clone(table), key, consistent: true }
    }
}

/// A condition, and the names and values that an expression speaks of.
#[derive(Clone, Debug, Default)]
pub struct Terms {
    pub condition: Option<String>,
    pub names: Vec<(&'static str, String)>,
    pub values: Vec<(&'static str, Value)>,
}

macro_rules! terms {
    ($request:ident) => {
        impl $request {
            /// Does it only if this holds; otherwise the error carries the item as it is.
            #[must_use]
            pub fn when(mut self, condition: impl Into<String>) -> Self {
                self.terms.condition = Some(condition.into());
                self
            }

            /// Binds `#short` to an attribute's name.
            #[must_use]
            pub fn name(mut self, short: &'static str, attribute: impl Into<String>) -> Self {
                self.terms.names.push((short, attribute.into()));
                self
            }

            /// Binds `:short` to a value.
            #[must_use]
            pub fn value(mut self, short: &'static str, value: impl Into<Value>) -> Self {
                self.terms.values.push((short, value.into()));
                self
            }
        }
    };
}

/// Writes a whole item.
#[derive(Clone, Debug)]
pub struct Put {
    pub table: Arc<str>,
    pub item: Item,
    pub terms: Terms,
}

impl Put {
    pub fn new(table: &Arc<str>, item: Item) -> Self {
        Self { table: Arc::clone(table), item, terms: Terms::default() }
    }

    /// Only if no item has this key yet.
    #[must_use]
    pub fn if_absent(self) -> Self {
        self.when("attribute_not_exists(pk)")
    }
}

/// What an update answers with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Returns {
    #[default]
    Nothing,
    /// The whole item after the update, `None` if it has nothing but its key.
    New,
    /// The whole item before the update, `None` if there was none or it had nothing but its key.
    Old,
}

/// Changes an item in place.
#[derive(Clone, Debug)]
pub struct Update {
    pub table: Arc<str>,
    pub key: Key,
    pub expression: String,
    pub terms: Terms,
    pub returns: Returns,
    /// Contention is the caller's to judge: the write comes back at once, and is not tried again as it was.
    pub yields: bool,
}

impl Update {
    pub fn new(table: &Arc<str>, key: Key, expression: impl Into<String>) -> Self {
        Self {
            table: Arc::clone(table),
            key,
            expression: expression.into(),
            terms: Terms::default(),
            returns: Returns::Nothing,
            yields: false,
        }
    }

    /// Whoever makes the write knows of better than to try again where the item is written too often.
    #[must_use]
    pub fn yielding(mut self) -> Self {
        self.yields = true;
        self
    }

    #[must_use]
    pub fn returning(mut self, returns: Returns) -> Self {
        self.returns = returns;
        self
    }
}

/// Removes an item.
#[derive(Clone, Debug)]
pub struct Delete {
    pub table: Arc<str>,
    pub key: Key,
    pub terms: Terms,
}

impl Delete {
    pub fn new(table: &Arc<str>, key: Key) -> Self {
        Self { table: Arc::clone(table), key, terms: Terms::default() }
    }
}

terms!(Put);
terms!(Update);
terms!(Delete);

/// Reads a partition, in order of `sk`.
#[derive(Clone, Debug)]
pub struct Query {
    pub table: Arc<str>,
    pub pk: String,
    /// Only sort keys that begin with this; empty for all.
    pub sk_prefix: String,
    pub consistent: bool,
    /// Largest sort key first.
    pub backward: bool,
    /// At most so many items on a page.
    pub limit: Option<u32>,
    /// Where the page before ended.
    pub start: Option<Key>,
}

impl Query {
    /// All of a partition, consistently, forward.
    pub fn partition(table: &Arc<str>, pk: impl Into<String>) -> Self {
        Self {
            table: Arc::clone(table),
            pk: pk.into(),
            sk_prefix: String::new(),
            consistent: true,
            backward: false,
            limit: None,
            start: None,
        }
    }

    /// Only sort keys that begin so.
    #[must_use]
    pub fn beginning(mut self, sk_prefix: impl Into<String>) -> Self {
        self.sk_prefix = sk_prefix.into();
        self
    }
}

/// One write of a transaction.
#[derive(Clone, Debug)]
pub enum Write {
    Delete(Delete),
    Put(Put),
    Update(Update),
}
