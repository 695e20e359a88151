//! Streams: chunks around the events of the form's own codec, and Bedrock's metrics in the last one.

use super::{
    chunk,
    form::Form,
    guarded, intervened,
    metrics::{self, KEY},
};
use crate::{
    bedrock::error,
    codec::{self, Codec, Glance, Reply, Truncated},
    framing::{Frame, Framing, eventstream},
    head::{Edit, copy},
    json::{Node, parse_answer},
    malformed::Malformed,
};
use domain::{
    Error,
    chat::FinishReason,
    event::Event,
    tokens::{UsageSoFar, UsageUpdate},
};

/// What a frame that passes through tells the gateway.
pub fn glance(frame: &Frame) -> Result<Glance, Malformed> {
    let Some(json) = chunk::opened(frame)? else { return Ok(Glance::default()) };
    let node = parse_answer(&json)?;
    let mut seen = match Form::of_answer(&node) {
        Some(form) => form.codec().glance(&chunk::inner(form, &json, &node))?,
        None => Glance::default(),
    };
    seen.finished |= intervened(&node);
    seen.usage.guarded = guarded(&node);
    seen.usage_only = false;
    seen.terminal = seen.error.is_some();
    if let Some(said) = node.get(KEY) {
        seen.usage = metrics::over(&seen.usage, said);
        seen.finished = true;
        seen.terminal = true;
    }
    Ok(seen)
}

/// Reads one stream.
#[derive(Default)]
pub struct Reader {
    /// The form's own decoder, from the first chunk that tells the form.
    inner: Option<(Form, Box<dyn codec::Decoder>)>,
    started: bool,
    /// A guardrail stepped in.
    blocked: bool,
    over: bool,
}

impl codec::Decoder for Reader {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        if self.over {
            return Ok(());
        }
        if frame.exception {
            self.over = true;
            events.push(Event::Error(error::read_exception(frame.event.as_deref().unwrap_or(""), &frame.data)));
            return Ok(());
        }
        let Some(json) = chunk::opened(frame)? else { return Ok(()) };
        let node = parse_answer(&json)?;
        let before = events.len();
        self.blocked |= intervened(&node);
        self.read(&json, &node, events)?;
        self.name_the_guardrail(before, events);
        Ok(())
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Truncated> {
        let before = events.len();
        match &mut self.inner {
            _ if self.over => return Ok(()),
            Some((_, inner)) => inner.finish(events)?,
            None => return Err(Truncated),
        }
        self.name_the_guardrail(before, events);
        Ok(())
    }

    fn is_over(&self) -> bool {
        self.over
    }
}

impl Reader {
    fn read(&mut self, json: &bytes::Bytes, node: &Node<'_>, events: &mut Vec<Event>) -> Result<(), Malformed> {
        let before = events.len();
        if let Some((form, inner)) = self.inner(node) {
            inner.push(&chunk::inner(form, json, node), events)?;
            // A guardrail's answer may be all there is.
            if node.get(KEY).is_some() {
                self.end(events);
            }
        }
        self.started |= events.len() > before;
        if let Some(said) = node.get(KEY).filter(|_| self.started) {
            events.push(Event::Usage(metrics::read(said)));
        }
        if let Some(guarded) = guarded(node).filter(|_| self.started) {
            events.push(Event::Usage(UsageUpdate { guarded: Some(guarded), ..UsageUpdate::default() }));
        }
        self.over |= events.iter().skip(before).any(|event| matches!(event, Event::Error(_)));
        Ok(())
    }

    /// The decoder in charge; the first chunk that tells the form chooses it.
    fn inner(&mut self, node: &Node<'_>) -> Option<(Form, &mut Box<dyn codec::Decoder>)> {
        if self.inner.is_none() {
            let form = Form::of_answer(node)?;
            self.inner = Some((form, form.codec().decoder()));
        }
        self.inner.as_mut().map(|(form, inner)| (*form, inner))
    }

    /// The metrics have come: nothing follows.
    fn end(&mut self, events: &mut Vec<Event>) {
        if let Some((_, inner)) = &mut self.inner {
            self.over = inner.finish(events).is_ok();
        }
    }

    /// A guardrail that stepped in is why the answer ended, whatever the model's own reason.
    fn name_the_guardrail(&self, from: usize, events: &mut [Event]) {
        for event in events.iter_mut().skip(from).filter(|_| self.blocked) {
            if let Event::Finish { reason, .. } = event {
                *reason = FinishReason::Guardrail;
            }
        }
    }
}

/// Writes one stream.
pub struct Writer {
    inner: Box<dyn codec::Encoder>,
    framing: Framing,
    usage: UsageSoFar,
    latency_ms: u64,
}

impl Writer {
    pub fn new(form: &dyn Codec, reply: &Reply<'_>) -> Self {
        Self {
            inner: form.encoder(reply),
            framing: form.framing(),
            usage: UsageSoFar::default(),
            latency_ms: reply.latency_ms,
        }
    }

    /// The last chunk, with the metrics.
    fn last(&self, json: &str) -> String {
        let metrics = metrics::written(&self.usage.known(), self.latency_ms);
        match parse_answer(json.as_bytes()) {
            Ok(node) => copy(&node, &[Edit::set(&[KEY], metrics)]),
            Err(_) => json.to_owned(),
        }
    }
}

impl codec::Encoder for Writer {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        match event {
            Event::Error(error) => return self.fail(error, out),
            Event::KeepAlive => return,
            Event::Usage(update) => self.usage.merge(update),
            _ => {}
        }
        let mut written = Vec::new();
        self.inner.push(event, &mut written);
        chunk::said(self.framing, &written).iter().for_each(|json| out.extend(chunk::framed(json)));
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let mut written = Vec::new();
        self.inner.finish(&mut written);
        let chunks = chunk::said(self.framing, &written);
        let (last, before) = match chunks.split_last() {
            Some((last, before)) => (last.as_str(), before),
            None => ("{}", &[][..]),
        };
        before.iter().for_each(|json| out.extend(chunk::framed(json)));
        out.extend(chunk::framed(&self.last(last)));
    }

    fn fail(&mut self, failure: &Error, out: &mut Vec<u8>) {
        let name = error::stream_exception(failure.kind);
        out.extend(eventstream::exception(name, &error::body(&failure.message)));
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        None
    }
}
