//! Ids of tool calls: the provider takes `[a-zA-Z0-9_-]+` only, other dialects anything.

use std::borrow::Cow;

/// The id as it was if the provider takes it; else its acceptable characters and a checksum of the whole, so that equal
/// ids stay equal and different ones different.
pub fn mapped(id: &str) -> Cow<'_, str> {
    if !id.is_empty() && id.bytes().all(acceptable) {
        return Cow::Borrowed(id);
    }
    let kept: String = id.bytes().map(|b| if acceptable(b) { char::from(b) } else { '_' }).take(48).collect();
    Cow::Owned(format!("{kept}_{:08x}", crc32fast::hash(id.as_bytes())))
}

fn acceptable(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_ids_out_of_charset_change_and_always_alike() {
        assert_eq!(mapped("call_A-1"), "call_A-1");
        assert_eq!(mapped("call:1"), mapped("call:1"));
        assert_ne!(mapped("call:1"), mapped("call.1"));
        assert!(mapped("é é").bytes().all(acceptable) && mapped("").bytes().all(acceptable));
    }
}
