//! A JSON object whose names stand once each, as signed things must be read: two readers of it see the same.

use serde::{
    Deserialize, Deserializer,
    de::{Error, MapAccess, Visitor},
};
use serde_json::Value;
use std::{collections::BTreeMap, fmt};

/// The longest id that a claim may give.
const LONGEST: usize = 200;

/// The fields of the object.
#[derive(Clone, Debug, PartialEq)]
pub struct Claims(BTreeMap<String, Value>);

impl Claims {
    /// The object, if that is what the text is.
    pub fn read(text: &[u8]) -> Option<Self> {
        serde_json::from_slice(text).ok()
    }

    /// The claim of that whole name, or else at that path of names with dots between them.
    pub fn find(&self, name: &str) -> Option<&Value> {
        self.0.get(name).or_else(|| {
            let (first, rest) = name.split_once('.')?;
            rest.split('.').try_fold(self.0.get(first)?, |value, part| value.get(part))
        })
    }

    /// Whether there is such a claim at all.
    pub fn has(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    /// A claim that is one text that can stand as an id, alone or alone in a list.
    pub fn id(&self, name: &str) -> Option<String> {
        let text = match self.find(name)? {
            Value::String(text) => text,
            Value::Array(values) => match values.as_slice() {
                [Value::String(text)] => text,
                _ => return None,
            },
            _ => return None,
        };
        let fits = (1..=LONGEST).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        fits.then(|| text.clone())
    }

    /// The texts of a claim: one, or a list of them. Anything else is none.
    pub fn texts(&self, name: &str) -> Vec<&str> {
        match self.find(name) {
            Some(Value::String(text)) => vec![text],
            Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).collect(),
            _ => Vec::new(),
        }
    }

    /// A moment in whole seconds since 1970. `Err` for a claim that is there and is none: a check that it asks for is
    /// not left out because it cannot be read.
    pub fn seconds(&self, name: &str) -> Result<Option<u64>, NotAMoment> {
        match self.0.get(name) {
            None => Ok(None),
            Some(Value::Number(number)) => {
                number.as_u64().or_else(|| whole(number.as_f64()?)).ok_or(NotAMoment).map(Some)
            }
            Some(_) => Err(NotAMoment),
        }
    }
}

/// A claim that should be a moment is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAMoment;

/// Seconds before the fraction.
fn whole(seconds: f64) -> Option<u64> {
    let plausible = (0.0..=9_007_199_254_740_992.0).contains(&seconds);
    plausible.then_some(seconds as u64)
}

impl<'de> Deserialize<'de> for Claims {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Claims;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Claims, A::Error> {
        let mut fields = BTreeMap::new();
        while let Some((name, value)) = map.next_entry::<String, Value>()? {
            if fields.insert(name, value).is_some() {
                return Err(A::Error::custom("a name stands twice"));
            }
        }
        Ok(Claims(fields))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn claims(text: &str) -> Claims {
        Claims::read(text.as_bytes()).unwrap()
    }

    #[test]
    fn a_whole_name_comes_before_a_path() {
        let both = claims(r#"{"org.id": "a", "org": {"id": "b", "sub": {"x": "c"}}}"#);
        assert_eq!((both.id("org.id"), both.id("org.sub.x")), (Some("a".into()), Some("c".into())));
        assert_eq!((both.id("org"), both.id("none"), both.id("org.none")), (None, None, None));
    }

    #[test]
    fn an_id_is_one_text() {
        let some = claims(r#"{"one": ["a"], "two": ["a", "b"], "number": 7, "empty": "", "line": "a\nb"}"#);
        assert_eq!(some.id("one").as_deref(), Some("a"));
        for name in ["two", "number", "empty", "line"] {
            assert_eq!(some.id(name), None, "{name}");
        }
    }

    #[test]
    fn a_name_that_stands_twice_makes_the_whole_unreadable() {
        assert_eq!(Claims::read(br#"{"sub": "a", "sub": "b"}"#), None);
        assert_eq!(Claims::read(br#"{"sub": "a", "\u0073ub": "b"}"#), None);
        for text in ["[]", "\"a\"", "{} {}", "", "{\"a\": \"\\ud800\"}"] {
            assert_eq!(Claims::read(text.as_bytes()), None, "{text}");
        }
    }

    #[test]
    fn j2_a_moment_that_is_none_is_not_taken_for_a_missing_one() {
        let some = claims(r#"{"whole": 12, "part": 12.9, "text": "12", "below": -1, "huge": 1e300, "null": null}"#);
        assert_eq!(
            (some.seconds("whole"), some.seconds("part"), some.seconds("none")),
            (Ok(Some(12)), Ok(Some(12)), Ok(None))
        );
        for name in ["text", "below", "huge", "null"] {
            assert_eq!(some.seconds(name), Err(NotAMoment), "{name}");
        }
    }
}
