//! Values and items: the part of DynamoDB's types that the project uses.

use domain::{Timestamp, Usd};
use std::{borrow::Cow, collections::BTreeMap};

/// One attribute's value.
#[derive(Clone, Debug, PartialEq)]
pub enum Value {
    S(String),
    /// A whole number. DynamoDB keeps 38 digits exactly; fractions are not used.
    N(i128),
    Bool(bool),
    L(Vec<Value>),
    M(BTreeMap<String, Value>),
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Value::S(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Value::S(text)
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        Value::Bool(truth)
    }
}

impl From<i128> for Value {
    fn from(number: i128) -> Self {
        Value::N(number)
    }
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Value::N(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Value::N(number.into())
    }
}

/// Picodollars, kept within the 38 digits that are exact.
impl From<Usd> for Value {
    fn from(amount: Usd) -> Self {
        const LARGEST: i128 = 10_i128.pow(36);
        Value::N(amount.pico().clamp(-LARGEST, LARGEST))
    }
}

/// Milliseconds.
impl From<Timestamp> for Value {
    fn from(at: Timestamp) -> Self {
        at.millis().into()
    }
}

impl<T: Into<Value>> From<Vec<T>> for Value {
    fn from(values: Vec<T>) -> Self {
        Value::L(values.into_iter().map(Into::into).collect())
    }
}

/// Room for the attributes of a call record, the item that is written most.
const MOST_HAVE: usize = 32;

/// The name of an attribute.
pub type Name = Cow<'static, str>;

/// An item: attributes by name. They are few and mostly written in a row, so they are looked through, not hashed.
#[derive(Clone, Debug, Default)]
pub struct Item(Vec<(Name, Value)>);

/// In whatever order the attributes stand.
impl PartialEq for Item {
    fn eq(&self, other: &Self) -> bool {
        self.0.len() == other.0.len() && self.0.iter().all(|(name, value)| other.value(name) == Some(value))
    }
}

/// Every name may come once.
impl<N: Into<Name>> FromIterator<(N, Value)> for Item {
    fn from_iter<I: IntoIterator<Item = (N, Value)>>(attributes: I) -> Self {
        Self(attributes.into_iter().map(|(name, value)| (name.into(), value)).collect())
    }
}

impl Item {
    /// An empty item under this key.
    pub fn at(pk: impl Into<String>, sk: impl Into<String>) -> Self {
        let mut attributes = Vec::with_capacity(MOST_HAVE);
        attributes.push((Name::Borrowed("pk"), Value::S(pk.into())));
        attributes.push((Name::Borrowed("sk"), Value::S(sk.into())));
        Self(attributes)
    }

    /// This item with one more attribute.
    #[must_use]
    pub fn with(mut self, name: impl Into<Name>, value: impl Into<Value>) -> Self {
        let (name, value) = (name.into(), value.into());
        match self.0.iter_mut().find(|(known, _)| *known == name) {
            Some((_, old)) => *old = value,
            None => self.0.push((name, value)),
        }
        self
    }

    /// This item with one more attribute, which it does not have yet: it is not looked for.
    #[must_use]
    pub(crate) fn and(mut self, name: &'static str, value: impl Into<Value>) -> Self {
        debug_assert!(self.value(name).is_none(), "the item has {name} already");
        self.0.push((Name::Borrowed(name), value.into()));
        self
    }

    /// The same, if there is a value for it.
    #[must_use]
    pub(crate) fn and_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.and(name, value),
            None => self,
        }
    }

    /// This item without an attribute.
    #[must_use]
    pub fn without(mut self, name: &str) -> Self {
        self.0.retain(|(known, _)| known != name);
        self
    }

    /// All attributes.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &Value)> {
        self.0.iter().map(|(name, value)| (&**name, value))
    }

    /// This item with one more attribute, if there is a value for it.
    #[must_use]
    pub fn with_some(self, name: &'static str, value: Option<impl Into<Value>>) -> Self {
        match value {
            Some(value) => self.with(name, value),
            None => self,
        }
    }

    pub fn value(&self, name: &str) -> Option<&Value> {
        self.0.iter().find(|(known, _)| known == name).map(|(_, value)| value)
    }

    /// A text attribute.
    pub fn text(&self, name: &str) -> Option<&str> {
        match self.value(name) {
            Some(Value::S(text)) => Some(text),
            _ => None,
        }
    }

    /// A number attribute.
    pub fn number(&self, name: &str) -> Option<i128> {
        match self.value(name) {
            Some(Value::N(number)) => Some(*number),
            _ => None,
        }
    }

    /// A number attribute that counts something.
    pub fn count(&self, name: &str) -> Option<u64> {
        self.number(name).and_then(|number| number.try_into().ok())
    }

    /// An amount of money.
    pub fn money(&self, name: &str) -> Option<Usd> {
        self.number(name).map(Usd::from_pico)
    }

    /// A moment, stored in milliseconds.
    pub fn moment(&self, name: &str) -> Option<Timestamp> {
        self.count(name).map(Timestamp::from_millis)
    }

    /// A truth; an absent one is false.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.value(name), Some(Value::Bool(true)))
    }

    /// A list of texts; an absent one is empty.
    pub fn texts(&self, name: &str) -> Vec<String> {
        let Some(Value::L(values)) = self.value(name) else { return Vec::new() };
        values.iter().filter_map(|value| if let Value::S(text) = value { Some(text.clone()) } else { None }).collect()
    }

    /// Texts by name, in order of name; an absent map is empty.
    pub fn labels(&self, name: &str) -> Vec<(String, String)> {
        let Some(Value::M(map)) = self.value(name) else { return Vec::new() };
        let label = |(name, value): (&String, &Value)| match value {
            Value::S(text) => Some((name.clone(), text.clone())),
            _ => None,
        };
        map.iter().filter_map(label).collect()
    }
}

/// Labels as a map value; `None` if there are none, so that nothing is stored.
pub(crate) fn labels(labels: &[(String, String)]) -> Option<Value> {
    let map: BTreeMap<_, _> = labels.iter().map(|(name, value)| (name.clone(), Value::S(value.clone()))).collect();
    (!map.is_empty()).then_some(Value::M(map))
}
