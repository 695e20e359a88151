//! W: the most a call could cost over every route its plan allows. Arithmetic only.

use crate::{
    budgets::Budgets,
    call::{Caller, Request},
    pricing::chat::{self, Most},
    target::ResolvedTarget,
};
use config::{Config, Rates};
use dialects::codec::estimate_tokens;
use domain::{Error, Kind, Usd};
use std::sync::Arc;

/// Tokens a chat template may add to what the body says, per request: role marks, tool preambles.
const TEMPLATE_OVERHEAD: u64 = 512;

/// The bounds of one call.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bounds {
    pub worst_case: Usd,
    /// The input alone, by estimate: charged for a call whose answer was lost [M10].
    pub ambiguous: Usd,
    /// The most prompt tokens.
    pub input: u64,
    /// The most output tokens, over all choices; 0 where nothing bounds them.
    pub output: u64,
    /// The cap to write into the request; `None` leaves it as it came [M3].
    pub enforced_cap: Option<u64>,
}

/// The bounds over all targets. A key with a budget is refused a target without a price [M4].
pub fn bounds(
    targets: &[Arc<ResolvedTarget>],
    config: &Config,
    caller: &Caller,
    budgets: &Budgets,
    request: &Request<'_>,
) -> Result<Bounds, Error> {
    let mut all = Bounds::default();
    for target in targets {
        let limited = caller.is_metered() || budgets.bear(target);
        let Some(rates) = target.rates.as_ref().filter(|rates| rates.price_chat()) else {
            if limited {
                return Err(unpriced(&request.head.model));
            }
            continue;
        };
        let one = of_target(rates, config.default_output_cap, request, (caller, limited));
        all.worst_case = all.worst_case.max(one.worst_case);
        all.ambiguous = all.ambiguous.max(one.ambiguous);
        all.input = all.input.max(one.input);
        all.output = all.output.max(one.output);
        // One body may go to several targets: the smallest cap is safe on all of them.
        all.enforced_cap = [all.enforced_cap, one.enforced_cap].into_iter().flatten().min();
    }
    Ok(all)
}

fn of_target(rates: &Rates, default_cap: u64, request: &Request<'_>, (caller, limited): (&Caller, bool)) -> Bounds {
    let input = input_bound(rates, request);
    let most = [rates.context_window, caller.tokens_a_minute()].into_iter().flatten().min();
    let room = most.map_or(u64::MAX, |most| most.saturating_sub(input)).max(1);
    let cap = output_cap(rates, request, limited.then_some(default_cap.min(room)));
    let output = cap.unwrap_or(0).saturating_mul(request.head.n.max(1));
    let media = request.head.media;
    let worst_case = chat::most(rates, Most { input, output, media, guarded: request.guarded_bytes() });
    let likely_input = estimate_tokens(request.bytes).min(input);
    Bounds {
        worst_case,
        ambiguous: rates.for_prompt(likely_input).input.saturating_times(likely_input),
        input,
        output,
        enforced_cap: cap.filter(|_| limited),
    }
}

/// A byte-pair token is at least one byte, so the body's bytes bound its text; media may be anything up to the window.
fn input_bound(rates: &Rates, request: &Request<'_>) -> u64 {
    let text = (request.bytes as u64).saturating_add(TEMPLATE_OVERHEAD);
    match rates.context_window {
        Some(window) if request.head.media => window,
        Some(window) => text.min(window),
        None => text,
    }
}

/// The most output tokens of one choice. A call under a limit always has a cap, written into its request [M3], `unasked`
/// if it names none; for others it is the caller's own or the model's, and `None` where neither is known.
fn output_cap(rates: &Rates, request: &Request<'_>, unasked: Option<u64>) -> Option<u64> {
    let cap = request.head.output_cap.or(unasked);
    [cap, rates.max_output].into_iter().flatten().min()
}

pub fn unpriced(model: &str) -> Error {
    let message =
        format!("`{model}` has no price, and a budget bears this call; an administrator can set `price` on its target");
    Error::caller(Kind::Forbidden, message).with_code("model_unpriced").with_param("model")
}
