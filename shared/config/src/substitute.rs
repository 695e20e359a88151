//! `${env:NAME}` and `${secret:NAME#field}`: the only substitutions there are.

use std::fmt;

use domain::Secret;

/// Where substituted values come from.
pub trait Lookup {
    /// The environment variable, if it is set and not empty.
    fn env(&self, name: &str) -> Option<String>;

    /// The secret of that name: its text, or the text of one field if it is a JSON object.
    fn secret(&self, name: &str, field: Option<&str>) -> Option<Secret>;

    /// The credential that was handed in for a provider at this address, if there is one: it goes nowhere else [E3].
    fn credential(&self, _provider: &str, _address: &str) -> Option<Secret> {
        None
    }
}

/// A credential that was handed in for a provider, and the address it is bound to.
#[derive(Clone, Debug)]
pub struct HandedIn {
    pub provider: String,
    /// As [`crate::address`] says it.
    pub address: String,
    pub secret: Secret,
}

/// Another lookup, and credentials that were handed in.
pub struct WithCredentials<'l> {
    pub lookup: &'l dyn Lookup,
    pub handed_in: &'l [HandedIn],
}

impl Lookup for WithCredentials<'_> {
    fn env(&self, name: &str) -> Option<String> {
        self.lookup.env(name)
    }

    fn secret(&self, name: &str, field: Option<&str>) -> Option<Secret> {
        self.lookup.secret(name, field)
    }

    fn credential(&self, provider: &str, address: &str) -> Option<Secret> {
        let is_it = |known: &&HandedIn| known.provider == provider && known.address == address;
        self.handed_in.iter().find(is_it).map(|known| known.secret.clone())
    }
}

/// The process's own environment, and no secrets.
#[derive(Clone, Copy, Debug, Default)]
pub struct ProcessEnv;

impl Lookup for ProcessEnv {
    #[allow(clippy::disallowed_methods, reason = "configuration is where the environment is read")]
    fn env(&self, name: &str) -> Option<String> {
        std::env::var(name).ok().filter(|value| !value.is_empty())
    }

    fn secret(&self, _name: &str, _field: Option<&str>) -> Option<Secret> {
        None
    }
}

/// The names of the secrets a configuration text refers to, each once, in order: what to fetch before
/// loading it. Those that only lines of comment name need not exist.
pub fn secret_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    let lines = text.lines().filter(|line| !line.trim_start().starts_with('#'));
    for rest in lines.flat_map(|line| line.split("${secret:").skip(1)) {
        let name = rest.split(['#', '}']).next().unwrap_or_default().to_owned();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

/// Why a text could not be completed. Holds names, never values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Missing {
    Env(String),
    /// `${…` without an end, or with something else inside.
    Malformed,
    /// A secret where the value would not be kept as one.
    Misplaced,
    Secret {
        name: String,
        field: Option<String>,
    },
}

impl fmt::Display for Missing {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Missing::Env(name) => write!(f, "the environment variable {name} is not set, set it or write the value"),
            Missing::Malformed => write!(f, "not a substitution, allowed: ${{env:NAME}}, ${{secret:NAME#json_field}}"),
            Missing::Misplaced => write!(f, "a secret cannot stand here, only in api_key and under auth"),
            Missing::Secret { name, field: None } => write!(f, "the secret {name} was not found or is not text"),
            Missing::Secret { name, field: Some(field) } => {
                write!(f, "the secret {name} was not found, or has no text field {field}")
            }
        }
    }
}

/// The text with every substitution carried out; secrets only where `secrets`.
pub(crate) fn substitute(text: &str, lookup: &dyn Lookup, secrets: bool) -> Result<String, Missing> {
    let mut done = String::new();
    let mut rest = text;
    while let Some((before, from)) = rest.split_once("${") {
        let (inside, after) = from.split_once('}').ok_or(Missing::Malformed)?;
        done.push_str(before);
        done.push_str(&value_of(inside, lookup, secrets)?);
        rest = after;
    }
    done.push_str(rest);
    Ok(done)
}

fn value_of(inside: &str, lookup: &dyn Lookup, secrets: bool) -> Result<String, Missing> {
    match inside.split_once(':') {
        Some(("env", name)) if is_variable(name) => lookup.env(name).ok_or_else(|| Missing::Env(name.to_owned())),
        Some(("secret", _)) if !secrets => Err(Missing::Misplaced),
        Some(("secret", name)) if !name.is_empty() => {
            let (name, field) = name.split_once('#').map_or((name, None), |(name, field)| (name, Some(field)));
            let missing = || Missing::Secret { name: name.to_owned(), field: field.map(str::to_owned) };
            lookup.secret(name, field).map(|secret| secret.expose().to_owned()).ok_or_else(missing)
        }
        _ => Err(Missing::Malformed),
    }
}

fn is_variable(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}
