//! The whole file, top to bottom: raw values to a [`Config`], or everything that is wrong.

use std::collections::BTreeMap;

use domain::ProviderName;

use crate::{
    Config, Problem, ResponseMetadata,
    alerts::RawAlerts,
    audit::RawAudit,
    budget::RawBudget,
    cache::RawCache,
    egress::{Egress, RawEgress},
    guardrails::RawGuardrail,
    identity::RawIdentity,
    limits::RawLimits,
    media::RawMedia,
    models::{Model, RawModel},
    providers::{self, Provider, RawProvider},
    raw::{At, Named, Read, Reader, Text, did_you_mean, raw, words},
    routing::{RawRouting, Routing},
    streams::RawStreams,
    substitute::Lookup,
    yaml,
};

raw! {
    /// The configuration of Portunus: portunus.yaml.
    struct RawConfig {
        /// Who answers, by a name of your choice.
        providers: Named<RawProvider>,
        /// Models as clients name them, and where each goes.
        models: Vec<RawModel>,
        /// Where models without an entry of their own go.
        routing: RawRouting,
        /// Sizes.
        limits: RawLimits,
        /// Upstreams at addresses that are refused otherwise.
        egress: RawEgress,
        /// When an answer may be given again.
        cache: RawCache,
        /// Checks on text.
        guardrails: Vec<RawGuardrail>,
        /// Every provider's models may be named provider/model; true if not given.
        direct_models: bool,
        /// Refuse what a translation cannot carry, rather than drop and name it; false if not given.
        strict_translation: bool,
        /// Where the gateway's own facts about an answer go: headers, or both headers and body.
        response_metadata: ResponseMetadata,
        /// Tokens to reserve for an answer whose length is not bounded otherwise; 4096 if not given.
        default_output_cap: At<u64>,
        /// How budgets are kept.
        budget: RawBudget,
        /// What is written down about calls.
        audit: RawAudit,
        /// When and where people are told about budgets.
        alerts: RawAlerts,
        /// When a stream is committed, and how long an abandoned one is read on.
        streams: RawStreams,
        /// Media that a request names by URL.
        media: RawMedia,
        /// Who is known beside the holders of virtual keys.
        identity: RawIdentity,
        /// Host names that are answered; empty: any.
        allowed_hosts: Vec<Text>,
    }
}

words!(ResponseMetadata { "headers" => ResponseMetadata::Headers, "both" => ResponseMetadata::Both, });

/// What the parts of a configuration may refer to.
pub(crate) struct Scope<'a> {
    pub egress: &'a Egress,
    pub providers: Vec<ProviderName>,
}

impl Scope<'_> {
    /// The provider of that name; an unknown one is a problem.
    pub fn provider(&self, reader: &mut Reader, text: &Text) -> Option<ProviderName> {
        let found = self.providers.iter().find(|name| name.as_str() == text.text).cloned();
        if found.is_none() {
            let known = || self.providers.iter().map(ProviderName::as_str);
            let hint = did_you_mean(&text.text, known());
            let allowed = known().collect::<Vec<_>>().join(", ");
            reader.wrong(text.at, format!("there is no provider {}{hint}, allowed: {allowed}", text.shown()));
        }
        found
    }
}

/// Reads and checks a configuration. `file_name` is used in messages only.
///
/// # Errors
/// Every problem found, in the order of the text.
pub fn load(file_name: &str, text: &str, lookup: &dyn Lookup) -> Result<Config, Vec<Problem>> {
    let mut reader = Reader::new(file_name, lookup);
    let mut faults = Vec::new();
    let config = match yaml::parse(text, &mut faults) {
        Ok(node) if node.is_null() => check(RawConfig::empty(), &mut reader),
        Ok(node) => RawConfig::read(&node, &mut reader).and_then(|raw| check(raw, &mut reader)),
        Err(fault) => {
            faults.push(fault);
            None
        }
    };
    faults.into_iter().for_each(|(at, message)| reader.wrong(at, message));
    let mut problems = reader.problems;
    problems.sort();
    match config {
        Some(config) if problems.is_empty() => Ok(Config { warnings: reader.warnings, ..config }),
        _ => Err(problems),
    }
}

/// The schema of the whole file.
pub(crate) fn schema() -> serde_json::Value {
    RawConfig::schema()
}

/// Reported problems make the result worthless; it is still built, so that all of them are found.
fn check(raw: RawConfig, reader: &mut Reader) -> Option<Config> {
    let egress = raw.egress.map(|egress| egress.check(reader)).unwrap_or_default();
    let written = raw.providers.map(|named| named.0).unwrap_or_default();
    let taken: Vec<ProviderName> = written.iter().map(|(name, _)| name.value.as_str().into()).collect();
    let built_in = providers::built_in(reader.lookup, &taken);
    let known = taken.iter().chain(built_in.iter().map(|provider| &provider.name)).cloned().collect();
    let scope = Scope { egress: &egress, providers: known };
    let checked = |(name, provider): (At<String>, RawProvider)| provider.check(&name, reader, &scope);
    let providers: Vec<Provider> = written.into_iter().filter_map(checked).chain(built_in).collect();
    let routing = raw.routing.map(|routing| routing.check(reader, &scope)).unwrap_or_default();
    let direct_models = raw.direct_models.unwrap_or(true);
    let models = check_models(raw.models.unwrap_or_default(), reader, &scope, &routing, direct_models);
    Some(Config {
        version: 0,
        models,
        routing,
        limits: raw.limits.map(|limits| limits.check(reader)).unwrap_or_default(),
        cache: raw.cache.map(|cache| cache.check(reader)).unwrap_or_default(),
        guardrails: raw.guardrails.unwrap_or_default().into_iter().map(RawGuardrail::check).collect(),
        direct_models,
        strict_translation: raw.strict_translation.unwrap_or_default(),
        response_metadata: raw.response_metadata.unwrap_or_default(),
        default_output_cap: output_cap(raw.default_output_cap, reader),
        budget: raw.budget.map(|budget| budget.check(reader, &scope)).unwrap_or_default(),
        audit: raw.audit.map(|audit| audit.check(reader)).unwrap_or_default(),
        alerts: raw.alerts.map(|alerts| alerts.check(reader, &scope)).unwrap_or_default(),
        streams: raw.streams.map(|streams| streams.check(reader)).unwrap_or_default(),
        media: raw.media.map(|media| media.check(reader)).unwrap_or_default(),
        identity: raw.identity.map(|identity| identity.check(reader, &scope)).unwrap_or_default(),
        allowed_hosts: hosts(raw.allowed_hosts.unwrap_or_default(), reader),
        warnings: Vec::new(),
        providers,
        egress,
    })
}

fn check_models(raw: Vec<RawModel>, reader: &mut Reader, scope: &Scope, routing: &Routing, direct: bool) -> Vec<Model> {
    let claimed = claimed_names(&raw, reader);
    let somewhere = |name: &str| {
        let direct =
            direct && name.split_once('/').is_some_and(|(p, _)| scope.providers.iter().any(|s| s.as_str() == p));
        direct || claimed.contains_key(name) || routing.provider_for(name).is_some()
    };
    for fallback in raw.iter().flat_map(RawModel::falls_back_to).filter(|text| !somewhere(&text.text)) {
        let hint = did_you_mean(&fallback.text, claimed.keys().map(String::as_str));
        reader
            .warn(fallback.at, format!("there is no model {}{hint}, this fallback will be skipped", fallback.shown()));
    }
    raw.into_iter().filter_map(|model| model.check(reader, scope)).collect()
}

/// Every name and alias and the line it stands on; a second claim to one is a problem.
fn claimed_names(models: &[RawModel], reader: &mut Reader) -> BTreeMap<String, usize> {
    let mut claimed: BTreeMap<String, usize> = BTreeMap::new();
    for text in models.iter().flat_map(RawModel::claims) {
        match claimed.get(&text.text) {
            Some(line) => {
                reader.wrong(
                    text.at,
                    format!("a second model called {} (first on line {line}), once is allowed", text.shown()),
                );
            }
            None => {
                claimed.insert(text.text.clone(), text.at.line);
            }
        }
    }
    claimed
}

fn output_cap(written: Option<At<u64>>, reader: &mut Reader) -> u64 {
    match written {
        None => Config::DEFAULT_OUTPUT_CAP,
        Some(At { value: cap @ 1..=10_000_000, .. }) => cap,
        Some(At { at, value }) => {
            reader.wrong(at, "default_output_cap is out of range, allowed: 1 to 10000000");
            value
        }
    }
}

fn hosts(written: Vec<Text>, reader: &mut Reader) -> Vec<String> {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b"-._:[]".contains(&b);
    for host in written.iter().filter(|host| host.text.is_empty() || !host.text.bytes().all(plain)) {
        reader.wrong(host.at, format!("{} is not a host name, such as gateway.example.com", host.shown()));
    }
    written.into_iter().map(|host| host.text.to_ascii_lowercase()).collect()
}

#[cfg(test)]
mod tests;
