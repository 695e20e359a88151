//! Blocks of IP addresses, as allow-lists write them.

use std::{fmt, net::IpAddr, str::FromStr};

/// A block of addresses: `203.0.113.0/24`, `2001:db8::/32`, or one address.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Network {
    first: IpAddr,
    /// How many leading bits its addresses share.
    bits: u8,
}

impl Network {
    /// Whether an address lies in the block. IPv4 addresses written as IPv6 ones count as what they are.
    pub fn contains(&self, address: IpAddr) -> bool {
        let (first, width) = number(self.first.to_canonical());
        let (address, same_width) = number(address.to_canonical());
        width == same_width && masked(first, width, self.bits) == masked(address, width, self.bits)
    }

    /// Whether a whole block lies in this one.
    pub fn covers(&self, other: &Network) -> bool {
        self.bits <= other.bits && self.contains(other.first)
    }
}

/// The address as a number, and how many bits it has.
fn number(address: IpAddr) -> (u128, u8) {
    match address {
        IpAddr::V4(v4) => (u128::from(v4.to_bits()), 32),
        IpAddr::V6(v6) => (v6.to_bits(), 128),
    }
}

fn masked(address: u128, width: u8, bits: u8) -> u128 {
    address.checked_shr(u32::from(width.saturating_sub(bits))).unwrap_or(0)
}

/// Says what is expected.
impl FromStr for Network {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const EXPECTED: &str = "a block of addresses is expected, such as 203.0.113.0/24, 2001:db8::/32 or 192.0.2.7";
        let (address, bits) = text.split_once('/').map_or((text, None), |(address, bits)| (address, Some(bits)));
        let first: IpAddr = address.parse().map_err(|_| EXPECTED)?;
        let (number, width) = number(first);
        let bits = match bits {
            None => width,
            Some(digits) if digits.len() <= 3 && digits.bytes().all(|b| b.is_ascii_digit()) => {
                digits.parse().ok().filter(|bits| *bits <= width).ok_or(EXPECTED)?
            }
            Some(_) => return Err(EXPECTED),
        };
        let rest = if bits == width { 0 } else { number & (u128::MAX >> (128 - u32::from(width - bits))) };
        if rest != 0 {
            return Err("the address has bits behind the length of its block; write the block's first address");
        }
        Ok(Self { first, bits })
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.first, self.bits) {
            (IpAddr::V4(_), 32) | (IpAddr::V6(_), 128) => write!(f, "{}", self.first),
            (first, bits) => write!(f, "{first}/{bits}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(block: &str, address: &str) -> bool {
        block.parse::<Network>().unwrap().contains(address.parse().unwrap())
    }

    #[test]
    fn an_address_lies_in_its_block_and_in_no_other() {
        assert!(holds("203.0.113.0/24", "203.0.113.255") && !holds("203.0.113.0/24", "203.0.114.0"));
        assert!(holds("0.0.0.0/0", "255.255.255.255") && !holds("0.0.0.0/0", "::1"));
        assert!(holds("192.0.2.7", "192.0.2.7") && !holds("192.0.2.7", "192.0.2.6"));
        assert!(holds("2001:db8::/33", "2001:db8:7fff::1") && !holds("2001:db8::/33", "2001:db8:8000::"));
        assert!(holds("192.0.2.0/30", "::ffff:192.0.2.3") && !holds("192.0.2.0/30", "::ffff:192.0.2.4"));
        assert!(holds("::/0", "2001:db8::1") && !holds("::/0", "192.0.2.1"));
    }

    #[test]
    fn what_is_no_block_is_refused() {
        for text in
            ["", "1.2.3", "1.2.3.4/33", "::/129", "1.2.3.4/-1", "1.2.3.4/+8", "1.2.3.4/24", "a/8", "1.2.3.0/", "::1/64"]
        {
            assert!(text.parse::<Network>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_block_survives_its_text() {
        for text in ["203.0.113.0/24", "192.0.2.7", "2001:db8::/32", "::1", "0.0.0.0/0", "::/0"] {
            assert_eq!(text.parse::<Network>().unwrap().to_string(), text);
        }
    }
}
