//! A table in plain memory that understands the expressions the ledger writes: fast enough for a hundred thousand
//! histories, and it counts what DynamoDB would charge.

use async_trait::async_trait;
use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex},
};
use stores::{
    Table, TableError,
    table::{Delete, Get, Item, Key, Page, Put, Query, Reason, Returns, Terms, Update, Value, Write},
};

type Place = (Arc<str>, String, String);

/// What was asked of the table, in DynamoDB's units.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Bill {
    pub calls: u64,
    pub write_units: u64,
    /// Halves of a read unit.
    pub half_read_units: u64,
}

#[derive(Default)]
struct Contents {
    items: BTreeMap<Place, Item>,
    bill: Bill,
}

/// Items in memory.
#[derive(Clone, Default)]
pub struct Pure(Arc<Mutex<Contents>>);

impl Pure {
    pub fn bill(&self) -> Bill {
        self.0.lock().unwrap().bill
    }
}

#[async_trait]
impl Table for Pure {
    async fn get(&self, get: &Get) -> Result<Option<Item>, TableError> {
        let mut contents = self.0.lock().unwrap();
        let item = contents.items.get(&place(&get.table, &get.key)).cloned();
        contents.bill.calls += 1;
        contents.bill.half_read_units += read_units(item.as_ref().map_or(0, size), get.consistent);
        Ok(item)
    }

    async fn put(&self, put: &Put) -> Result<(), TableError> {
        self.0.lock().unwrap().alone(&Write::Put(put.clone())).map(drop)
    }

    async fn update(&self, update: &Update) -> Result<Option<Item>, TableError> {
        let (old, new) = self.0.lock().unwrap().alone(&Write::Update(update.clone()))?;
        Ok(match update.returns {
            Returns::Nothing => None,
            Returns::New => new,
            Returns::Old => old,
        })
    }

    async fn delete(&self, delete: &Delete) -> Result<(), TableError> {
        self.0.lock().unwrap().alone(&Write::Delete(delete.clone())).map(drop)
    }

    async fn query(&self, query: &Query) -> Result<Page, TableError> {
        let mut contents = self.0.lock().unwrap();
        let from = (query.table.clone(), query.pk.clone(), query.sk_prefix.clone());
        let found = contents.items.range(from..).take_while(|((table, pk, sk), _)| {
            *table == query.table && *pk == query.pk && sk.starts_with(&query.sk_prefix)
        });
        let items: Vec<Item> = found.map(|(_, item)| item.clone()).collect();
        assert!(!query.backward && query.limit.is_none(), "the ledger asks for whole partitions");
        contents.bill.calls += 1;
        contents.bill.half_read_units += read_units(items.iter().map(size).sum(), query.consistent);
        Ok(Page { items, next: None })
    }

    async fn transact(&self, writes: &[Write]) -> Result<(), TableError> {
        let mut contents = self.0.lock().unwrap();
        let judged: Vec<_> = writes.iter().map(|write| contents.judge(write)).collect();
        contents.bill.calls += 1;
        let places: std::collections::BTreeSet<Place> = writes.iter().map(place_of).collect();
        assert!(places.len() == writes.len() && writes.len() <= 100, "no item twice, at most a hundred: {writes:?}");
        for judged in &judged {
            contents.bill.write_units += 2 * judged.units;
        }
        if judged.iter().any(|judged| judged.failed) {
            let reason = |judged: &Judged| match judged.failed {
                true => Reason::ConditionFailed { old: judged.old.clone() },
                false => Reason::None,
            };
            return Err(TableError::TransactionCancelled { reasons: judged.iter().map(reason).collect() });
        }
        for (write, judged) in writes.iter().zip(judged) {
            contents.store(place_of(write), judged.new);
        }
        Ok(())
    }
}

/// A write, looked at and not done.
struct Judged {
    old: Option<Item>,
    new: Option<Item>,
    failed: bool,
    units: u64,
}

impl Contents {
    fn judge(&self, write: &Write) -> Judged {
        let old = self.items.get(&place_of(write)).cloned();
        let (terms, new) = match write {
            Write::Put(put) => (&put.terms, Some(put.item.clone())),
            Write::Delete(delete) => (&delete.terms, None),
            Write::Update(update) => (&update.terms, None),
        };
        let failed =
            terms.condition.as_ref().is_some_and(|condition| !Reader::of(condition, terms, old.as_ref()).truth());
        let new = match write {
            Write::Update(update) if !failed => Some(updated(update, old.as_ref())),
            _ => new,
        };
        let bytes = old.as_ref().map_or(0, size).max(new.as_ref().map_or(0, size));
        Judged { old, new, failed, units: bytes.div_ceil(1024).max(1) }
    }

    fn alone(&mut self, write: &Write) -> Result<(Option<Item>, Option<Item>), TableError> {
        let judged = self.judge(write);
        self.bill.calls += 1;
        self.bill.write_units += judged.units;
        if judged.failed {
            return Err(TableError::ConditionFailed { old: judged.old });
        }
        self.store(place_of(write), judged.new.clone());
        Ok((judged.old, judged.new))
    }

    fn store(&mut self, place: Place, item: Option<Item>) {
        match item {
            Some(item) => drop(self.items.insert(place, item)),
            None => drop(self.items.remove(&place)),
        }
    }
}

fn place(table: &Arc<str>, key: &Key) -> Place {
    (table.clone(), key.pk.clone(), key.sk.clone())
}

pub fn place_of(write: &Write) -> Place {
    match write {
        Write::Put(put) => {
            let part = |name| put.item.text(name).unwrap().to_owned();
            (put.table.clone(), part("pk"), part("sk"))
        }
        Write::Update(update) => place(&update.table, &update.key),
        Write::Delete(delete) => place(&delete.table, &delete.key),
    }
}

/// As DynamoDB counts: names and texts by their bytes, numbers by half their digits.
fn size(item: &Item) -> u64 {
    fn value(of: &Value) -> u64 {
        match of {
            Value::S(text) => text.len() as u64,
            Value::N(number) => number.to_string().len().div_ceil(2) as u64 + 1,
            Value::Bool(_) => 1,
            Value::L(values) => 3 + values.iter().map(|of| 1 + value(of)).sum::<u64>(),
            Value::M(map) => 3 + map.iter().map(|(name, of)| 1 + name.len() as u64 + value(of)).sum::<u64>(),
        }
    }
    item.iter().map(|(name, of)| name.len() as u64 + value(of)).sum()
}

fn read_units(bytes: u64, consistent: bool) -> u64 {
    bytes.div_ceil(4096).max(1) * if consistent { 2 } else { 1 }
}

fn updated(update: &Update, old: Option<&Item>) -> Item {
    let mut new = old.cloned().unwrap_or_else(|| Item::at(update.key.pk.clone(), update.key.sk.clone()));
    let mut reader = Reader::of(&update.expression, &update.terms, old);
    let mut section = "";
    while let Some(token) = reader.next() {
        match token {
            "SET" | "REMOVE" => section = token,
            "," => {}
            path => {
                let name = reader.name(path);
                new = new.without(&name);
                if section == "SET" {
                    reader.expect("=");
                    let value = reader.sum();
                    new = new.with(name, value);
                }
            }
        }
    }
    new
}

/// Reads an expression, against the item as it was before.
struct Reader<'a> {
    tokens: std::iter::Peekable<std::vec::IntoIter<&'a str>>,
    terms: &'a Terms,
    item: Option<&'a Item>,
}

impl<'a> Reader<'a> {
    fn of(text: &'a str, terms: &'a Terms, item: Option<&'a Item>) -> Self {
        Self { tokens: tokens(text).into_iter().peekable(), terms, item }
    }

    fn next(&mut self) -> Option<&'a str> {
        self.tokens.next()
    }

    fn expect(&mut self, token: &str) {
        assert_eq!(self.next(), Some(token));
    }

    fn took(&mut self, token: &str) -> bool {
        self.tokens.next_if(|next| *next == token).is_some()
    }

    fn name(&self, path: &str) -> String {
        let bound = self.terms.names.iter().find(|(short, _)| *short == path);
        assert!(bound.is_some() || !path.starts_with('#'), "{path} is not bound");
        bound.map_or_else(|| path.to_owned(), |(_, name)| name.clone())
    }

    fn operand(&mut self) -> Option<Value> {
        let token = self.next().unwrap();
        if token == "if_not_exists" {
            self.expect("(");
            let stored = self.operand();
            self.expect(",");
            let otherwise = self.operand();
            self.expect(")");
            return stored.or(otherwise);
        }
        if token.starts_with(':') {
            let bound = self.terms.values.iter().find(|(short, _)| *short == token);
            return Some(bound.unwrap_or_else(|| panic!("{token} is not bound")).1.clone());
        }
        let name = self.name(token);
        self.item.and_then(|item| item.value(&name)).cloned()
    }

    fn sum(&mut self) -> Value {
        let mut sum = self.operand().expect("an attribute of a SET that is not there");
        loop {
            let sign = if self.took("+") {
                1
            } else if self.took("-") {
                -1
            } else {
                return sum;
            };
            match (sum, self.operand()) {
                (Value::N(left), Some(Value::N(right))) => sum = Value::N(left + sign * right),
                other => panic!("no numbers: {other:?}"),
            }
        }
    }

    fn truth(mut self) -> bool {
        let truth = self.any();
        assert_eq!(self.next(), None);
        truth
    }

    fn any(&mut self) -> bool {
        let mut truth = self.all();
        while self.took("OR") {
            truth |= self.all();
        }
        truth
    }

    fn all(&mut self) -> bool {
        let mut truth = self.one();
        while self.took("AND") {
            truth &= self.one();
        }
        truth
    }

    fn one(&mut self) -> bool {
        if self.took("(") {
            let truth = self.any();
            self.expect(")");
            return truth;
        }
        for (function, wanted) in [("attribute_exists", true), ("attribute_not_exists", false)] {
            if self.took(function) {
                self.expect("(");
                let there = self.operand().is_some();
                self.expect(")");
                return there == wanted;
            }
        }
        let left = self.operand();
        let comparison = self.next().unwrap();
        let (Some(left), Some(right)) = (left, self.operand()) else { return false };
        match (left, right, comparison) {
            (left, right, "=") => left == right,
            (left, right, "<>") => left != right,
            (Value::N(left), Value::N(right), ">=") => left >= right,
            (Value::N(left), Value::N(right), "<=") => left <= right,
            (Value::N(left), Value::N(right), ">") => left > right,
            (Value::N(left), Value::N(right), "<") => left < right,
            other => panic!("{other:?}"),
        }
    }
}

fn tokens(text: &str) -> Vec<&str> {
    let mut tokens = Vec::new();
    let mut rest = text.trim_start();
    while let Some(first) = rest.chars().next() {
        let is_word = |c: char| c.is_alphanumeric() || "_#:".contains(c);
        let length = if is_word(first) {
            rest.find(|c| !is_word(c)).unwrap_or(rest.len())
        } else if [">=", "<=", "<>"].iter().any(|two| rest.starts_with(two)) {
            2
        } else {
            1
        };
        let (token, after) = rest.split_at(length);
        tokens.push(token);
        rest = after.trim_start();
    }
    tokens
}
