//! What runs without a file: the model `echo`, and every provider whose usual credential is there.

use regex_lite::Regex;

use crate::{
    Config, Lookup, Model, Provider, catalog,
    providers::built_in,
    routing::{Pattern, Routing},
};

/// The configuration of a gateway that was told nothing. Model names that are a provider's own
/// (`gpt-…`, `claude-…`) go to it if it is on.
pub fn demo(lookup: &dyn Lookup) -> Config {
    let providers = built_in(lookup, &[]);
    let routing = Routing { patterns: providers.iter().flat_map(own_names).collect(), rules: Vec::new() };
    Config { providers, routing, models: vec![Model::simple("echo", "echo", "echo")], ..Config::default() }
}

fn own_names(provider: &Provider) -> Vec<Pattern> {
    let serves = catalog::row(&provider.kind).map(|row| row.serves.as_slice()).unwrap_or_default();
    let pattern = |text: &String| Some(Pattern { regex: Regex::new(text).ok()?, provider: provider.name.clone() });
    serves.iter().filter_map(pattern).collect()
}
