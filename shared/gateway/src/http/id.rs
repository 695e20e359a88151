//! Ids of calls: `call_` and 24 characters, of which the first nine are the time, so that they sort.

use domain::{CallId, Timestamp};

/// Crockford's base 32, lower case: no two characters look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// A new id: 45 bits of milliseconds, 75 random bits.
pub fn call_id(now: Timestamp) -> CallId {
    let mut random = [0u8; 15];
    // Without randomness ids would collide; the operating system does not fail here after boot.
    let _ = getrandom::fill(&mut random);
    let mut id = String::with_capacity(29);
    id.push_str("call_");
    (0..9).rev().for_each(|at| id.push(letter((now.millis() >> (5 * at)) as u8)));
    random.iter().for_each(|byte| id.push(letter(*byte)));
    CallId::from(id)
}

fn letter(bits: u8) -> char {
    ALPHABET.get(usize::from(bits & 31)).copied().map_or('0', char::from)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_sort_by_time_and_do_not_repeat() {
        let (a, b) = (call_id(Timestamp::from_millis(1_000)), call_id(Timestamp::from_millis(2_000)));
        assert!(a < b && a.as_str().len() == 29);
        assert_ne!(call_id(Timestamp::from_millis(5)), call_id(Timestamp::from_millis(5)));
    }
}
