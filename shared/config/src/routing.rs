//! `routing`: where models without an entry of their own go.

use domain::{Alias, ProviderName};
use regex_lite::Regex;

/// Patterns and rules, each in order.
#[derive(Clone, Debug, Default)]
pub struct Routing {
    /// The first that matches a model name decides.
    pub patterns: Vec<Pattern>,
    pub rules: Vec<Rule>,
}

impl Routing {
    /// The provider that the first matching pattern names.
    pub fn provider_for(&self, model: &str) -> Option<&ProviderName> {
        self.patterns.iter().find(|pattern| pattern.matches(model)).map(|pattern| &pattern.provider)
    }
}

/// Model names that all go to one provider, under the same name.
#[derive(Clone, Debug)]
pub struct Pattern {
    pub regex: Regex,
    pub provider: ProviderName,
}

impl Pattern {
    /// Whether the pattern is found in a model name (anchor it with `^` and `$`).
    pub fn matches(&self, model: &str) -> bool {
        self.regex.is_match(model)
    }
}

/// A condition in CEL, and the model to use while it holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Rule {
    pub name: String,
    pub when: String,
    /// The model to use.
    pub model: Alias,
}
