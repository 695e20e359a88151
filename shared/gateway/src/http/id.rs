//! Ids of calls: `call_` and 24 characters, of which the first nine are the time, so that they sort.

use domain::{CallId, Timestamp};
use std::cell::RefCell;

/// Crockford's base 32, lower case: no two characters look alike.
const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";

/// Random bytes of one id.
const RANDOM: usize = 15;
/// Ids for which the operating system is asked at once.
const AT_ONCE: usize = 64;

/// A thread's random bytes. Those before `next` are spent.
struct Pool {
    bytes: [u8; RANDOM * AT_ONCE],
    next: usize,
}

thread_local! {
    static POOL: RefCell<Pool> = const { RefCell::new(Pool { bytes: [0; RANDOM * AT_ONCE], next: RANDOM * AT_ONCE }) };
}

impl Pool {
    /// Bytes that nobody was given before.
    fn take(&mut self) -> [u8; RANDOM] {
        if self.next >= self.bytes.len() {
            // Without randomness ids would collide; the operating system does not fail here after boot.
            let _ = getrandom::fill(&mut self.bytes);
            self.next = 0;
        }
        let taken = self.bytes.get(self.next..).and_then(|rest| rest.first_chunk()).copied();
        self.next += RANDOM;
        taken.unwrap_or_default()
    }
}

/// A new id: 45 bits of milliseconds, 75 random bits.
pub fn call_id(now: Timestamp) -> CallId {
    let random = POOL.with_borrow_mut(Pool::take);
    let time = (0..9).rev().map(|at| (now.millis() >> (5 * at)) as u8);
    let mut id = *b"call_000000000000000000000000";
    let letters = id.iter_mut().skip("call_".len());
    letters.zip(time.chain(random)).for_each(|(letter, bits)| *letter = in_alphabet(bits));
    CallId::from(std::str::from_utf8(&id).unwrap_or_default())
}

fn in_alphabet(bits: u8) -> u8 {
    ALPHABET.get(usize::from(bits & 31)).copied().unwrap_or(b'0')
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

    #[test]
    fn no_two_of_many_ids_are_alike_on_any_thread() {
        let many = || (0..500).map(|_| call_id(Timestamp::from_millis(5))).collect::<Vec<_>>();
        let threads: Vec<_> = (0..4).map(|_| std::thread::spawn(many)).collect();
        let ids: std::collections::HashSet<_> = threads.into_iter().flat_map(|ids| ids.join().unwrap()).collect();
        assert_eq!(ids.len(), 2_000);
    }
}
