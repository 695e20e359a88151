//! The providers we ship: `catalog/*.yaml`, one provider one file, the keys of `portunus.yaml` and a few.

use std::sync::OnceLock;

use domain::{Api, Service, Wire};

use crate::{
    Problem,
    providers::{Quirks, RawQuirks, address::usual_address, split},
    raw::{At, Named, Read, Reader, Text, raw},
    substitute::{Lookup, ProcessEnv},
    yaml,
};

include!(concat!(env!("OUT_DIR"), "/catalog.rs"));

/// One kind of provider.
#[derive(Clone, Debug)]
pub struct Row {
    /// What `kind` calls it.
    pub name: String,
    /// Where its API is described.
    pub docs: String,
    pub speaks: Vec<Wire>,
    /// What it offers beside chat.
    pub services: Vec<Service>,
    /// Absent if the configuration must say, or if no address is needed.
    pub base_url: Option<String>,
    /// What follows the `endpoint` an operator gives.
    pub endpoint_path: Option<String>,
    pub auth: RowAuth,
    pub headers: Vec<(String, String)>,
    pub quirks: Quirks,
    /// Model names that are its own: regular expressions, used when there is no configuration.
    pub serves: Vec<String>,
}

/// The usual credential of a kind, by the names of the environment variables that hold it. Where two are usual, `env` is
/// `A or B`, and the first that is set counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RowAuth {
    /// The AWS chain; any of these variables says that it will find something.
    Aws(Vec<String>),
    /// `Authorization: Bearer`. `env` is empty if no variable is usual.
    Bearer {
        env: String,
        optional: bool,
    },
    /// A header of its own.
    Header {
        name: String,
        env: String,
    },
    None,
}

impl Row {
    /// The configuration must say where it is.
    pub fn needs_address(&self) -> bool {
        self.base_url.is_none() && matches!(self.auth, RowAuth::Bearer { .. } | RowAuth::Header { .. })
    }

    /// Whether it is on without being configured: it needs no credential, its usual one is there, or one was handed in.
    pub fn is_on(&self, lookup: &dyn Lookup) -> bool {
        let set = |name: &String| lookup.env(name).is_some();
        match &self.auth {
            RowAuth::None => true,
            _ if self.needs_address() => false,
            _ if lookup.credential(&self.name, &usual_address(self)).is_some() => true,
            RowAuth::Aws(names) => names.iter().any(set),
            RowAuth::Bearer { optional: true, .. } => false,
            RowAuth::Bearer { env, .. } | RowAuth::Header { env, .. } => first_set(env, lookup).is_some(),
        }
    }
}

/// The value of the first of these variables that is set: `A or B`.
pub(crate) fn first_set(env: &str, lookup: &dyn Lookup) -> Option<String> {
    env.split(" or ").find_map(|name| lookup.env(name))
}

/// Every row, by name.
pub fn rows() -> &'static [Row] {
    static ROWS: OnceLock<Vec<Row>> = OnceLock::new();
    ROWS.get_or_init(|| FILES.iter().filter_map(|(file, text)| read(file, text).ok()).collect())
}

/// The row of that name.
pub fn row(name: &str) -> Option<&'static Row> {
    rows().iter().find(|row| row.name == name)
}

raw! {
    /// A kind of provider.
    struct RawRow {
        /// What kind calls it.
        name: Text,
        /// Where its API is described.
        docs: Text,
        /// The chat wires and the services it speaks, in order of preference.
        speaks: Vec<At<Api>>,
        /// Where it is.
        base_url: Text,
        /// What follows the endpoint an operator gives.
        endpoint_path: Text,
        /// Its usual credential.
        auth: RawRowAuth,
        /// Sent with every request.
        headers: Named<Text>,
        /// Where it departs from its wire.
        quirks: RawQuirks,
        /// Model names that are its own.
        serves: Vec<Text>,
    }
}

raw! {
    /// The usual credential, by the names of the environment variables that hold it.
    struct RawRowAuth {
        /// Sent as Authorization: Bearer.
        bearer: Text,
        /// Sent in a header of its own.
        header: Named<Text>,
        /// The AWS chain is on if any of these is set.
        aws: Vec<Text>,
        /// It also works without one.
        optional: bool,
    }
}

/// Reads one file of the catalogue.
fn read(file: &str, text: &str) -> Result<Row, Vec<Problem>> {
    let mut reader = Reader::new(file, &ProcessEnv);
    let mut faults = Vec::new();
    let raw = match yaml::parse(text, &mut faults) {
        Ok(node) => RawRow::read(&node, &mut reader),
        Err((at, message)) => {
            reader.wrong(at, message);
            None
        }
    };
    faults.into_iter().for_each(|(at, message)| reader.wrong(at, message));
    let row = raw.and_then(|raw| raw.check(&mut reader));
    row.filter(|_| reader.problems.is_empty()).ok_or(reader.problems)
}

impl RawRow {
    fn check(self, reader: &mut Reader) -> Option<Row> {
        let (speaks, services) = split(&self.speaks.unwrap_or_default());
        if speaks.is_empty() && services.is_empty() {
            reader.wrong(self.at, "speaks is missing, name at least one wire or service");
        }
        let texts = |named: Option<Named<Text>>| {
            let entries = named.map(|named| named.0).unwrap_or_default();
            entries.into_iter().map(|(key, text)| (key.value, text.text)).collect()
        };
        Some(Row {
            name: reader.required(self.at, "name", self.name)?.text,
            docs: reader.required(self.at, "docs", self.docs)?.text,
            speaks,
            services,
            base_url: self.base_url.map(|url| url.text),
            endpoint_path: self.endpoint_path.map(|path| path.text),
            auth: self.auth.map_or(RowAuth::None, RawRowAuth::check),
            headers: texts(self.headers),
            quirks: self.quirks.map(RawQuirks::check).unwrap_or_default(),
            serves: self.serves.unwrap_or_default().into_iter().map(|text| text.text).collect(),
        })
    }
}

impl RawRowAuth {
    fn check(self) -> RowAuth {
        let header = self.header.and_then(|named| named.0.into_iter().next());
        match (self.aws, header, self.bearer) {
            (Some(names), _, _) => RowAuth::Aws(names.into_iter().map(|name| name.text).collect()),
            (_, Some((name, env)), _) => RowAuth::Header { name: name.value, env: env.text },
            (_, _, Some(env)) => RowAuth::Bearer { env: env.text, optional: self.optional.unwrap_or_default() },
            _ => RowAuth::None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::BaseUrl;

    #[test]
    fn every_file_of_the_catalogue_reads() {
        for (file, text) in FILES {
            let row = read(file, text).unwrap_or_else(|problems| panic!("{problems:?}"));
            assert_eq!(format!("{}.yaml", row.name), *file);
            assert!(row.docs.starts_with("https://"), "{file} links to its documentation");
            assert!(row.base_url.iter().all(|url| url.parse::<BaseUrl>().is_ok()), "{file}: {:?}", row.base_url);
            for pattern in &row.serves {
                assert!(regex_lite::Regex::new(pattern).is_ok(), "{file}: {pattern}");
            }
        }
        assert_eq!(rows().len(), FILES.len());
        for name in ["anthropic", "bedrock", "echo", "openai", "openai_compatible"] {
            assert!(row(name).is_some(), "{name}");
        }
    }

    #[test]
    fn either_of_two_usual_variables_turns_a_provider_on() {
        struct Only(&'static str);
        impl Lookup for Only {
            fn env(&self, name: &str) -> Option<String> {
                (name == self.0).then(|| "key".to_owned())
            }

            fn secret(&self, _: &str, _: Option<&str>) -> Option<domain::Secret> {
                None
            }
        }
        let gemini = row("gemini").unwrap();
        assert!(gemini.is_on(&Only("GEMINI_API_KEY")) && gemini.is_on(&Only("GOOGLE_API_KEY")));
        assert!(!gemini.is_on(&Only("OPENAI_API_KEY")));
    }

    #[test]
    fn an_unknown_key_in_a_row_is_refused() {
        let problems = read("x.yaml", "name: x\ndocs: https://x.com\nspeaks: [openai.chat]\nbase: y\n").unwrap_err();
        assert!(problems[0].to_string().starts_with("x.yaml:4:1: unknown key \"base\""), "{problems:?}");
    }
}
