//! Values that cannot be printed [X1].

use std::fmt;
use zeroize::Zeroizing;

/// A credential: no `Display`, a `Debug` that says nothing, wiped when dropped.
#[derive(Clone)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Takes the text over.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text itself; every use of this is a place where a secret leaves its box.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[secret]")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn x1_a_secret_does_not_print() {
        assert_eq!(format!("{:?}", Secret::new("sk-live")), "[secret]");
    }
}
