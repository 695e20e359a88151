//! Sampling parameters, as far as the model takes them.

use super::thinking::Plan;
use crate::{codec::Abilities, json::write::Object};
use domain::{Json, chat::Sampling};

/// Writes what can be written and names the rest in `dropped`.
pub fn write(sampling: &Sampling, abilities: &Abilities, plan: &Plan, o: &mut Object<'_>, dropped: &mut Vec<String>) {
    let mut chosen = Chosen::of(sampling);
    chosen.clamp(dropped);
    if !abilities.sampling {
        chosen.leave_out(|_, _| true, dropped);
    }
    if plan.thinks() {
        chosen.leave_out(conflicts_with_thinking, dropped);
    }
    if abilities.one_of_temperature_and_top_p && chosen.has("temperature") {
        chosen.leave_out(|name, _| name == "top_p", dropped);
    }
    chosen.0.iter().for_each(|(name, value)| {
        o.raw(name, value);
    });
    stop(sampling, o, dropped);
    dropped.extend(unknown(sampling).into_iter().map(str::to_owned));
}

/// With thinking on the provider takes no temperature but 1, a top_p from 0.95 and no top_k.
fn conflicts_with_thinking(name: &str, value: &str) -> bool {
    let value: f64 = value.parse().unwrap_or(0.0);
    match name {
        "temperature" => value < 1.0,
        "top_p" => value < 0.95,
        _ => true,
    }
}

/// Name and JSON text of the parameters to be sent.
struct Chosen<'s>(Vec<(&'static str, &'s str)>);

impl<'s> Chosen<'s> {
    fn of(sampling: &'s Sampling) -> Self {
        let named = [("temperature", &sampling.temperature), ("top_p", &sampling.top_p), ("top_k", &sampling.top_k)];
        Self(named.into_iter().filter_map(|(name, value)| Some((name, value.as_ref()?.as_str()))).collect())
    }

    fn has(&self, name: &str) -> bool {
        self.0.iter().any(|(field, _)| *field == name)
    }

    /// Temperatures above 1 become 1.
    fn clamp(&mut self, dropped: &mut Vec<String>) {
        for (name, value) in &mut self.0 {
            if *name == "temperature" && value.parse::<f64>().is_ok_and(|value| value > 1.0) {
                *value = "1";
                dropped.push("temperature".to_owned());
            }
        }
    }

    fn leave_out(&mut self, which: impl Fn(&str, &str) -> bool, dropped: &mut Vec<String>) {
        self.0.retain(|(name, value)| {
            let out = which(name, value);
            if out && !dropped.iter().any(|field| field == name) {
                dropped.push((*name).to_owned());
            }
            !out
        });
    }
}

/// Stop sequences; those of white space alone are refused by the provider.
fn stop(sampling: &Sampling, o: &mut Object<'_>, dropped: &mut Vec<String>) {
    let (kept, blank): (Vec<_>, Vec<_>) = sampling.stop.iter().cloned().partition(|stop| !stop.trim().is_empty());
    if !blank.is_empty() {
        dropped.push("stop".to_owned());
    }
    o.maybe_strings("stop_sequences", &kept);
}

/// Parameters the wire has no field for; those that ask for nothing are not missed.
fn unknown(sampling: &Sampling) -> Vec<&'static str> {
    let not_zero = |value: &Option<Json>| value.as_ref().is_some_and(|v| v.as_str().parse() != Ok(0.0));
    let asked = [
        ("seed", sampling.seed.is_some()),
        ("frequency_penalty", not_zero(&sampling.frequency_penalty)),
        ("presence_penalty", not_zero(&sampling.presence_penalty)),
        ("logprobs", sampling.logprobs == Some(true)),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|n| n > 0)),
        ("logit_bias", sampling.logit_bias.as_ref().is_some_and(|bias| bias.as_str() != "{}")),
    ];
    asked.into_iter().filter(|(_, asked)| *asked).map(|(name, _)| name).collect()
}
