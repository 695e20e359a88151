//! Betas: features of Claude that are asked for by name, in a header or in a body.

use crate::json::Node;

/// The header they are named in, with commas between them.
pub const HEADER: &str = "anthropic-beta";
/// The field of a Bedrock body that names them.
pub const FIELD: &str = "anthropic_beta";
/// The most names of one request that are looked at, and their length.
const MOST: usize = 64;
const LONGEST: usize = 128;

/// The names in header values, each once; what cannot be a name is passed over.
pub fn in_headers<'a>(values: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    once(values.flat_map(|list| list.split(',')).map(str::trim))
}

/// The names in a body of Claude on Bedrock, each once.
pub fn in_body<'a>(body: &'a Node<'_>) -> Vec<&'a str> {
    let list = body.get(FIELD).into_iter().flat_map(Node::elements);
    once(list.filter_map(Node::as_str))
}

/// What `x-portunus-dropped` calls a beta that is left out.
pub fn dropped(beta: &str) -> String {
    format!("{HEADER}.{beta}")
}

fn once<'a>(names: impl Iterator<Item = &'a str>) -> Vec<&'a str> {
    let mut kept: Vec<&str> = Vec::new();
    for name in names.filter(|name| is_name(name)) {
        if kept.len() < MOST && !kept.contains(&name) {
            kept.push(name);
        }
    }
    kept
}

fn is_name(name: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.');
    (1..=LONGEST).contains(&name.len()) && name.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn names_are_read_from_every_value_once_and_nonsense_is_passed_over() {
        let values = ["a-2025-01-01, b", "b,,c d", "x\u{7f}y,e"];
        assert_eq!(in_headers(values.into_iter()), ["a-2025-01-01", "b", "e"]);
        assert_eq!(in_headers([",".repeat(9).as_str()].into_iter()), [""; 0]);
    }

    #[test]
    fn a_body_names_them_in_a_list() {
        let body = parse(br#"{"anthropic_beta":["a",1,"b","a"]}"#).unwrap();
        assert_eq!(in_body(&body), ["a", "b"]);
        assert!(in_body(&parse(br#"{"anthropic_beta":"a"}"#).unwrap()).is_empty());
    }
}
