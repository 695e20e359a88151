//! Exact money. Every multiplication of money in the project is in this file.
//!
//! A price of $0.075 per million tokens is 75,000 picodollars a token: whole numbers all the way,
//! so tokens × price never rounds. Floats never touch money.

use std::{fmt, iter::Sum, str::FromStr};

/// Picodollars in a dollar.
const PICO: i128 = 1_000_000_000_000;
const PICO_U64: u64 = 1_000_000_000_000;

/// US dollars in whole picodollars (10⁻¹² dollars). May be negative only as a difference.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Usd(i128);

impl Usd {
    pub const ZERO: Usd = Usd(0);

    /// The largest limit, price or budget an admin may set: 10⁹ dollars [M14].
    pub const MAX_SETTING: Usd = Usd(1_000_000_000 * PICO);

    pub const fn from_pico(pico: i128) -> Self {
        Self(pico)
    }

    /// Whole picodollars, as the ledger stores them.
    pub const fn pico(self) -> i128 {
        self.0
    }

    /// The price of one token, from a price per million tokens. Rounded up to a picodollar.
    pub fn per_token(per_million: Usd) -> Usd {
        Usd(per_million.0.div_euclid(1_000_000) + i128::from(per_million.0.rem_euclid(1_000_000) != 0))
    }

    /// `count` units at this price; `None` past 10²⁶ dollars.
    pub fn times(self, count: u64) -> Option<Usd> {
        self.0.checked_mul(i128::from(count)).map(Usd)
    }

    /// `count` units at this price, the largest amount there is if that overflows.
    pub fn saturating_times(self, count: u64) -> Usd {
        self.times(count).unwrap_or(Usd(i128::MAX))
    }

    /// One of `parts` equal parts of this price, rounded up: a second of a minute's.
    pub fn part(self, parts: u32) -> Usd {
        let parts = i128::from(parts.max(1));
        Usd(self.0.div_euclid(parts) + i128::from(self.0.rem_euclid(parts) != 0))
    }

    /// The price of so many thousandths of a unit at this price for one, rounded up.
    pub fn for_thousandths(self, count: u64) -> Usd {
        Usd(self.0.saturating_mul(i128::from(count))).part(1_000)
    }

    /// This price raised by `percent` per cent, rounded up (regional uplift, tax on a tier).
    pub fn plus_percent(self, percent: u32) -> Usd {
        let raised = self.0.saturating_mul(100 + i128::from(percent));
        Usd(raised.div_euclid(100) + i128::from(raised.rem_euclid(100) != 0))
    }

    /// `percent` per cent of this amount, rounded down (alert thresholds).
    pub fn percent(self, percent: u32) -> Usd {
        Usd(self.0.saturating_mul(i128::from(percent)).div_euclid(100))
    }

    pub fn checked_add(self, other: Usd) -> Option<Usd> {
        self.0.checked_add(other.0).map(Usd)
    }

    pub fn saturating_add(self, other: Usd) -> Usd {
        Usd(self.0.saturating_add(other.0))
    }

    pub fn saturating_sub(self, other: Usd) -> Usd {
        Usd(self.0.saturating_sub(other.0))
    }

    /// An amount an admin typed: decimal text, at most twelve decimals, 0 to 10⁹ dollars [M14].
    pub fn setting(text: &str) -> Result<Usd, NotMoney> {
        let amount: Usd = text.parse()?;
        if amount < Usd::ZERO {
            return Err(NotMoney::Negative);
        }
        if amount > Usd::MAX_SETTING {
            return Err(NotMoney::TooLarge);
        }
        Ok(amount)
    }
}

/// Why a text is not an amount of money.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotMoney {
    #[error("an amount must not be negative")]
    Negative,
    #[error("an amount must not exceed 1000000000 dollars")]
    TooLarge,
    #[error("an amount has at most 12 decimals")]
    TooFine,
    #[error("an amount is a decimal number of dollars such as 12.50")]
    NotDecimal,
}

/// Decimal dollars: `0.0000015`, `12.50`, `-3`. No exponent, no sign but a leading minus.
impl FromStr for Usd {
    type Err = NotMoney;

    fn from_str(text: &str) -> Result<Self, NotMoney> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, "0"));
        if whole.is_empty() || fraction.is_empty() || !all_digits(whole) || !all_digits(fraction) {
            return Err(NotMoney::NotDecimal);
        }
        let fraction = fraction.trim_end_matches('0');
        if fraction.len() > 12 {
            return Err(NotMoney::TooFine);
        }
        let whole: i128 = whole.parse().map_err(|_| NotMoney::TooLarge)?;
        let fraction: i128 = format!("{fraction:0<12}").parse().map_err(|_| NotMoney::NotDecimal)?;
        let pico = whole.checked_mul(PICO).and_then(|w| w.checked_add(fraction)).ok_or(NotMoney::TooLarge)?;
        Ok(Usd(if negative { -pico } else { pico }))
    }
}

fn all_digits(text: &str) -> bool {
    text.bytes().all(|b| b.is_ascii_digit())
}

/// Decimal dollars without trailing zeros: `0.0000015`, `12.5`, `0`.
impl fmt::Display for Usd {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let pico = self.0.unsigned_abs();
        // Almost all amounts fit into 64 bits, whose division is one instruction.
        let (whole, fraction) = match u64::try_from(pico) {
            Ok(pico) => (u128::from(pico / PICO_U64), pico % PICO_U64),
            Err(_) => (pico / u128::from(PICO_U64), (pico % u128::from(PICO_U64)) as u64),
        };
        if self.0 < 0 {
            f.write_str("-")?;
        }
        match u64::try_from(whole) {
            Ok(whole) => write!(f, "{whole}")?,
            Err(_) => write!(f, "{whole}")?,
        }
        if fraction == 0 { Ok(()) } else { write_fraction(f, fraction) }
    }
}

/// A point and twelve digits without the zeros at their end.
fn write_fraction(f: &mut fmt::Formatter<'_>, fraction: u64) -> fmt::Result {
    let (mut text, mut rest) = (*b".000000000000", fraction);
    for digit in text.iter_mut().skip(1).rev() {
        *digit += (rest % 10) as u8;
        rest /= 10;
    }
    f.write_str(std::str::from_utf8(&text).unwrap_or_default().trim_end_matches('0'))
}

impl Sum for Usd {
    fn sum<I: Iterator<Item = Usd>>(amounts: I) -> Usd {
        amounts.fold(Usd::ZERO, Usd::saturating_add)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_text_survives_both_ways() {
        for text in ["0", "1", "0.59", "12.5", "0.000000000001", "-3.25", "1000000000"] {
            assert_eq!(text.parse::<Usd>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn amounts_of_every_size_are_written_exactly() {
        let large = u64::MAX as i128;
        for pico in [1, 10, large - 1, large, large + 1, large * 1_000_000_000_007, i128::MAX] {
            let (whole, fraction) = (pico / PICO, pico % PICO);
            let long = format!("{whole}.{fraction:012}");
            let short = long.trim_end_matches('0').trim_end_matches('.');
            assert_eq!(Usd(pico).to_string(), short);
            assert_eq!(Usd(-pico).to_string(), format!("-{short}"));
        }
        assert!(Usd(i128::MIN).to_string().starts_with("-170141183460469231731687303.715884"));
    }

    #[test]
    fn m14_settings_refuse_what_is_not_an_amount() {
        assert_eq!(Usd::setting("-1"), Err(NotMoney::Negative));
        assert_eq!(Usd::setting("1000000000.01"), Err(NotMoney::TooLarge));
        assert_eq!(Usd::setting("0.0000000000001"), Err(NotMoney::TooFine));
        for text in ["NaN", "inf", "1e3", "", ".5", "5.", "+1", "1_000", " 1"] {
            assert_eq!(Usd::setting(text), Err(NotMoney::NotDecimal), "{text:?}");
        }
        for (text, pico) in [("0", 0), ("1000000000", 1_000_000_000 * PICO)] {
            assert_eq!(Usd::setting(text), Ok(Usd(pico)), "{text:?}");
        }
        assert_eq!(Usd::MAX_SETTING.to_string(), "1000000000");
    }

    #[test]
    fn a_token_price_is_whole_picodollars() {
        let price = Usd::per_token("0.075".parse().unwrap());
        assert_eq!(price.pico(), 75_000);
        assert_eq!(price.times(49).unwrap().to_string(), "0.000003675");
        for (million, one) in [(0, 0), (1, 1), (1_000_000, 1), (1_000_001, 2), (-1, 0)] {
            assert_eq!(Usd::per_token(Usd(million)), Usd(one), "{million}");
        }
    }

    #[test]
    fn parts_and_raised_prices_are_rounded_up_and_per_cents_down() {
        let parts = [(9, 3, 3), (10, 3, 4), (1, 60, 1), (0, 60, 0), (-10, 3, -3), (5, 1, 5), (5, 0, 5)];
        for (price, parts, part) in parts {
            assert_eq!(Usd(price).part(parts), Usd(part), "{price} in {parts}");
        }
        for (price, thousandths, costs) in [(7, 1_000, 7), (7, 1, 1), (7, 1_500, 11), (7, 0, 0), (2_000, 3, 6)] {
            assert_eq!(Usd(price).for_thousandths(thousandths), Usd(costs), "{price} {thousandths}");
        }
        for (price, percent, raised, share) in [(100, 10, 110, 10), (101, 10, 112, 10), (7, 0, 7, 0), (9, 99, 18, 8)] {
            assert_eq!(Usd(price).plus_percent(percent), Usd(raised), "{price} and {percent} %");
            assert_eq!(Usd(price).percent(percent), Usd(share), "{percent} % of {price}");
        }
    }

    #[test]
    fn sums_stop_at_the_largest_amount_there_is() {
        let (three, five, most) = (Usd(3), Usd(5), Usd(i128::MAX));
        assert_eq!((three.checked_add(five), most.checked_add(three)), (Some(Usd(8)), None));
        assert_eq!((three.saturating_add(five), most.saturating_add(three)), (Usd(8), most));
        assert_eq!((three.saturating_sub(five), Usd(i128::MIN).saturating_sub(five)), (Usd(-2), Usd(i128::MIN)));
        assert_eq!((three.saturating_times(5), most.saturating_times(2)), (Usd(15), most));
        assert_eq!((three.times(5), most.times(2)), (Some(Usd(15)), None));
        assert_eq!(
            ([three, five, Usd(-1)].into_iter().sum::<Usd>(), [most, five].into_iter().sum::<Usd>()),
            (Usd(7), most)
        );
    }
}
