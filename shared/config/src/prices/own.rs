//! An operator's own price, in dollars per million tokens as people say it.

use domain::Usd;

use super::Rates;
use crate::raw::{Decimal, Reader, raw};

raw! {
    /// A price in US dollars per million tokens, over the catalogue's.
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
        /// true: this costs nothing. Then no prices are given.
        free: bool,
    }
}

impl RawPrice {
    pub(crate) fn check(self, reader: &mut Reader) -> Option<Rates> {
        if self.free == Some(true) {
            return self.check_free(reader);
        }
        if self.input.is_none() || self.output.is_none() {
            reader.wrong(self.at, "a price needs input and output, in dollars per million tokens, or free: true");
        }
        let mut token = |price: Option<Decimal>| price.and_then(|price| dollars(reader, &price)).map(Usd::per_token);
        let rates = Rates {
            cache_read: token(self.cache_read),
            cache_write: token(self.cache_write),
            cache_write_1h: token(self.cache_write_1h),
            reasoning_output: token(self.reasoning_output),
            input: token(self.input).unwrap_or_default(),
            output: token(self.output).unwrap_or_default(),
            ..Rates::default()
        };
        Some(Rates { per_request: self.per_request.and_then(|price| dollars(reader, &price)), ..rates })
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
