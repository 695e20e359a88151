//! Chat: equal wires pass, others are translated through the canonical form.

use super::{
    attempts::{
        Answered, Failed, Order as Either, Prepared, Relay, Sending, count, is_json, is_stream, request_id,
        wrong_content_type,
    },
    betas::Betas,
    carrier::{Carrier, Pass, Translate},
    headers,
    live::Live,
    media::{self, For},
    whole,
};
use crate::{
    call::{Charge, Outcome},
    target::ResolvedTarget,
};
use bytes::Bytes;
use dialects::{
    codec,
    codec::{Encoded, Target, Will},
    head,
};
use domain::{Error, Wire, chat};
use http::{HeaderName, HeaderValue};
use providers::Answer;

/// One request of chat.
pub struct Order {
    way: Way,
    body: Bytes,
    headers: Vec<(HeaderName, HeaderValue)>,
}

/// The provider's wire, and whether it is the caller's own.
#[derive(Clone, Copy)]
struct Way {
    wire: Wire,
    passes: bool,
}

impl Relay<'_> {
    /// The request in the words of the target's wire.
    pub(super) async fn prepare_chat(&self, inbound: Wire, target: &ResolvedTarget) -> Result<Prepared, Failed> {
        let same_form = |model: &str| codec(inbound).passes(&self.request.body, model);
        let wire = target.wire_for(inbound, same_form).ok_or_else(crate::target::nothing_to_try)?;
        // The same wire on both sides, and the same form where a wire has several.
        let passes =
            wire == inbound && same_form(target.model.as_str()) && !self.holds_unreadable(inbound, target, wire);
        if !passes {
            self.fetch_media(inbound, target, wire).await?;
        }
        let betas = Betas::of(self.call, &self.request.body, target, wire, passes);
        let mut encoded = match passes {
            true => self.copied(target, wire),
            false => self.translated(inbound, target, wire, &betas)?,
        };
        betas.name_in(&mut encoded);
        encoded.dropped.extend(headers::lost(&self.call.extras.forward, inbound, wire)?);
        let forward = if wire.dialect() == self.about.dialect() { self.call.extras.forward.as_slice() } else { &[] };
        let headers = forward.iter().cloned().chain(betas.header(wire)).collect();
        let order = Order { way: Way { wire, passes }, body: encoded.body.into(), headers };
        Ok(Prepared { order: Either::Chat(order), dropped: encoded.dropped })
    }

    /// One request and what it brought: a whole answer, or a stream up to its first event.
    pub(super) async fn exchange_chat(&self, target: &ResolvedTarget, order: Order) -> Result<Answered, Failed> {
        let Order { way, body, headers } = order;
        let answer = self.send_renewed(target, &Sending::Chat { wire: way.wire, body, headers }).await?;
        let upstream_request_id = request_id(&answer.headers);
        let outcome = match (answer.status, self.about.stream) {
            (200..300, true) => Box::pin(self.stream(way, answer)).await?,
            (200..300, false) => self.whole(way, answer).await?,
            _ => return Err(Box::pin(self.refused(way.wire.dialect(), answer)).await),
        };
        Ok(Answered { outcome, dropped: Vec::new(), upstream_request_id, content_type: None })
    }

    /// A body of the target's own wire that names objects in S3 which the target cannot read and the gateway may.
    fn holds_unreadable(&self, inbound: Wire, target: &ResolvedTarget, wire: Wire) -> bool {
        let named = self.request.head.media && self.request.body.raw.contains("s3://");
        let Some(media) = self.media.filter(|_| named) else { return false };
        let whom = For { wire, model: target.model.as_str() };
        self.canonical(inbound).is_ok_and(|canonical| media::would_fetch(canonical, whom, media))
    }

    /// Fetches what the target must be given as bytes, where configuration says so.
    async fn fetch_media(&self, inbound: Wire, target: &ResolvedTarget, wire: Wire) -> Result<(), Error> {
        let Some(media) = self.media.filter(|_| self.request.head.media) else { return Ok(()) };
        let whom = For { wire, model: target.model.as_str() };
        Box::pin(media::fetch(self.canonical(inbound)?, whom, media, &self.fetches, self.deadline())).await
    }

    /// The caller's own words, with the gateway's edits.
    fn copied(&self, target: &ResolvedTarget, wire: Wire) -> Encoded {
        let will = Will {
            model: target.model.as_str(),
            output_cap: self.plan.output_cap,
            stream_usage: self.about.stream,
            drop: &target.quirks.drop,
            rename: &target.quirks.rename,
        };
        let edits = codec(wire).edits(&self.request.body, &will);
        Encoded { body: head::copy(&self.request.body, &edits), dropped: Vec::new() }
    }

    fn translated(
        &self,
        inbound: Wire,
        target: &ResolvedTarget,
        wire: Wire,
        betas: &Betas<'_>,
    ) -> Result<Encoded, Error> {
        let whom = For { wire, model: target.model.as_str() };
        let canonical = media::readable(self.canonical(inbound)?, whom, &self.fetches);
        let mut encoded = codec(wire).encode_request(
            &canonical,
            &Target {
                model: target.model.as_str(),
                max_output: target.max_output(),
                output_cap: self.plan.output_cap,
                default_output_cap: self.config.default_output_cap,
                abilities: target.abilities,
                betas: &betas.taken,
            },
        )?;
        if !(target.quirks.drop.is_empty() && target.quirks.rename.is_empty()) {
            encoded = apply_quirks(encoded, target);
        }
        Ok(encoded)
    }

    fn canonical(&self, inbound: Wire) -> Result<&chat::Request, Error> {
        if let Some(canonical) = self.canonical.get() {
            return Ok(canonical);
        }
        let made = codec(inbound).decode_request(&self.request.body, &self.call.envelope())?;
        Ok(self.canonical.get_or_init(|| made))
    }

    async fn whole(&self, order: Way, mut answer: Answer) -> Result<Outcome, Failed> {
        if !is_json(&answer.headers) {
            return Err(wrong_content_type().into());
        }
        let body = self.body_of(&mut answer).await?;
        let wire = order.wire;
        let in_headers = codec(wire).usage_in_headers(&|name| count(&answer.headers, name));
        let said = whole::Said { wire, body, in_headers, passes: order.passes };
        let carried = whole::carry(said, self.about).map_err(|(error, charge)| Failed { error, charge })?;
        Ok(Outcome::Whole { body: carried.body, metered: carried.metered })
    }

    /// Reads up to the first event that is part of an answer: until then a failure is no different from a refusal [U6].
    async fn stream(&self, order: Way, mut answer: Answer) -> Result<Outcome, Failed> {
        let wire = order.wire;
        if !is_stream(&answer.headers, codec(wire).framing().content_type()) {
            return Err(self.not_a_stream(wire, &mut answer).await);
        }
        let carrier = match order.passes {
            true => Carrier::Pass(Pass::new(codec(wire), self.about)),
            false => Carrier::Translate(Translate::new(codec(wire), self.about.voice())),
        };
        let live = Live::new(answer.body, codec(wire).framing().cutter(), carrier, self.plan.output_bound);
        Ok(Outcome::Stream(Box::new(self.begun(live).await?)))
    }

    /// A 200 of another type where a stream was asked for: an error object as JSON, or nonsense.
    async fn not_a_stream(&self, wire: Wire, answer: &mut Answer) -> Failed {
        if !is_json(&answer.headers) {
            return wrong_content_type().into();
        }
        let body = self.refusal_body(answer).await;
        let glance = dialects::json::parse_answer(&body).ok().and_then(|node| codec(wire).glance_response(&node).ok());
        match glance.and_then(|glance| glance.error) {
            Some(error) => error.into(),
            None => Failed { error: wrong_content_type(), charge: Charge::Ambiguous },
        }
    }
}

/// A provider's own departures from its wire, applied to a translated body.
fn apply_quirks(encoded: Encoded, target: &ResolvedTarget) -> Encoded {
    let Ok(node) = dialects::json::parse(encoded.body.as_bytes()) else { return encoded };
    let drops = target.quirks.drop.iter().filter(|field| node.get(field).is_some());
    let edits: Vec<head::Edit> = drops
        .map(|field| head::Edit::remove(field))
        .chain(target.quirks.rename.iter().map(|(from, to)| head::Edit::rename(from, to)))
        .collect();
    let body = head::copy(&node, &edits);
    let removed = target.quirks.drop.iter().filter(|field| node.get(field).is_some()).cloned();
    let dropped = encoded.dropped.iter().cloned().chain(removed).collect();
    Encoded { body, dropped }
}
