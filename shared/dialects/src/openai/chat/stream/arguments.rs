//! Whether the arguments of a call are all there, without reading them: brackets are counted, strings skipped.

#[derive(Debug, Default)]
pub struct Arguments {
    begun: bool,
    depth: usize,
    in_string: bool,
    escaped: bool,
}

impl Arguments {
    pub fn push(&mut self, piece: &str) {
        piece.bytes().for_each(|byte| self.byte(byte));
    }

    fn byte(&mut self, byte: u8) {
        match (self.in_string, byte) {
            (true, _) if self.escaped => self.escaped = false,
            (true, b'\\') => self.escaped = true,
            (_, b'"') => self.in_string = !self.in_string,
            (false, b'{' | b'[') => {
                self.begun = true;
                self.depth += 1;
            }
            (false, b'}' | b']') => self.depth = self.depth.saturating_sub(1),
            _ => {}
        }
    }

    /// An object has begun and ended.
    pub fn are_whole(&self) -> bool {
        self.begun && self.depth == 0 && !self.in_string
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_whole_when_their_last_bracket_closes() {
        let text = r#"{"a":"}\"]","b":[{}]}"#;
        let mut arguments = Arguments::default();
        for (at, byte) in text.char_indices() {
            assert!(!arguments.are_whole(), "at {at}");
            arguments.push(&byte.to_string());
        }
        assert!(arguments.are_whole());
    }
}
