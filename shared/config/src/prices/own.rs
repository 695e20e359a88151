//! An operator's own price, in dollars per million tokens as people say it.

use domain::Usd;

use super::{Rates, UnitRates};
use crate::raw::{Decimal, Reader, raw};

raw! {
    /// A price in US dollars per million tokens (or by the piece), over the catalogue's.
    struct RawPrice {
        /// Prompt tokens.
        input: Decimal,
        /// Generated tokens.
        output: Decimal,
        /// Prompt tokens read from a cache; as input if not given.
        cache_read: Decimal,
        /// Prompt tokens written to a cache for 5 minutes; as input if not given.
        cache_write: Decimal,
        /// Prompt tokens written to a cache for an hour; twice the input if cache_write is given, else as input.
        cache_write_1h: Decimal,
        /// Reasoning tokens; as output if not given.
        reasoning_output: Decimal,
        /// US dollars for each request, whatever its length.
        per_request: Decimal,
        /// US dollars for each search unit of a reranker, and for each search of the web that a chat's provider makes.
        per_search: Decimal,
        /// US dollars for each image made.
        per_image: Decimal,
        /// US dollars for a million characters spoken.
        per_million_characters: Decimal,
        /// US dollars for each minute of audio heard.
        per_audio_minute: Decimal,
        /// true: this costs nothing, as input and output of 0 say as well. Then no prices are given.
        free: bool,
    }
}

impl RawPrice {
    pub(crate) fn check(self, reader: &mut Reader) -> Option<Rates> {
        if self.free == Some(true) {
            return self.check_free(reader);
        }
        let units = self.units(reader);
        let is_written = self.input.is_some() && self.output.is_some();
        if units.is_empty() && (self.input.is_none() || self.output.is_none()) {
            let needs =
                "a price needs input and output, in dollars per million tokens, a price by the piece, or free: true";
            reader.wrong(self.at, needs);
        }
        let mut token = |price: Option<Decimal>| price.and_then(|price| dollars(reader, &price)).map(Usd::per_token);
        let rates = Rates {
            cache_read: token(self.cache_read),
            cache_write: token(self.cache_write),
            cache_write_1h: token(self.cache_write_1h),
            reasoning_output: token(self.reasoning_output),
            input: token(self.input).unwrap_or_default(),
            output: token(self.output).unwrap_or_default(),
            units,
            ..Rates::default()
        };
        let rates = Rates { per_request: self.per_request.and_then(|price| dollars(reader, &price)), ..rates };
        Some(if is_written && rates == Rates::default() { Rates::free() } else { rates })
    }

    fn units(&self, reader: &mut Reader) -> UnitRates {
        let mut piece = |price: &Option<Decimal>| price.as_ref().and_then(|price| dollars(reader, price));
        let minute = piece(&self.per_audio_minute);
        UnitRates {
            search: piece(&self.per_search),
            image: piece(&self.per_image),
            character: piece(&self.per_million_characters).map(Usd::per_token),
            second_in: minute.map(|minute| minute.part(60)),
            ..UnitRates::default()
        }
    }

    fn check_free(self, reader: &mut Reader) -> Option<Rates> {
        let priced = [
            self.input,
            self.output,
            self.cache_read,
            self.cache_write,
            self.cache_write_1h,
            self.reasoning_output,
            self.per_request,
            self.per_search,
            self.per_image,
            self.per_million_characters,
            self.per_audio_minute,
        ];
        if let Some(price) = priced.into_iter().flatten().next() {
            reader.wrong(price.0.at, "a price beside free: true, give one or the other");
        }
        Some(Rates::free())
    }
}

/// An amount that is not negative, not absurd and not finer than money is kept [M14].
fn dollars(reader: &mut Reader, price: &Decimal) -> Option<Usd> {
    match Usd::setting(&price.0.text) {
        Ok(amount) => Some(amount),
        Err(wrong) => {
            reader.wrong(price.0.at, format!("{} is not a price: {wrong}", price.0.shown()));
            None
        }
    }
}
