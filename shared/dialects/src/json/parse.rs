//! The strict pass: bytes to a tree, or the line and column where they stop being acceptable JSON.

use super::{Kind, MAX_DEPTH, Node};
use crate::malformed::Malformed;
use std::{borrow::Cow, collections::HashSet};

type Field<'a> = (Cow<'a, str>, Node<'a>);

/// Objects larger than this are checked for duplicate keys with a set instead of pairwise.
const PAIRWISE: usize = 16;

/// What a caller sent: strict in everything [I1, I4, I6, I7].
pub fn parse(body: &[u8]) -> Result<Node<'_>, Malformed> {
    parse_with(body, true)
}

/// What a provider answered: duplicate keys (the first counts), NUL and unpaired surrogates (replaced by U+FFFD) pass.
pub fn parse_answer(body: &[u8]) -> Result<Node<'_>, Malformed> {
    parse_with(body, false)
}

fn parse_with(body: &[u8], strict: bool) -> Result<Node<'_>, Malformed> {
    let text = std::str::from_utf8(body).map_err(|e| located(body, e.valid_up_to(), "invalid UTF-8"))?;
    let mut parser = Parser { text, at: 0, depth: 0, strict };
    parser.document().map_err(|stop| {
        let problem = located(body, stop.at, stop.why);
        if let Some(code) = stop.code { problem.with_code(code) } else { problem }
    })
}

fn located(body: &[u8], at: usize, why: impl Into<String>) -> Malformed {
    let before = body.get(..at).unwrap_or(body);
    let line = before.iter().filter(|b| **b == b'\n').count() + 1;
    let column = before.iter().rev().take_while(|b| **b != b'\n').count() + 1;
    Malformed::invalid(format!("invalid JSON: {} at line {line} column {column}", why.into()))
}

/// Boxed, so that what is read without fault is handed up in little room.
type Fault = Box<Stop>;

struct Stop {
    at: usize,
    why: String,
    code: Option<&'static str>,
}

struct Parser<'a> {
    text: &'a str,
    at: usize,
    depth: usize,
    strict: bool,
}

impl<'a> Parser<'a> {
    fn document(&mut self) -> Result<Node<'a>, Fault> {
        self.skip_space();
        let node = self.value()?;
        self.skip_space();
        if self.at < self.text.len() {
            return Err(self.stop("bytes after the end of the value"));
        }
        Ok(node)
    }

    fn value(&mut self) -> Result<Node<'a>, Fault> {
        let start = self.at;
        let kind = match self.peek() {
            Some(b'{') => {
                self.enter()?;
                let fields = self.object()?;
                self.depth -= 1;
                Kind::Object(fields)
            }
            Some(b'[') => {
                self.enter()?;
                let elements = self.array()?;
                self.depth -= 1;
                Kind::Array(elements)
            }
            Some(b'"') => Kind::String(self.string()?),
            Some(b'-' | b'0'..=b'9') => self.number()?,
            Some(b't') => self.word("true", Kind::Bool(true))?,
            Some(b'f') => self.word("false", Kind::Bool(false))?,
            Some(b'n') => self.word("null", Kind::Null)?,
            Some(_) => return Err(self.stop("expected a value")),
            None => return Err(self.stop("unexpected end")),
        };
        Ok(Node { raw: self.text.get(start..self.at).unwrap_or(""), kind })
    }

    /// Past the bracket that begins an object or array.
    fn enter(&mut self) -> Result<(), Fault> {
        if self.depth == MAX_DEPTH {
            return Err(self.stop(format!("nesting deeper than {MAX_DEPTH}")));
        }
        self.depth += 1;
        self.at += 1;
        self.skip_space();
        Ok(())
    }

    fn object(&mut self) -> Result<Vec<Field<'a>>, Fault> {
        let (mut fields, mut seen) = (Vec::new(), None);
        if self.eat(b'}') {
            return Ok(fields);
        }
        loop {
            let key_at = self.at;
            if self.peek() != Some(b'"') {
                return Err(self.stop("expected a key in double quotes"));
            }
            let key = self.string()?;
            if self.strict && is_duplicate(&fields, &mut seen, key.clone()) {
                let why = format!("duplicate key `{}`", key.chars().take(64).collect::<String>());
                return Err(Box::new(Stop { at: key_at, why, code: Some("duplicate_key") }));
            }
            self.skip_space();
            self.expect(b':')?;
            self.skip_space();
            fields.push((key, self.value()?));
            self.skip_space();
            if self.eat(b'}') {
                return Ok(fields);
            }
            self.expect(b',')?;
            self.skip_space();
        }
    }

    fn array(&mut self) -> Result<Vec<Node<'a>>, Fault> {
        let mut elements = Vec::new();
        if self.eat(b']') {
            return Ok(elements);
        }
        loop {
            elements.push(self.value()?);
            self.skip_space();
            if self.eat(b']') {
                return Ok(elements);
            }
            self.expect(b',')?;
            self.skip_space();
        }
    }

    fn number(&mut self) -> Result<Kind<'a>, Fault> {
        self.eat(b'-');
        match self.peek() {
            Some(b'0') => self.at += 1,
            Some(b'1'..=b'9') => self.digits()?,
            _ => return Err(self.stop("expected a digit")),
        }
        if self.eat(b'.') {
            self.digits()?;
        }
        if matches!(self.peek(), Some(b'e' | b'E')) {
            self.at += 1;
            if matches!(self.peek(), Some(b'+' | b'-')) {
                self.at += 1;
            }
            self.digits()?;
        }
        Ok(Kind::Number)
    }

    fn digits(&mut self) -> Result<(), Fault> {
        let start = self.at;
        while matches!(self.peek(), Some(b'0'..=b'9')) {
            self.at += 1;
        }
        if self.at == start { Err(self.stop("expected a digit")) } else { Ok(()) }
    }

    fn word(&mut self, word: &str, kind: Kind<'a>) -> Result<Kind<'a>, Fault> {
        if self.rest().starts_with(word) {
            self.at += word.len();
            return Ok(kind);
        }
        Err(self.stop("expected a value"))
    }

    /// The string that begins here: borrowed if it has no escapes.
    fn string(&mut self) -> Result<Cow<'a, str>, Fault> {
        self.at += 1;
        let start = self.at;
        let plain = plain(self.rest().as_bytes());
        self.at += plain.ok_or_else(|| fault(self.text.len(), "unterminated string"))?;
        let text = self.text.get(start..self.at).unwrap_or("");
        if self.eat(b'"') {
            return Ok(Cow::Borrowed(text));
        }
        self.escaped(text.to_owned()).map(Cow::Owned)
    }

    fn escaped(&mut self, mut text: String) -> Result<String, Fault> {
        loop {
            match self.peek() {
                None => return Err(self.stop("unterminated string")),
                Some(b'"') => {
                    self.at += 1;
                    return Ok(text);
                }
                Some(b'\\') => text.push(self.escape()?),
                Some(b) if b < 0x20 => return Err(self.stop("a control character inside a string")),
                Some(_) => {
                    let rest = self.rest();
                    let run = plain(rest.as_bytes()).unwrap_or(rest.len());
                    text.push_str(rest.get(..run).unwrap_or(""));
                    self.at += run;
                }
            }
        }
    }

    fn escape(&mut self) -> Result<char, Fault> {
        let start = self.at;
        self.at += 1;
        let escape = self.peek();
        self.at += 1;
        Ok(match escape {
            Some(b'"') => '"',
            Some(b'\\') => '\\',
            Some(b'/') => '/',
            Some(b'b') => '\u{8}',
            Some(b'f') => '\u{c}',
            Some(b'n') => '\n',
            Some(b'r') => '\r',
            Some(b't') => '\t',
            Some(b'u') => return self.unicode(start),
            _ => return Err(fault(start, "an unknown escape")),
        })
    }

    /// `\uXXXX`, and the second half of a surrogate pair.
    fn unicode(&mut self, start: usize) -> Result<char, Fault> {
        let first = self.hex4(start)?;
        if first == 0 && self.strict {
            return Err(fault(start, "a NUL character"));
        }
        if let Some(c) = char::from_u32(first) {
            return Ok(c);
        }
        let low_at = self.at;
        if first < 0xdc00 && self.rest().starts_with("\\u") {
            self.at += 2;
            let second = self.hex4(low_at)?;
            if (0xdc00..0xe000).contains(&second) {
                let joined = 0x10000 + ((first - 0xd800) << 10) + (second - 0xdc00);
                return Ok(char::from_u32(joined).unwrap_or(char::REPLACEMENT_CHARACTER));
            }
            self.at = low_at;
        }
        if self.strict {
            return Err(fault(start, "an unpaired surrogate"));
        }
        Ok(char::REPLACEMENT_CHARACTER)
    }

    fn hex4(&mut self, start: usize) -> Result<u32, Fault> {
        let digits = self.text.get(self.at..self.at + 4).filter(|d| d.bytes().all(|b| b.is_ascii_hexdigit()));
        let digits = digits.ok_or_else(|| fault(start, "an escape without four hex digits"))?;
        self.at += 4;
        Ok(u32::from_str_radix(digits, 16).unwrap_or(0))
    }

    fn rest(&self) -> &'a str {
        self.text.get(self.at..).unwrap_or("")
    }

    fn peek(&self) -> Option<u8> {
        self.text.as_bytes().get(self.at).copied()
    }

    fn eat(&mut self, byte: u8) -> bool {
        let found = self.peek() == Some(byte);
        self.at += usize::from(found);
        found
    }

    fn expect(&mut self, byte: u8) -> Result<(), Fault> {
        if self.eat(byte) { Ok(()) } else { Err(self.stop(format!("expected `{}`", char::from(byte)))) }
    }

    fn skip_space(&mut self) {
        while matches!(self.peek(), Some(b' ' | b'\t' | b'\n' | b'\r')) {
            self.at += 1;
        }
    }

    #[cold]
    fn stop(&self, why: impl Into<String>) -> Fault {
        let why = if self.at >= self.text.len() { "unexpected end".to_owned() } else { why.into() };
        fault(self.at, why)
    }
}

#[cold]
fn fault(at: usize, why: impl Into<String>) -> Fault {
    Box::new(Stop { at, why: why.into(), code: None })
}

/// How many bytes stand before a quote, a backslash or a control character; `None` if there is none of these.
pub(super) fn plain(bytes: &[u8]) -> Option<usize> {
    let (words, tail) = bytes.as_chunks::<8>();
    let marked = words.iter().map(|word| marks(u64::from_le_bytes(*word)));
    if let Some((at, marks)) = marked.enumerate().find(|(_, marks)| *marks != 0) {
        return Some(at * 8 + marks.trailing_zeros() as usize / 8);
    }
    let at = tail.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20)?;
    Some(words.len() * 8 + at)
}

/// Eight bytes at once: the lowest bit that is set lies in the first byte that is a quote, a backslash or below a space.
/// A subtraction borrows into a byte's top bit where the byte is smaller and had no top bit of its own.
fn marks(word: u64) -> u64 {
    const ONES: u64 = u64::from_le_bytes([1; 8]);
    let below = |word: u64, least: u64| word.wrapping_sub(ONES * least) & !word & (ONES * 0x80);
    below(word ^ (ONES * 0x22), 1) | below(word ^ (ONES * 0x5c), 1) | below(word, 0x20)
}

fn is_duplicate<'a>(fields: &[Field<'a>], seen: &mut Option<HashSet<Cow<'a, str>>>, key: Cow<'a, str>) -> bool {
    if fields.len() < PAIRWISE {
        return fields.iter().any(|(name, _)| *name == key);
    }
    let seen = seen.get_or_insert_with(|| fields.iter().map(|(name, _)| name.clone()).collect());
    !seen.insert(key)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_string_ends_where_a_walk_byte_by_byte_says_so(bytes in proptest::collection::vec(any::<u8>(), 0..40)) {
            let walked = bytes.iter().position(|b| *b == b'"' || *b == b'\\' || *b < 0x20);
            prop_assert_eq!(plain(&bytes), walked);
        }
    }

    fn refusal(text: &str) -> Malformed {
        parse(text.as_bytes()).expect_err(text)
    }

    #[test]
    fn i4_duplicate_keys_are_refused_after_unescaping_at_any_depth() {
        for text in [
            r#"{"model":"a","model":"b"}"#,
            r#"{"model":"a","mod\u0065l":"b"}"#,
            r#"{"tools":[{"name":1,"name":2}]}"#,
            &format!("{{{},\"k3\":0}}", (0..40).map(|i| format!("\"k{i}\":0")).collect::<Vec<_>>().join(",")),
        ] {
            assert_eq!(refusal(text).code, Some("duplicate_key"), "{text}");
        }
    }

    #[test]
    fn i6_surrogates_nul_and_invalid_utf8_are_refused() {
        for text in [r#""\ud800""#, r#""\udc00""#, r#""\ud800\u0041""#, r#""\u0000""#] {
            assert_eq!(refusal(text).code, None, "{text}");
        }
        assert!(parse(b"\"\xff\"").is_err());
        assert_eq!(parse(r#""\ud83d\ude00""#.as_bytes()).unwrap().as_str(), Some("😀"));
    }

    #[test]
    fn i7_trailing_bytes_are_refused() {
        assert!(refusal("{} {}").message.contains("bytes after the end"));
        assert!(refusal("{}\u{0}").message.contains("bytes after the end"));
    }

    #[test]
    fn i1_nesting_stops_at_64() {
        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        assert!(parse(nested(64).as_bytes()).is_ok());
        assert!(refusal(&nested(65)).message.contains("nesting deeper than 64"));
        assert!(parse("[".repeat(100_000).as_bytes()).is_err());
    }

    #[test]
    fn the_place_of_a_fault_is_named() {
        assert_eq!(refusal("{\n  \"a\": tru\n}").message, "invalid JSON: expected a value at line 2 column 8");
        assert_eq!(refusal("{\"a\":1").message, "invalid JSON: unexpected end at line 1 column 7");
    }

    #[test]
    fn answers_may_carry_what_callers_may_not() {
        let node = parse_answer(br#"{"a":1,"a":2,"s":"\ud800x"}"#).unwrap();
        assert_eq!(node.get("a").unwrap().raw, "1");
        assert_eq!(node.str_of("s"), Some("\u{fffd}x"));
    }

    proptest! {
        #[test]
        fn what_serde_refuses_is_refused_and_what_we_accept_serde_reads_alike(text in r#"[\[\]{}:,"\\ a-f0-9.eE+\-ntrulsd]{0,24}"#) {
            if let Ok(node) = parse(text.as_bytes()) {
                let theirs: serde_json::Value = serde_json::from_str(&text).unwrap();
                prop_assert_eq!(serde_json::from_str::<serde_json::Value>(node.raw).unwrap(), theirs);
            }
        }

        #[test]
        fn i10_no_bytes_at_all_make_it_panic(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
            let _ = parse(&bytes);
            let _ = parse_answer(&bytes);
        }

        #[test]
        fn strings_are_unescaped_as_serde_does(text in any::<String>()) {
            let written = serde_json::to_string(&text).unwrap();
            let node = parse_answer(written.as_bytes()).unwrap();
            prop_assert_eq!(node.as_str(), Some(text.as_str()));
        }
    }
}
