//! `routing`: where models without an entry of their own go.

use domain::{Alias, ProviderName};
use regex_lite::Regex;

use crate::{
    check::Scope,
    raw::{Reader, Text, raw},
};

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

raw! {
    /// Where models without an entry of their own go.
    struct RawRouting {
        /// Tried in order; the first that matches a model name decides.
        patterns: Vec<RawPattern>,
        /// Conditions, tried in order, and the model to use while they hold.
        rules: Vec<RawRule>,
    }
}

raw! {
    /// Model names that all go to one provider, under the same name.
    struct RawPattern {
        /// A regular expression found in the model name; anchor it with ^ and $.
        r#match: Text,
        /// The provider they go to.
        provider: Text,
    }
}

raw! {
    /// A condition and the model to use while it holds.
    struct RawRule {
        /// What the rule is called in logs.
        name: Text,
        /// A condition in CEL, such as tokens < 1000 && model == 'claude-sonnet'.
        when: Text,
        /// The model to use.
        r#use: Text,
    }
}

impl RawRouting {
    pub(crate) fn check(self, reader: &mut Reader, scope: &Scope) -> Routing {
        let patterns = self.patterns.unwrap_or_default();
        let rules = self.rules.unwrap_or_default();
        Routing {
            patterns: patterns.into_iter().filter_map(|pattern| pattern.check(reader, scope)).collect(),
            rules: rules.into_iter().filter_map(|rule| rule.check(reader)).collect(),
        }
    }
}

impl RawPattern {
    fn check(self, reader: &mut Reader, scope: &Scope) -> Option<Pattern> {
        let pattern = reader.required(self.at, "match", self.r#match);
        let provider = reader.required(self.at, "provider", self.provider);
        let (pattern, provider) = (pattern?, provider?);
        let regex = Regex::new(&pattern.text);
        if regex.is_err() {
            reader.wrong(pattern.at, format!("{} is not a regular expression", pattern.shown()));
        }
        let provider = scope.provider(reader, &provider)?;
        Some(Pattern { regex: regex.ok()?, provider })
    }
}

impl RawRule {
    fn check(self, reader: &mut Reader) -> Option<Rule> {
        reader.warn(self.at, "routing.rules is read, but this version does not follow rules");
        let name = reader.required(self.at, "name", self.name);
        let when = reader.required(self.at, "when", self.when);
        let model = reader.required(self.at, "use", self.r#use);
        Some(Rule { name: name?.text, when: when?.text, model: model?.text.into() })
    }
}
