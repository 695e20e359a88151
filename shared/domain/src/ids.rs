//! Names: each kind of name is a type of its own, so one can never be passed for another.

use crate::Timestamp;
use std::fmt;

macro_rules! name {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The name as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl From<String> for $name {
            fn from(name: String) -> Self {
                Self(name)
            }
        }

        impl From<&str> for $name {
            fn from(name: &str) -> Self {
                Self(name.to_owned())
            }
        }
    };
}

name! {
    /// The public id of a virtual key, safe to log: `key_` and 16 characters.
    KeyId
}
name! {
    /// The id of one call, ours and never a client's: `call_` and 24 characters [M5].
    CallId
}

impl CallId {
    /// When the call came in: the nine characters after `call_`, in Crockford's base 32, lower case, are the milliseconds.
    /// `None` for an id that the gateway did not make.
    pub fn made_at(&self) -> Option<Timestamp> {
        const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
        let random = self.0.strip_prefix("call_").filter(|rest| rest.len() == 24)?;
        let digit = |b: u8| ALPHABET.iter().position(|known| *known == b).map(|at| at as u64);
        let digits = random.get(..9)?.bytes().map(digit);
        digits.into_iter().try_fold(0_u64, |millis, digit| Some(millis << 5 | digit?)).map(Timestamp::from_millis)
    }
}

name! {
    /// A provider as the configuration names it: `openai`, `aws`.
    ProviderName
}
name! {
    /// A model as its provider names it: `global.anthropic.claude-sonnet-4-5-20250929-v1:0`.
    ModelName
}
name! {
    /// A model as clients name it: `claude-sonnet`, `openai/gpt-4o`.
    Alias
}
