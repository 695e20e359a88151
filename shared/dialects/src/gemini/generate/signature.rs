//! `thoughtSignature`: what Gemini wants back exactly where it stood, and how others' signatures travel in its place.
//!
//! The field holds base64, which official clients decode and encode again. Another maker's signature is wrapped, so that
//! it comes back whole and known for whose it is.

use base64::{Engine, prelude::BASE64_STANDARD};
use domain::{Dialect, chat::Signature};

/// What a wrapped signature begins with; then the maker's name, a colon, and the signature.
const WRAPPED: &str = "portunus:";

/// What Gemini 3 takes for the signature of a call that was made elsewhere.
/// Source: <https://ai.google.dev/gemini-api/docs/thought-signatures>.
pub const STAND_IN: &str = "skip_thought_signature_validator";

const MAKERS: [(&str, Dialect); 4] = [
    ("anthropic", Dialect::Anthropic),
    ("bedrock", Dialect::Bedrock),
    ("cohere", Dialect::Cohere),
    ("openai", Dialect::OpenAi),
];

/// The signature in the field.
pub fn read(field: &str) -> Signature {
    unwrapped(field).unwrap_or_else(|| Signature { made_by: Dialect::Gemini, value: field.to_owned() })
}

fn unwrapped(field: &str) -> Option<Signature> {
    let bytes = BASE64_STANDARD.decode(standard(field)).ok()?;
    let (maker, value) = std::str::from_utf8(&bytes).ok()?.strip_prefix(WRAPPED)?.split_once(':')?;
    let (_, made_by) = MAKERS.iter().find(|(name, _)| *name == maker)?;
    Some(Signature { made_by: *made_by, value: value.to_owned() })
}

/// The field for a client, whoever made the signature.
pub fn write(signature: &Signature) -> String {
    match MAKERS.iter().find(|(_, maker)| *maker == signature.made_by) {
        Some((maker, _)) => BASE64_STANDARD.encode(format!("{WRAPPED}{maker}:{}", signature.value)),
        None => signature.value.clone(),
    }
}

/// Base64 in the standard alphabet: official clients write the one for URLs.
pub fn standard(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '-' => '+',
            '_' => '/',
            c => c,
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn geminis_own_stays_as_written_and_others_come_back_whole() {
        let own = Signature { made_by: Dialect::Gemini, value: "CoQB-_/+==".into() };
        assert_eq!((write(&own), read(&own.value)), (own.value.clone(), own));
        for (_, made_by) in MAKERS {
            let theirs = Signature { made_by, value: "ErUBCkYI/+~?é".into() };
            let written = write(&theirs);
            assert_eq!(read(&written), theirs);
            assert_eq!(read(&written.replace('+', "-").replace('/', "_")), theirs);
        }
    }
}
