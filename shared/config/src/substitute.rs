//! `${env:NAME}` and `${secret:NAME#field}`: the only substitutions there are.

use domain::Secret;

/// Where substituted values come from.
pub trait Lookup {
    /// The environment variable, if it is set and not empty.
    fn env(&self, name: &str) -> Option<String>;

    /// The secret of that name: its text, or the text of one field if it is a JSON object.
    fn secret(&self, name: &str, field: Option<&str>) -> Option<Secret>;
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
/// loading it.
pub fn secret_names(text: &str) -> Vec<String> {
    let mut names: Vec<String> = Vec::new();
    for rest in text.split("${secret:").skip(1) {
        let name = rest.split(['#', '}', '\n']).next().unwrap_or_default().to_owned();
        if !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}
