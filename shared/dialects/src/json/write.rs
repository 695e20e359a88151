//! Writes JSON text, keeping the pieces it is given as they were written.

use super::parse::plain;
use domain::Json;

/// The text of one object.
pub fn object(fill: impl FnOnce(&mut Object<'_>)) -> String {
    let mut out = String::with_capacity(256);
    write_object(&mut out, fill);
    out
}

/// The text of one array.
pub fn array(fill: impl FnOnce(&mut Array<'_>)) -> String {
    let mut out = String::with_capacity(256);
    write_array(&mut out, fill);
    out
}

/// `text` as a JSON string.
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    write_string(&mut out, text);
    out
}

/// An object being written.
pub struct Object<'w> {
    out: &'w mut String,
    empty: bool,
}

impl Object<'_> {
    fn key(&mut self, key: &str) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        write_string(self.out, key);
        self.out.push(':');
        self.out
    }

    pub fn string(&mut self, key: &str, text: &str) -> &mut Self {
        write_string(self.key(key), text);
        self
    }

    pub fn maybe_string(&mut self, key: &str, text: Option<&str>) -> &mut Self {
        if let Some(text) = text {
            self.string(key, text);
        }
        self
    }

    pub fn number(&mut self, key: &str, number: u64) -> &mut Self {
        self.raw(key, &number.to_string())
    }

    pub fn maybe_number(&mut self, key: &str, number: Option<u64>) -> &mut Self {
        if let Some(number) = number {
            self.number(key, number);
        }
        self
    }

    pub fn bool(&mut self, key: &str, value: bool) -> &mut Self {
        self.raw(key, if value { "true" } else { "false" })
    }

    pub fn maybe_bool(&mut self, key: &str, value: Option<bool>) -> &mut Self {
        if let Some(value) = value {
            self.bool(key, value);
        }
        self
    }

    pub fn null(&mut self, key: &str) -> &mut Self {
        self.raw(key, "null")
    }

    pub fn json(&mut self, key: &str, value: &Json) -> &mut Self {
        self.raw(key, value.as_str())
    }

    pub fn maybe_json(&mut self, key: &str, value: Option<&Json>) -> &mut Self {
        if let Some(value) = value {
            self.json(key, value);
        }
        self
    }

    /// A value that is JSON text already.
    pub fn raw(&mut self, key: &str, text: &str) -> &mut Self {
        self.key(key).push_str(text);
        self
    }

    /// Several values that are JSON text already.
    pub fn raws(&mut self, fields: &[(String, String)]) -> &mut Self {
        for (key, text) in fields {
            self.raw(key, text);
        }
        self
    }

    pub fn object(&mut self, key: &str, fill: impl FnOnce(&mut Object<'_>)) -> &mut Self {
        write_object(self.key(key), fill);
        self
    }

    pub fn array(&mut self, key: &str, fill: impl FnOnce(&mut Array<'_>)) -> &mut Self {
        write_array(self.key(key), fill);
        self
    }

    /// An array of strings; nothing at all if there are none.
    pub fn maybe_strings(&mut self, key: &str, texts: &[String]) -> &mut Self {
        if !texts.is_empty() {
            self.array(key, |array| texts.iter().for_each(|text| array.string(text)));
        }
        self
    }
}

/// An array being written.
pub struct Array<'w> {
    out: &'w mut String,
    empty: bool,
}

impl Array<'_> {
    fn next(&mut self) -> &mut String {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out
    }

    pub fn string(&mut self, text: &str) {
        write_string(self.next(), text);
    }

    pub fn json(&mut self, value: &Json) {
        self.raw(value.as_str());
    }

    /// A value that is JSON text already.
    pub fn raw(&mut self, text: &str) {
        self.next().push_str(text);
    }

    pub fn object(&mut self, fill: impl FnOnce(&mut Object<'_>)) {
        write_object(self.next(), fill);
    }

    pub fn is_empty(&self) -> bool {
        self.empty
    }
}

fn write_object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, empty: true });
    out.push('}');
}

fn write_array(out: &mut String, fill: impl FnOnce(&mut Array<'_>)) {
    out.push('[');
    fill(&mut Array { out, empty: true });
    out.push(']');
}

/// `text` as a JSON string, at the end of `out`.
pub fn write_string(out: &mut String, text: &str) {
    out.push('"');
    let mut rest = text;
    while let Some(at) = plain(rest.as_bytes()) {
        let (plain, from) = rest.split_at(at);
        out.push_str(plain);
        let mut chars = from.chars();
        match chars.next() {
            Some('"') => out.push_str("\\\""),
            Some('\\') => out.push_str("\\\\"),
            Some('\n') => out.push_str("\\n"),
            Some('\r') => out.push_str("\\r"),
            Some('\t') => out.push_str("\\t"),
            Some(control) => out.push_str(&format!("\\u{:04x}", u32::from(control))),
            None => {}
        }
        rest = chars.as_str();
    }
    out.push_str(rest);
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn objects_nest_and_keep_the_order_given() {
        let text = object(|o| {
            o.string("model", "m").maybe_number("max", None).array("a", |a| {
                a.object(|o| {
                    o.bool("x", true);
                });
                a.raw("1.50e-7");
            });
        });
        assert_eq!(text, r#"{"model":"m","a":[{"x":true},1.50e-7]}"#);
    }

    proptest! {
        #[test]
        fn every_string_reads_back(text in any::<String>()) {
            prop_assert_eq!(serde_json::from_str::<String>(&quoted(&text)).unwrap(), text);
        }
    }
}
