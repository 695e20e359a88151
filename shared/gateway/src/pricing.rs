//! What services cost, before and after: tokens, images, sounds, searches. Integers only.

/// What a chat costs.
pub mod chat;
/// What a guardrail checks of it.
pub mod guardrail;

use crate::call::Asked;
use config::{Rates, prices::Tier};
use dialects::codec::estimate_tokens;
use domain::{
    Service, Task, Usage, Usd,
    media::{Picture, Units},
};

/// Tokens that may come around the text of a request.
const OVERHEAD: u64 = 512;
/// The most tokens of one image, looked at or made. The largest and finest that OpenAI makes are 6,240; others are not
/// stated, and taken to be less than three times that.
const IMAGE_TOKENS: u64 = 16_384;
/// The most tokens of a second of sound. Mistral counts a hundred, OpenAI at most twenty.
const AUDIO_TOKENS_A_SECOND: u64 = 128;

/// What was used, or is at most.
struct Used<'a> {
    usage: Usage,
    units: Units,
    picture: &'a Picture,
    /// Images in the prompt.
    images_in: u64,
}

/// The cost of what a service used; `None` if the model has no price for it.
pub fn cost(rates: &Rates, service: Service, usage: Usage, units: Units, picture: &Picture) -> Option<Usd> {
    of(rates, service.task(), &Used { usage, units, picture, images_in: 0 })
}

/// The most prompt tokens of a request; `None` if nothing bounds them.
pub fn input_bound(rates: &Rates, asked: &Asked) -> Option<u64> {
    let text = (asked.ask.text_bytes as u64).saturating_add(OVERHEAD);
    let sounds = (asked.ask.most.audio_ms / 1_000).saturating_add(1).saturating_mul(AUDIO_TOKENS_A_SECOND);
    let image = rates.context_window.unwrap_or(IMAGE_TOKENS);
    let images = image.saturating_mul(asked.ask.input_images);
    match asked.service.task() {
        // How long it is cannot be known.
        Task::Transcribe | Task::TranslateSpeech if asked.ask.most.audio_ms == u64::MAX => None,
        Task::Transcribe | Task::TranslateSpeech => text.checked_add(sounds),
        _ => text.checked_add(images),
    }
}

/// The most the request could cost at these prices; `None` if they do not bound it.
pub fn most(rates: &Rates, asked: &Asked, input: u64) -> Option<Usd> {
    let (ask, task) = (&asked.ask, asked.service.task());
    if task == Task::Compact {
        return most_of_chat(rates, input);
    }
    let output = match task {
        Task::Transcribe | Task::TranslateSpeech => rates.max_output.unwrap_or(input),
        Task::EditImages | Task::GenerateImages => ask.most.images.saturating_mul(IMAGE_TOKENS),
        Task::Speak => (ask.most.audio_ms / 1_000).saturating_add(1).saturating_mul(AUDIO_TOKENS_A_SECOND),
        Task::Compact | Task::Embed | Task::Moderate | Task::Rerank => 0,
    };
    let usage = Usage { input, output, ..Usage::default() };
    let used = |units: Units, usage: Usage| Used { usage, units, picture: &ask.picture, images_in: ask.input_images };
    let by_piece = of(rates, task, &used(ask.most, Usage::default()));
    // Whatever class the tokens turn out to be of.
    let classes = [
        Units { input_image_tokens: input, output_image_tokens: output, ..ask.most },
        Units { input_audio_tokens: input, output_audio_tokens: output, ..ask.most },
        ask.most,
    ];
    let by_token = classes.into_iter().filter_map(|units| of(rates, task, &used(units, usage))).max();
    by_piece.max(by_token)
}

/// The most that a conversation costs which a model reads and makes short.
fn most_of_chat(rates: &Rates, input: u64) -> Option<Usd> {
    let prices = rates.dearest(input, Tier::Priority);
    let output = rates.max_output.unwrap_or(input);
    let tokens = [prices.dearest_input().saturating_times(input), prices.dearest_output().saturating_times(output)];
    rates.price_chat().then(|| tokens.into_iter().sum::<Usd>().saturating_add(rates.per_request.unwrap_or(Usd::ZERO)))
}

/// What is charged if the answer is lost: as much of the input as it probably was [M10].
pub fn ambiguous(rates: &Rates, asked: &Asked) -> Option<Usd> {
    let (ask, task) = (&asked.ask, asked.service.task());
    let usage = Usage { input: estimate_tokens(ask.text_bytes), ..Usage::default() };
    if matches!(task, Task::EditImages | Task::GenerateImages) {
        return Some(rates.input.saturating_times(usage.input));
    }
    of(rates, task, &Used { usage, units: ask.likely, picture: &ask.picture, images_in: 0 })
}

fn of(rates: &Rates, task: Task, used: &Used<'_>) -> Option<Usd> {
    if rates.free {
        return Some(Usd::ZERO);
    }
    let units = &rates.units;
    let by = |price: Option<Usd>, count: u64| price.map(|price| price.saturating_times(count));
    let metered = (used.usage.prompt() > 0 || used.usage.output > 0).then(|| tokens(rates, used)).flatten();
    let cost = match task {
        Task::Embed => {
            tokens(rates, used).map(|cost| cost.saturating_add(by(units.image_in, used.images_in).unwrap_or(Usd::ZERO)))
        }
        Task::Compact | Task::Moderate => tokens(rates, used),
        Task::Rerank => by(units.search, used.units.searches).or_else(|| tokens(rates, used)),
        Task::EditImages | Task::GenerateImages => {
            metered.filter(|_| makes_tokens(rates)).or_else(|| by(units.dearest_image(used.picture), used.units.images))
        }
        Task::Speak => by(units.character, used.units.characters)
            .or_else(|| metered.filter(|_| units.audio_token_out.is_some() && used.usage.output > 0))
            .or_else(|| units.second_out.map(|price| price.for_thousandths(used.units.audio_ms))),
        Task::Transcribe | Task::TranslateSpeech => {
            metered.or_else(|| units.second_in.map(|price| price.for_thousandths(used.units.audio_ms)))
        }
    };
    cost.map(|cost| cost.saturating_add(rates.per_request.unwrap_or(Usd::ZERO)))
}

/// What is made is priced by tokens.
fn makes_tokens(rates: &Rates) -> bool {
    rates.output > Usd::ZERO || rates.units.image_token_out.is_some()
}

/// Tokens at their prices, those of images and sounds at their own; `None` if tokens have no price.
fn tokens(rates: &Rates, used: &Used<'_>) -> Option<Usd> {
    let (units, usage) = (&rates.units, &used.usage);
    let priced = rates.input > Usd::ZERO || rates.output > Usd::ZERO || makes_tokens(rates);
    let images_in = used.units.input_image_tokens.min(usage.prompt());
    let sounds_in = used.units.input_audio_tokens.min(usage.prompt() - images_in);
    let images_out = used.units.output_image_tokens.min(usage.output);
    let sounds_out = used.units.output_audio_tokens.min(usage.output - images_out);
    let amounts = [
        rates.input.saturating_times(usage.prompt() - images_in - sounds_in),
        units.image_token_in.unwrap_or(rates.input).saturating_times(images_in),
        units.audio_token_in.unwrap_or(rates.input).saturating_times(sounds_in),
        rates.output.saturating_times(usage.output - images_out - sounds_out),
        units.image_token_out.unwrap_or(rates.output).saturating_times(images_out),
        units.audio_token_out.unwrap_or(rates.output).saturating_times(sounds_out),
    ];
    priced.then(|| amounts.into_iter().sum())
}

#[cfg(test)]
mod tests;
