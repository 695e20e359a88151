//! Query parameters, each read by name and none ignored.

use axum::extract::Query as Pairs;
use domain::Error;
use http::Uri;
use std::fmt;

/// Parameters in the order they were sent; no name comes twice.
#[derive(Debug, Default)]
pub struct Query {
    path: String,
    pairs: Vec<(String, String)>,
}

impl Query {
    /// Reads a query in which only these names may occur.
    ///
    /// # Errors
    /// 400 naming the parameter that is unknown or comes twice.
    pub fn of(uri: &Uri, allowed: &[&str]) -> Result<Self, Error> {
        let Pairs(pairs) = Pairs::<Vec<(String, String)>>::try_from_uri(uri)
            .map_err(|_| Error::invalid("query", "the query string cannot be read; encode it as a form"))?;
        for (at, (name, _)) in pairs.iter().enumerate() {
            if !allowed.contains(&name.as_str()) {
                let known = if allowed.is_empty() { "none".to_owned() } else { allowed.join(", ") };
                return Err(wrong(name, format_args!("is not a parameter here; known are: {known}")));
            }
            if pairs.iter().take(at).any(|(earlier, _)| earlier == name) {
                return Err(wrong(name, "comes twice"));
            }
        }
        Ok(Self { path: uri.path().to_owned(), pairs })
    }

    /// The path that was asked.
    pub fn path(&self) -> &str {
        &self.path
    }

    /// All of them, in the order they were sent.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.pairs.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }

    /// The value of a parameter, if it was sent.
    pub fn find(&self, name: &str) -> Option<&str> {
        self.iter().find(|(known, _)| *known == name).map(|(_, value)| value)
    }

    /// A whole number within bounds.
    ///
    /// # Errors
    /// 400 naming the parameter.
    pub fn count(&self, name: &str, least: u32, most: u32) -> Result<Option<u32>, Error> {
        let Some(text) = self.find(name) else { return Ok(None) };
        let digits = text.bytes().all(|b| b.is_ascii_digit());
        let number = text.parse().ok().filter(|number| digits && (least..=most).contains(number));
        number.map(Some).ok_or_else(|| wrong(name, format_args!("must be a whole number from {least} to {most}")))
    }
}

/// A 400 about a parameter.
pub fn wrong(name: &str, message: impl fmt::Display) -> Error {
    let shown: String = name.chars().filter(|c| !c.is_control()).take(64).collect();
    Error::invalid(&shown, format!("{shown} {message}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn query(text: &str) -> Result<Query, Error> {
        Query::of(&format!("/admin/v1/keys?{text}").parse().unwrap(), &["limit", "cursor"])
    }

    #[test]
    fn parameters_that_nobody_reads_are_refused_by_name() {
        assert_eq!(query("limit=5&page=2").unwrap_err().param.as_deref(), Some("page"));
        assert_eq!(query("limit=5&limit=6").unwrap_err().param.as_deref(), Some("limit"));
        assert_eq!(query("cursor=a%2Bb").unwrap().find("cursor"), Some("a+b"));
    }

    #[test]
    fn d5_a_limit_is_a_plain_number_within_bounds() {
        assert_eq!(query("limit=200").unwrap().count("limit", 1, 200).unwrap(), Some(200));
        for bad in ["0", "201", "-1", "+5", "1e2", "5.0", "", "x"] {
            assert!(query(&format!("limit={bad}")).unwrap().count("limit", 1, 200).is_err(), "{bad}");
        }
    }
}
