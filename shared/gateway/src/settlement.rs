//! settle(): exactly once, and before the last byte [L1].

use crate::call::{About, Admitted, Charge, Metered};
use crate::{pricing::guardrail, target::ResolvedTarget};
use domain::{
    Clock, Error, Usage, Usd,
    call::{CallRecord, Reservation, State, UsageSource},
    key::VirtualKey,
    media::Units,
};
use std::sync::Arc;
use stores::{
    ledger::{Gap, Ledger},
    limits::{Limiter, Taken},
};

/// Usage → money.
pub mod cost;
/// The one summary line of a call.
mod summary;

/// So many calls that could not be recorded are recorded with the next one that can.
const MENDED_AT_ONCE: usize = 8;

/// The most searches of the web that an answer is believed to have taken [M13].
const MOST_SEARCHES: u64 = 1_000;

/// Everything settling a call needs, whenever and wherever its answer ends.
pub struct Settlement {
    ledger: Arc<Ledger>,
    limiter: Arc<Limiter>,
    clock: Arc<dyn Clock>,
    reservation: Reservation,
    /// What it took from its rate limits.
    taken: Taken,
    key: Arc<VirtualKey>,
    about: Arc<About>,
    ambiguous: Usd,
    output_bound: u64,
    input_bound: u64,
    attempts: u32,
    target: Option<Arc<ResolvedTarget>>,
    first_byte_ms: Option<u64>,
    /// What earlier attempts may have cost [M9].
    charged: Usd,
    /// What the store does not take is written down later, and stops nobody [A1].
    late: bool,
}

/// What a settled call came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Settled {
    pub cost: Usd,
    /// The model has no price: the cost is not known.
    pub unpriced: bool,
}

impl Settlement {
    pub fn new(ledger: Arc<Ledger>, limiter: Arc<Limiter>, clock: Arc<dyn Clock>, admitted: Admitted) -> Self {
        Self {
            ledger,
            limiter,
            clock,
            taken: admitted.taken,
            reservation: admitted.reservation,
            key: admitted.caller.key,
            about: admitted.about,
            ambiguous: admitted.plan.ambiguous,
            output_bound: admitted.plan.output_bound,
            input_bound: admitted.plan.input_bound,
            attempts: 0,
            target: None,
            first_byte_ms: None,
            charged: Usd::ZERO,
            late: false,
        }
    }

    /// Whether what the store does not take is written down later, and stops nobody [A1].
    #[must_use]
    pub fn recorded_late(mut self, late: bool) -> Self {
        self.late = late;
        self
    }

    pub fn about(&self) -> &About {
        &self.about
    }

    pub fn reservation(&self) -> &Reservation {
        &self.reservation
    }

    /// Who answered, after how many attempts.
    #[must_use]
    pub fn answered_by(
        mut self,
        target: Option<Arc<ResolvedTarget>>,
        attempts: u32,
        charged: Usd,
        topped_up: Option<Reservation>,
    ) -> Self {
        self.reservation = topped_up.unwrap_or(self.reservation);
        self.target = target;
        self.attempts = attempts;
        self.charged = charged;
        self
    }

    /// The first byte went out.
    pub fn first_byte(&mut self) {
        let elapsed = self.about.received.instant.elapsed().as_millis() as u64;
        self.first_byte_ms.get_or_insert(elapsed);
    }

    /// The most output tokens the call may bring; twice that ends an endless stream [U5].
    pub fn output_bound(&self) -> u64 {
        self.output_bound
    }

    /// An answer, whole or cut: what it used is charged. `error` is what the caller was told instead of an end.
    pub async fn settle(self, metered: &Metered, status: u16, error: Option<&Error>) -> Result<Settled, Error> {
        let metered = self.believable(metered);
        let cost = cost::of(self.rates(), &metered, &self.about);
        let amount = cost.amount.saturating_add(self.charged);
        let record = self.record(State::Settled, amount, &metered, status, error, cost.unpriced);
        self.put(&record).await?;
        Ok(Settled { cost: amount, unpriced: cost.unpriced })
    }

    /// No answer: nothing is charged, or the input if the provider may have worked [M10].
    pub async fn fail(self, error: &Error, charge: Charge, status: u16) -> Result<Settled, Error> {
        let (state, cost) = match charge {
            Charge::Nothing if self.charged == Usd::ZERO => (State::Released, Usd::ZERO),
            Charge::Nothing => (State::Settled, self.charged),
            Charge::Ambiguous => (State::Settled, self.ambiguous.saturating_add(self.charged)),
        };
        let source = if charge == Charge::Nothing { UsageSource::None } else { UsageSource::Estimated };
        let usage = match charge {
            Charge::Nothing => Usage::default(),
            Charge::Ambiguous => dialects::codec::estimated_usage(self.about.request_bytes, 0),
        };
        let metered = Metered { usage, source: Some(source), ..Metered::default() };
        let record = self.record(
            state,
            cost,
            &metered,
            status,
            Some(error),
            self.rates().is_none() && charge != Charge::Nothing,
        );
        self.put(&record).await?;
        Ok(Settled { cost, unpriced: false })
    }

    fn rates(&self) -> Option<&config::Rates> {
        self.target.as_ref().and_then(|target| target.rates.as_ref())
    }

    /// What is above twice the bound is not believed [M13].
    fn believable(&self, metered: &Metered) -> Metered {
        let reported = metered.source == Some(UsageSource::Reported);
        let too_much = |said: u64, bound: u64| bound > 0 && said > bound.saturating_mul(2);
        if reported
            && (too_much(metered.usage.output, self.output_bound) || too_much(metered.usage.prompt(), self.input_bound))
        {
            tracing::warn!(call = %self.about.id, "usage_anomaly: the provider reported more than twice the bound");
            let usage = dialects::codec::estimated_usage(self.about.request_bytes, 0);
            let usage = Usage { output: metered.usage.output.min(self.output_bound), ..usage };
            return self.with_units(Metered { usage, source: Some(UsageSource::Estimated), ..metered.clone() });
        }
        self.with_units(metered.clone())
    }

    /// A service's units: those the provider said, if they are not above twice what the request can use [M13], else those
    /// it probably used.
    fn with_units(&self, metered: Metered) -> Metered {
        if self.about.api.service().is_none() {
            let units = metered.units.map(|units| Units { searches: units.searches.min(MOST_SEARCHES), ..units });
            return Metered { units: self.with_guarded(units, &metered.usage), ..metered };
        }
        let (likely, most, said) = (self.about.likely, self.about.most, metered.units.unwrap_or_default());
        let believed = |said: u64, likely: u64, most: u64| {
            if said > 0 && said <= most.saturating_mul(2) { said } else { likely }
        };
        let units = Units {
            images: believed(said.images, likely.images, most.images),
            audio_ms: believed(said.audio_ms, likely.audio_ms, most.audio_ms),
            searches: believed(said.searches, likely.searches, most.searches),
            characters: likely.characters,
            ..said
        };
        let counted = [said.images, said.audio_ms, said.searches].iter().any(|count| *count > 0);
        match metered.source {
            Some(UsageSource::Estimated) if counted => {
                Metered { usage: Usage::default(), source: Some(UsageSource::Reported), units: Some(units), ..metered }
            }
            _ => Metered { units: Some(units), ..metered },
        }
    }

    /// What the provider said its guardrail checked [M13]; else, if the call asked for one, what it probably did.
    fn with_guarded(&self, units: Option<Units>, usage: &Usage) -> Option<Units> {
        let output = if self.output_bound > 0 { self.output_bound } else { usage.output };
        let most = guardrail::most(self.about.request_bytes, output, self.about.media);
        let said = units.unwrap_or_default().guarded.filter(|said| guardrail::is_believable(said, &most));
        if said.is_some() || !self.about.guarded || !self.rates().is_some_and(guardrail::is_billed) {
            return units.map(|units| Units { guarded: said, ..units });
        }
        let guarded = Some(guardrail::likely(usage));
        Some(Units { guarded, guarded_estimated: true, ..units.unwrap_or_default() })
    }

    async fn put(&self, record: &CallRecord) -> Result<(), Error> {
        let used = record.usage.prompt().saturating_add(record.usage.output);
        let money = self.ledger.conclude(&self.reservation, &self.key, record);
        let (kept, ()) = futures::join!(money, self.limiter.settle(&self.taken, used));
        if record.cost > self.reservation.worst_case && !record.unpriced {
            tracing::warn!(call = %record.call, "budget_overrun: the call cost more than was held for it");
        }
        summary::log(record, self.about.api, &self.key, kept.is_ok());
        match kept {
            Ok(()) if self.late && self.ledger.gaps() > 0 => {
                self.ledger.mend(MENDED_AT_ONCE).await;
                Ok(())
            }
            Ok(()) => Ok(()),
            Err(_) if self.late => {
                tracing::error!(call = %record.call, "audit_gap: a call could not be recorded; it is tried again");
                let (reservation, key) = (self.reservation.clone(), self.key.clone());
                self.ledger.postpone(Gap { reservation, key, record: record.clone() });
                Ok(())
            }
            Err(_) => Err(unrecorded()),
        }
    }

    fn record(
        &self,
        state: State,
        cost: Usd,
        metered: &Metered,
        status: u16,
        error: Option<&Error>,
        unpriced: bool,
    ) -> CallRecord {
        let target = self.target.as_ref();
        CallRecord {
            call: self.about.id.clone(),
            state,
            cost,
            wire: self.about.api.name().to_owned(),
            alias: self.about.model.clone(),
            provider: target.map(|t| t.provider.as_str().to_owned()).unwrap_or_default(),
            model: target.map(|t| t.model.as_str().to_owned()).unwrap_or_default(),
            region: target.and_then(|t| t.region.clone()),
            usage: metered.usage,
            usage_source: metered.source.unwrap_or(UsageSource::None),
            units: metered.units.unwrap_or_default(),
            unpriced,
            status,
            error: error.map(|error| error.code().to_owned()),
            over_rate: self.taken.observed,
            streamed: self.about.stream,
            attempts: self.attempts,
            started_at: self.about.received.at,
            ended_at: self.clock.now(),
            first_byte_ms: self.first_byte_ms,
            team_id: self.key.team_id.clone(),
            user_id: self.key.user_id.clone(),
            organization_id: self.key.organization_id.clone(),
            project_id: self.key.project_id.clone(),
            tags: self.key.tags.iter().chain(&self.about.tags).cloned().collect(),
            client_request_id: self.about.client_request_id.clone(),
        }
    }
}

fn unrecorded() -> Error {
    Error::gateway(
        domain::Kind::BudgetUnavailable,
        "the call could not be recorded; its cost will be settled from its hold",
    )
    .with_code("audit_unavailable")
}
