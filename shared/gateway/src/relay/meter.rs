//! What an answer uses, as it is read.

use crate::call::Metered;
use dialects::codec::{Glance, estimated_usage};
use domain::{
    Usage,
    call::UsageSource,
    event::{Delta, Event, Open},
    tokens::{UsageSoFar, UsageUpdate},
};

/// Counts over one answer: what the provider says, and the bytes seen in case it says nothing.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    said: UsageSoFar,
    generated: usize,
    received: usize,
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

    pub fn glance(&mut self, glance: &Glance) {
        self.said.merge(&glance.usage);
        self.generated = self.generated.saturating_add(glance.generated);
    }

    pub fn event(&mut self, event: &Event) {
        match event {
            Event::Usage(update) => self.said.merge(update),
            Event::Delta { delta, .. } => self.generated = self.generated.saturating_add(weight(delta)),
            Event::Open { block: Open::ToolCall { name, .. }, .. } => self.generated += name.len(),
            _ => {}
        }
    }

    /// What was used: the provider's word if it is believable, else the prompt estimated from its bytes and the output
    /// from those received [M10, M13]. What the provider did say about the prompt is kept.
    pub fn metered(&self, request_bytes: usize) -> Metered {
        if let Some(usage) = self.said.reported() {
            return Metered { usage, source: Some(UsageSource::Reported), service_tier: None };
        }
        let mut usage = estimated_usage(request_bytes, self.generated);
        let known = self.said.known();
        if !self.said.anomalous() && known.prompt() > 0 {
            let output = usage.output.max(known.output);
            usage = Usage { output, ..known };
        }
        Metered { usage, source: Some(UsageSource::Estimated), service_tier: None }
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
        let metered = meter.metered(4_000);
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
