//! Sampling parameters within the provider's bounds.

use crate::{codec::Target, json::write::Object};
use domain::{Json, chat::Sampling};

/// The most stop sequences the provider takes.
const STOPS: usize = 5;
/// A parameter moved by no more than this means the same, and is not named.
const NOTHING: f64 = 0.011;

/// A parameter: its name here and in the caller's words, and its least and largest value.
struct Bounds {
    field: &'static str,
    name: &'static str,
    least: f64,
    most: f64,
}

const fn bounds(field: &'static str, name: &'static str, least: f64, most: f64) -> Bounds {
    Bounds { field, name, least, most }
}

const TEMPERATURE: Bounds = bounds("temperature", "temperature", 0.0, 1.0);
const P: Bounds = bounds("p", "top_p", 0.01, 0.99);
const K: Bounds = bounds("k", "top_k", 0.0, 500.0);
const FREQUENCY: Bounds = bounds("frequency_penalty", "frequency_penalty", 0.0, 1.0);
const PRESENCE: Bounds = bounds("presence_penalty", "presence_penalty", 0.0, 1.0);

/// Writes what the provider takes and names the rest in `dropped`.
pub fn write(o: &mut Object<'_>, sampling: &Sampling, target: &Target<'_>, dropped: &mut Vec<String>) {
    let taken = target.abilities.sampling;
    let both = sampling.temperature.is_some() && target.abilities.one_of_temperature_and_top_p;
    for (bounds, value, taken) in [
        (&TEMPERATURE, &sampling.temperature, taken),
        (&P, &sampling.top_p, taken && !both),
        (&K, &sampling.top_k, taken),
        (&FREQUENCY, &sampling.frequency_penalty, taken),
        (&PRESENCE, &sampling.presence_penalty, taken),
    ] {
        match value {
            Some(value) if taken => bounds.write(o, value, dropped),
            Some(_) => dropped.push(bounds.name.to_owned()),
            None => {}
        }
    }
    o.maybe_json("seed", sampling.seed.as_ref()).maybe_bool("logprobs", sampling.logprobs);
    let stop: Vec<String> =
        sampling.stop.iter().take(target.abilities.stop_sequences.unwrap_or(STOPS)).cloned().collect();
    o.maybe_strings("stop_sequences", &stop);
    for (name, lost) in [
        ("stop", stop.len() < sampling.stop.len()),
        ("top_logprobs", sampling.top_logprobs.is_some_and(|count| count > 0)),
        ("logit_bias", sampling.logit_bias.as_ref().is_some_and(|bias| bias.as_str() != "{}")),
    ] {
        if lost {
            dropped.push(name.to_owned());
        }
    }
}

impl Bounds {
    /// A value out of bounds becomes the nearest bound, and is named if that says something else.
    fn write(&self, o: &mut Object<'_>, value: &Json, dropped: &mut Vec<String>) {
        let number: f64 = value.as_str().parse().unwrap_or(self.least);
        let near = number.clamp(self.least, self.most);
        if near == number {
            o.json(self.field, value);
            return;
        }
        if (near - number).abs() > NOTHING {
            dropped.push(self.name.to_owned());
        }
        o.raw(self.field, &near.to_string());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::write::object;

    fn written(sampling: &Sampling) -> (String, Vec<String>) {
        let mut dropped = Vec::new();
        (object(|o| write(o, sampling, &Target::default(), &mut dropped)), dropped)
    }

    fn json(text: &str) -> Option<Json> {
        Some(Json::verbatim(text))
    }

    #[test]
    fn numbers_within_bounds_keep_their_text() {
        let sampling = Sampling {
            temperature: json("0.50"),
            top_p: json("9e-1"),
            top_k: json("40"),
            seed: json("18446744073709551615"),
            ..Sampling::default()
        };
        let (text, dropped) = written(&sampling);
        assert_eq!(text, r#"{"temperature":0.50,"p":9e-1,"k":40,"seed":18446744073709551615}"#);
        assert!(dropped.is_empty());
    }

    #[test]
    fn numbers_out_of_bounds_become_the_nearest_and_are_named() {
        let sampling = Sampling {
            temperature: json("1.7"),
            top_p: json("1"),
            frequency_penalty: json("-0.5"),
            ..Sampling::default()
        };
        let (text, dropped) = written(&sampling);
        assert_eq!(text, r#"{"temperature":1,"p":0.99,"frequency_penalty":0}"#);
        assert_eq!(dropped, ["temperature", "frequency_penalty"]);
    }

    #[test]
    fn five_stop_sequences_are_taken() {
        let stop: Vec<String> = (0..6).map(|at| at.to_string()).collect();
        let (text, dropped) = written(&Sampling { stop, top_logprobs: Some(3), ..Sampling::default() });
        assert_eq!(text, r#"{"stop_sequences":["0","1","2","3","4"]}"#);
        assert_eq!(dropped, ["stop", "top_logprobs"]);
    }
}
