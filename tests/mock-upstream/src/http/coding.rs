//! Gzip without a compressor: stored blocks for valid coding, one repeated match for a bomb.

/// Valid gzip holding `body` uncompressed.
pub(crate) fn gzip(body: &[u8]) -> Vec<u8> {
    let mut out = header();
    let mut blocks = body.chunks(0xFFFF).peekable();
    if blocks.peek().is_none() {
        out.extend([1, 0, 0, 0xFF, 0xFF]);
    }
    while let Some(block) = blocks.next() {
        let length = u16::try_from(block.len()).unwrap_or(u16::MAX);
        out.push(u8::from(blocks.peek().is_none()));
        out.extend(length.to_le_bytes());
        out.extend((!length).to_le_bytes());
        out.extend(block);
    }
    out.extend(crc32fast::hash(body).to_le_bytes());
    out.extend((body.len() as u32).to_le_bytes());
    out
}

/// Gzip whose checksum is wrong and whose last two bytes are missing.
pub(crate) fn broken_gzip(body: &[u8]) -> Vec<u8> {
    let mut out = gzip(body);
    let crc_at = out.len().saturating_sub(8);
    if let Some(byte) = out.get_mut(crc_at) {
        *byte ^= 0xFF;
    }
    out.truncate(crc_at + 6);
    out
}

/// Gzip that unpacks to `size` zero bytes or a few fewer (a multiple of 258 and one).
pub(crate) fn bomb(size: u64) -> Vec<u8> {
    let matches = size / 258;
    let mut bits = Bits { out: header(), held: 0, count: 0 };
    bits.put(0b011, 3); // last block, fixed codes
    bits.put_code(0x30, 8); // literal 0
    for _ in 0..matches {
        bits.put_code(0b1100_0101, 8); // length 258
        bits.put_code(0, 5); // distance 1
    }
    bits.put_code(0, 7); // end of block
    let mut out = bits.finish();
    let unpacked = matches * 258 + 1;
    out.extend(crc_of_zeros(unpacked).to_le_bytes());
    out.extend((unpacked as u32).to_le_bytes());
    out
}

fn header() -> Vec<u8> {
    vec![0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 0xFF]
}

fn crc_of_zeros(mut left: u64) -> u32 {
    let (zeros, mut hasher) = ([0u8; 65_536], crc32fast::Hasher::new());
    while left > 0 {
        let part = left.min(65_536);
        hasher.update(zeros.get(..part as usize).unwrap_or_default());
        left -= part;
    }
    hasher.finalize()
}

struct Bits {
    out: Vec<u8>,
    held: u32,
    count: u32,
}

impl Bits {
    fn put(&mut self, bits: u32, length: u32) {
        self.held |= bits << self.count;
        self.count += length;
        while self.count >= 8 {
            self.out.push(self.held as u8);
            self.held >>= 8;
            self.count -= 8;
        }
    }

    /// Huffman codes go most significant bit first.
    fn put_code(&mut self, code: u32, length: u32) {
        self.put(code.reverse_bits() >> (32 - length), length);
    }

    fn finish(mut self) -> Vec<u8> {
        self.put(0, 7);
        self.out
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn f13_gzip_holds_the_body_and_its_checksum() {
        let packed = gzip(b"hello");
        assert_eq!(&packed[..3], &[0x1F, 0x8B, 8]);
        assert_eq!(&packed[15..20], b"hello");
        assert_eq!(&packed[20..24], &crc32fast::hash(b"hello").to_le_bytes());
        assert_ne!(broken_gzip(b"hello")[20..24], packed[20..24]);
    }

    #[test]
    fn f13_a_bomb_is_over_a_hundred_times_smaller_than_its_content() {
        let packed = bomb(10 << 20);
        let unpacked = u32::from_le_bytes(packed[packed.len() - 4..].try_into().unwrap()) as usize;
        assert!(unpacked > 10 << 20 >> 1 && unpacked / packed.len() > 100, "{unpacked} from {}", packed.len());
    }
}
