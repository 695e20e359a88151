//! Spreading: a limit that lets many calls in is kept in several items, each with an equal part of it, so that no item is
//! written too often or carries the marks of too many calls [M15].
//!
//! No part admits more than its own rate and burst, so all of them admit no more than the limit's [M19]. How many there
//! are follows from the limit alone: every instance knows it, and nothing is lent or called back. A call goes to the part
//! that its id says, to the next ones if that is used up, and to several if it asks for more than one of them gives.

use domain::{CallId, limit::Rate};

/// One item bears so many requests a minute, of calls that leave nothing in it ...
const REQUESTS: u64 = 15_000;
/// ... and so many of calls that are marked in it until they end.
const LASTING_REQUESTS: u64 = 2_000;
/// So many tokens a minute are about as many calls, as each asks for some thousands.
const TOKENS: u64 = 8_000_000;
/// Smaller parts would be used up by chance.
const LEAST_REQUESTS: u64 = 600;
const LEAST_TOKENS: u64 = 200_000;
const LEAST_PARALLEL: u64 = 32;
const MOST_PARTS: u64 = 64;
/// Parts that are asked before a call is refused.
pub const ASKED: usize = 8;

/// How many parts a limit has.
pub fn parts(rate: &Rate) -> u32 {
    let parallel = rate.parallel.map(u64::from);
    let lasting = rate.tokens.is_some() || parallel.is_some();
    let each = if lasting { LASTING_REQUESTS } else { REQUESTS };
    let over = |limit: Option<u64>, part: u64| limit.map(|limit| limit / part);
    let wish = [over(rate.requests, each), over(rate.tokens, TOKENS), over(parallel, LEAST_PARALLEL)];
    let room = [over(rate.requests, LEAST_REQUESTS), over(rate.tokens, LEAST_TOKENS), over(parallel, LEAST_PARALLEL)];
    let wish = wish.into_iter().flatten().max().unwrap_or(1);
    let most = room.into_iter().flatten().min().unwrap_or(1).min(MOST_PARTS);
    u32::try_from(wish.min(most)).unwrap_or(1).max(1)
}

/// One of so many parts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Part {
    pub of: u32,
    /// From 0.
    pub nth: u32,
}

impl Part {
    /// All there is.
    pub const WHOLE: Part = Part { of: 1, nth: 0 };

    /// Where a call begins.
    pub fn first(of: u32, call: &CallId) -> Part {
        Part { of, nth: crc32fast::hash(call.as_str().as_bytes()) % of.max(1) }
    }

    /// The one so many further on, from the last to the first.
    pub fn after(self, steps: u32) -> Part {
        Part { nth: (self.nth % self.of + steps % self.of) % self.of, ..self }
    }

    pub fn is_whole(self) -> bool {
        self.of <= 1
    }

    /// What falls to this part: of what does not divide, the first ones have one more.
    pub fn share(self, all: u64) -> u64 {
        let (of, nth) = (u64::from(self.of.max(1)), u64::from(self.nth));
        all / of + u64::from(nth < all % of)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(requests: u64, tokens: u64, parallel: u32) -> u32 {
        let some = |limit: u64| (limit > 0).then_some(limit);
        let parallel = (parallel > 0).then_some(parallel);
        parts(&Rate { name: "all".to_owned(), requests: some(requests), tokens: some(tokens), parallel })
    }

    #[test]
    fn m15_only_limits_that_one_item_cannot_bear_are_spread_and_no_part_is_small() {
        assert_eq!([of(29_999, 0, 0), of(60_000, 0, 0), of(10_000_000, 0, 0)], [1, 4, 64]);
        assert_eq!([of(3_999, 10_000_000, 0), of(60_000, 240_000_000, 0), of(0, 240_000_000, 0)], [1, 30, 30]);
        assert_eq!([of(60_000, 1_000_000, 0), of(60_000, 0, 40), of(0, 0, 2_000)], [5, 1, 62]);
        assert_eq!([of(0, 0, 0), of(1, 1, 1)], [1, 1]);
    }

    #[test]
    fn m19_parts_add_up_to_the_whole() {
        for all in [0, 7, 64, 1_000_003] {
            let parts = (0..8).map(|nth| Part { of: 8, nth }.share(all));
            assert_eq!(parts.sum::<u64>(), all);
        }
        assert_eq!(Part { of: 3, nth: 2 }.after(2), Part { of: 3, nth: 1 });
    }
}
