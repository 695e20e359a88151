//! A JSON object read field by field, so that every error names its field [R9].
//!
//! Values stay text until somebody says what they must be: money is read from the digits that were written.

use domain::{Error, Json, Kind, Timestamp, Usd, network::Network};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, MapAccess, Visitor},
};
use serde_json::value::RawValue;
use std::{collections::BTreeMap, fmt};

/// The fields of an object in the order they were written; no name comes twice.
#[derive(Debug)]
pub struct Fields<'b>(Vec<Field<'b>>);

/// One field as it was written.
#[derive(Debug)]
pub struct Field<'b> {
    pub name: String,
    value: &'b RawValue,
}

impl<'b> Fields<'b> {
    /// Reads a body; an empty one is an object without fields.
    ///
    /// # Errors
    /// 400 for what is not one JSON object, with line and column.
    pub fn of(body: &'b str) -> Result<Self, Error> {
        if body.trim().is_empty() {
            return Ok(Self(Vec::new()));
        }
        serde_json::from_str(body).map_err(|error| {
            let duplicate = error.to_string().starts_with("duplicate field");
            let error = Error::caller(Kind::InvalidRequest, format!("the body must be one JSON object: {error}"));
            if duplicate { error.with_code("duplicate_key") } else { error }
        })
    }

    pub fn iter(&self) -> impl Iterator<Item = &Field<'b>> {
        self.0.iter()
    }

    /// The field of that name, if it was sent with a value.
    pub fn find(&self, name: &str) -> Option<&Field<'b>> {
        self.0.iter().find(|field| field.name == name && !field.is_null())
    }

    /// Refuses every field but these.
    ///
    /// # Errors
    /// 400 naming the first other one.
    pub fn allow(&self, names: &[&str]) -> Result<(), Error> {
        match self.0.iter().find(|field| !names.contains(&field.name.as_str())) {
            Some(field) => Err(field.unknown(names)),
            None => Ok(()),
        }
    }
}

impl<'de: 'b, 'b> Deserialize<'de> for Fields<'b> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(Object)
    }
}

struct Object;

impl<'de> Visitor<'de> for Object {
    type Value = Fields<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Fields<'de>, A::Error> {
        let mut fields: Vec<Field<'de>> = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            if fields.iter().any(|field| field.name == name) {
                return Err(serde::de::Error::custom(format_args!("duplicate field {name:?}")));
            }
            fields.push(Field { name, value: map.next_value()? });
        }
        Ok(Fields(fields))
    }
}

impl<'b> Field<'b> {
    pub fn is_null(&self) -> bool {
        self.value.get() == "null"
    }

    /// Is it null, or an empty list: nothing asked for?
    pub fn is_nothing(&self) -> bool {
        self.is_null() || self.read::<[(); 0]>("nothing").is_ok()
    }

    /// A 400 about this field.
    pub fn wrong(&self, message: impl fmt::Display) -> Error {
        Error::invalid(&self.name, format!("{} {message}", self.name))
    }

    /// A 400 for a field that nobody reads.
    pub fn unknown(&self, known: &[&str]) -> Error {
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        self.wrong(format_args!("cannot be set here; fields that can: {known}")).with_code("unknown_field")
    }

    fn read<T: DeserializeOwned>(&self, expected: &str) -> Result<T, Error> {
        serde_json::from_str(self.value.get()).map_err(|_| self.wrong(format_args!("must be {expected}")))
    }

    pub fn flag(&self) -> Result<bool, Error> {
        self.read("true or false")
    }

    /// A whole number within bounds.
    pub fn count(&self, least: u64, most: u64) -> Result<u64, Error> {
        let expected = format!("a whole number from {least} to {most}");
        let number: u64 = self.read(&expected)?;
        if (least..=most).contains(&number) { Ok(number) } else { Err(self.wrong(format_args!("must be {expected}"))) }
    }

    /// Text of 1 to `most` characters, none of them a control character.
    pub fn text(&self, most: usize) -> Result<String, Error> {
        let expected = format!("text of 1 to {most} characters without control characters");
        let text: String = self.read(&expected)?;
        if is_text(&text, most) { Ok(text) } else { Err(self.wrong(format_args!("must be {expected}"))) }
    }

    /// Text of any length and over any number of lines.
    pub fn long_text(&self) -> Result<String, Error> {
        self.read("text")
    }

    /// One of a closed set of words.
    pub fn word<T: Copy>(&self, words: &[(&str, T)]) -> Result<T, Error> {
        let names: Vec<&str> = words.iter().map(|(name, _)| *name).collect();
        let expected = format!("one of {}", names.join(", "));
        let text: String = self.read(&expected)?;
        let found = words.iter().find(|(name, _)| *name == text);
        found.map(|(_, value)| *value).ok_or_else(|| self.wrong(format_args!("must be {expected}")))
    }

    /// At most `most` patterns of names: visible ASCII, with a star at the end at most, none twice.
    pub fn patterns(&self, most: usize) -> Result<Vec<String>, Error> {
        let patterns: Vec<String> = self.read("a list of names")?;
        if patterns.len() > most {
            return Err(self.wrong(format_args!("must have at most {most} entries")));
        }
        if !patterns.iter().all(|pattern| is_pattern(pattern)) {
            return Err(self.wrong("must hold names of 1 to 256 visible ASCII characters, with * at the end at most"));
        }
        Ok(patterns)
    }

    /// At most `most` blocks of IP addresses.
    pub fn networks(&self, most: usize) -> Result<Vec<Network>, Error> {
        let texts: Vec<String> = self.read("a list of IP addresses and blocks")?;
        if texts.len() > most {
            return Err(self.wrong(format_args!("must have at most {most} entries")));
        }
        let read = |text: &String| text.parse().map_err(|why| self.wrong(format_args!("is not accepted: {why}")));
        texts.iter().map(read).collect()
    }

    /// One pattern, as in a list of them.
    pub fn pattern(&self) -> Result<String, Error> {
        let pattern: String = self.read("a name")?;
        if is_pattern(&pattern) { Ok(pattern) } else { Err(self.wrong("must be a name, with * at the end at most")) }
    }

    /// Dollars, from the digits that were written: a number or decimal text [M14].
    pub fn money(&self) -> Result<Usd, Error> {
        let written = self.value.get();
        let text = if written.starts_with('"') { self.read("a decimal amount")? } else { written.to_owned() };
        Usd::setting(&text).map_err(|why| self.wrong(format_args!("is not accepted: {why}")))
    }

    /// The objects of a list, at most `most` of them.
    pub fn objects(&self, most: usize) -> Result<Vec<Fields<'b>>, Error> {
        let objects: Vec<&'b RawValue> =
            serde_json::from_str(self.value.get()).map_err(|_| self.wrong("must be a list of objects"))?;
        if objects.len() > most {
            return Err(self.wrong(format_args!("must have at most {most} entries")));
        }
        objects
            .into_iter()
            .map(|object| Fields::of(object.get()).map_err(|_| self.wrong("must be a list of objects")))
            .collect()
    }

    /// The fields of an object within.
    pub fn fields(&self) -> Result<Fields<'b>, Error> {
        Fields::of(self.value.get()).map_err(|_| self.wrong("must be an object, each name in it once"))
    }

    /// An id: plain characters, at most 64 of them.
    pub fn id(&self) -> Result<String, Error> {
        let id = self.text(64)?;
        let plain = id.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_' || b == b'-');
        if plain { Ok(id) } else { Err(self.wrong("must be letters, digits, _ and -")) }
    }

    /// A moment.
    pub fn instant(&self) -> Result<Timestamp, Error> {
        const EXPECTED: &str = "a time such as 2026-12-31T23:59:59Z or 2026-12-31T23:59:59+02:00";
        let text: String = self.read(EXPECTED)?;
        Timestamp::parse_rfc3339(&text).ok_or_else(|| self.wrong(format_args!("must be {EXPECTED}")))
    }

    /// Labels: at most 50, names to 128 and values to 256 characters.
    pub fn labels(&self) -> Result<Vec<(String, String)>, Error> {
        const EXPECTED: &str = "must be an object of at most 50 texts, names up to 128 and values up to 256 characters";
        let object = Fields::of(self.value.get()).map_err(|_| self.wrong(EXPECTED))?;
        let mut labels = BTreeMap::new();
        for field in object.iter() {
            let value: String = field.read("text").map_err(|_| self.wrong(EXPECTED))?;
            if !is_text(&field.name, 128) || !(value.is_empty() || is_text(&value, 256)) || object.0.len() > 50 {
                return Err(self.wrong(EXPECTED));
            }
            labels.insert(field.name.clone(), value);
        }
        Ok(labels.into_iter().collect())
    }

    /// Any object, kept as it was written.
    pub fn object(&self) -> Result<Json, Error> {
        let _: serde_json::Map<String, serde_json::Value> = self.read("a JSON object, not too deeply nested")?;
        if self.value.get().len() > 16 << 10 {
            return Err(self.wrong("must not be larger than 16 KiB"));
        }
        Ok(Json::verbatim(self.value.get()))
    }
}

/// What a field says; nothing if it is null.
///
/// # Errors
/// As `read`.
pub fn optional<'b, T>(field: &Field<'b>, read: impl Fn(&Field<'b>) -> Result<T, Error>) -> Result<Option<T>, Error> {
    if field.is_null() { Ok(None) } else { read(field).map(Some) }
}

/// Visible ASCII, with a star at the end at most.
pub fn is_pattern(name: &str) -> bool {
    let before_star = name.strip_suffix('*').unwrap_or(name);
    let visible = before_star.bytes().all(|b| b.is_ascii_graphic() && b != b'*');
    (1..=256).contains(&name.len()) && visible
}

fn is_text(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.chars().count()) && !text.chars().any(char::is_control)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn money(written: &str) -> Result<Usd, Error> {
        let body = format!(r#"{{"max_budget_usd": {written}}}"#);
        Fields::of(&body).unwrap().find("max_budget_usd").unwrap().money()
    }

    #[test]
    fn m14_money_is_read_from_its_digits_whether_number_or_text() {
        for (written, exact) in [("12.50", "12.5"), ("\"0.000000000001\"", "0.000000000001"), ("0.1", "0.1")] {
            assert_eq!(money(written).unwrap().to_string(), exact);
        }
        assert_eq!(money("100000000.123456789012").unwrap().to_string(), "100000000.123456789012");
    }

    #[test]
    fn m14_what_is_not_an_amount_is_refused_by_name() {
        let wrong = ["-1", "1e3", "\"NaN\"", "\"inf\"", "0.0000000000001", "1000000000.01", "true", "{}", "[]", "\"\""];
        for written in wrong {
            let error = money(written).unwrap_err();
            assert_eq!((error.status(), error.param.as_deref()), (400, Some("max_budget_usd")), "{written}");
        }
    }

    #[test]
    fn i4_a_name_that_comes_twice_is_refused() {
        let error = Fields::of(r#"{"name": "a", "name": "b"}"#).unwrap_err();
        assert_eq!(error.code(), "duplicate_key");
        assert!(error.message.contains("line 1 column"), "{error}");
    }

    #[test]
    fn i7_what_is_not_one_object_is_refused_with_its_place() {
        for body in ["[]", "1", "{", "{\"a\":}", "{} {}", "nul"] {
            let error = Fields::of(body).unwrap_err();
            assert!(error.status() == 400 && error.message.contains("line 1"), "{body}: {error}");
        }
    }

    #[test]
    fn i5_a_type_is_never_coerced() {
        let body = r#"{"text": 5, "flag": "true", "count": "5", "half": 1.5, "list": "a", "when": 0}"#;
        let fields = Fields::of(body).unwrap();
        let field = |name| fields.find(name).unwrap();
        assert!(field("text").text(9).is_err() && field("flag").flag().is_err() && field("count").count(0, 9).is_err());
        assert!(field("half").count(0, 9).is_err() && field("list").patterns(9).is_err());
        assert!(field("when").instant().is_err());
    }

    #[test]
    fn a_star_stands_at_the_end_only() {
        let fields = Fields::of(r#"{"good": ["*", "claude-*", "gpt-4o"], "bad": ["a*b"], "worse": ["**"]}"#).unwrap();
        assert_eq!(fields.find("good").unwrap().patterns(9).unwrap().len(), 3);
        assert!(fields.find("bad").unwrap().patterns(9).is_err() && fields.find("worse").unwrap().patterns(9).is_err());
    }
}
