//! What an answer uses, as it is read.

use crate::call::Metered;
use dialects::codec::{Glance, estimated_usage};
use domain::{
    Usage,
    call::UsageSource,
    event::{Delta, Event, Open},
    media::Units,
    tokens::{UsageSoFar, UsageUpdate},
};

/// Counts over one answer: what the provider says, and the bytes seen in case it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    said: UsageSoFar,
    units: Option<Units>,
    generated: usize,
    received: usize,
    /// Something was generated since output was last counted.
    behind: bool,
}

impl Meter {
    /// Bytes came in.
    pub fn received(&mut self, bytes: usize) {
        self.received = self.received.saturating_add(bytes);
    }

    /// All bytes of the answer so far.
    pub fn received_bytes(&self) -> usize {
        self.received
    }

    /// Bytes of generated text so far.
    pub fn generated_bytes(&self) -> usize {
        self.generated
    }

    pub fn usage(&mut self, update: &UsageUpdate) {
        self.said.merge(update);
    }

    /// A piece of an answer reports what it used beside tokens; pieces add up.
    pub fn units(&mut self, units: &Units) {
        let so_far = self.units.get_or_insert_default();
        so_far.images = so_far.images.saturating_add(units.images);
        let images = so_far.images;
        *so_far = Units { images, ..*units };
    }

    pub fn glance(&mut self, glance: &Glance) {
        self.said.merge(&glance.usage);
        self.generated = self.generated.saturating_add(glance.generated);
        self.behind = glance.usage.output.is_none() && (self.behind || glance.generated > 0);
    }

    /// Only a count of output was said that is older than what was generated: a better one may follow.
    pub fn is_behind(&self) -> bool {
        self.behind && self.said.reported().is_some()
    }

    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Usage(update) => {
                self.said.merge(update);
                self.behind &= update.output.is_none();
            }
            Event::Delta { delta, .. } => {
                self.generated = self.generated.saturating_add(weight(delta));
                self.behind = true;
            }
            Event::Open { block: Open::ToolCall { name, .. }, .. } => self.generated += name.len(),
            _ => {}
        }
    }

    /// What a whole answer used: the provider's word if it is believable, else an estimate [M10, M13].
    pub fn metered(&self, request_bytes: usize) -> Metered {
        match self.said.reported() {
            Some(usage) => {
                Metered { usage, source: Some(UsageSource::Reported), units: self.beside(), tier: self.said.tier() }
            }
            None => self.cut(request_bytes),
        }
    }

    /// What an answer used that broke off, or whose provider did not say: the prompt as far as it is known, else by its
    /// bytes; the output by the bytes received, or what was said of it so far if that is more.
    pub fn cut(&self, request_bytes: usize) -> Metered {
        let estimate = estimated_usage(request_bytes, self.generated);
        let known = self.said.known();
        let usage = match self.said.anomalous() || known.prompt() == 0 {
            true => estimate,
            false => Usage { output: estimate.output.max(known.output), ..known },
        };
        Metered { usage, source: Some(UsageSource::Estimated), units: self.beside(), tier: self.said.tier() }
    }

    /// What was used beside plain tokens: a service counts it by itself, a chat with its tokens.
    fn beside(&self) -> Option<Units> {
        self.units.or_else(|| self.said.units())
    }
}

fn weight(delta: &Delta) -> usize {
    match delta {
        Delta::Arguments(text) | Delta::Reasoning(text) | Delta::Refusal(text) | Delta::Text(text) => text.len(),
        Delta::Citation(_) | Delta::Other(_) | Delta::Signature(_) => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn m10_a_cut_stream_is_estimated_from_what_was_received() {
        let mut meter = Meter::default();
        meter.usage(&UsageUpdate { input: Some(100), ..UsageUpdate::default() });
        meter.event(&Event::Delta { index: 0, delta: Delta::Text("eight by".into()) });
        let metered = meter.cut(4_000);
        assert_eq!(metered.source, Some(UsageSource::Estimated));
        assert_eq!((metered.usage.input, metered.usage.output), (100, 2));
    }

    #[test]
    fn m10_an_explicit_zero_stays_zero() {
        let mut meter = Meter::default();
        meter.usage(&UsageUpdate::from(Usage::default()));
        assert_eq!(meter.metered(4_000).usage, Usage::default());
    }
}
