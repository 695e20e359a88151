//! Fields under either of their names: `maxOutputTokens` and `max_output_tokens` are one field.

use crate::{json::Node, malformed::Malformed};

/// Whether `key` is `name`, which is written in camel case.
pub fn is(key: &str, name: &str) -> bool {
    let mut expected = name.bytes();
    let mut raise = false;
    for byte in key.bytes() {
        if byte == b'_' && !raise {
            raise = true;
            continue;
        }
        let byte = if raise { byte.to_ascii_uppercase() } else { byte };
        raise = false;
        if expected.next() != Some(byte) {
            return false;
        }
    }
    !raise && expected.next().is_none()
}

/// The field `name`, in whichever spelling; `None` if it is not there or null.
pub fn get<'n, 'a>(node: &'n Node<'a>, name: &str) -> Option<&'n Node<'a>> {
    node.fields().iter().find(|(key, value)| is(key, name) && !value.is_null()).map(|(_, value)| value)
}

/// The text of the string field `name`.
pub fn text<'n>(node: &'n Node<'_>, name: &str) -> Option<&'n str> {
    get(node, name).and_then(Node::as_str)
}

/// The key under which the field `name` was written, and `name` itself where it was not.
pub fn key<'n>(node: &'n Node<'_>, name: &'n str) -> &'n str {
    node.fields().iter().find(|(key, _)| is(key, name)).map_or(name, |(key, _)| key)
}

/// The elements of the field `name`; one that is no list stands for a list of one.
pub fn list<'n, 'a>(node: &'n Node<'a>, name: &str) -> &'n [Node<'a>] {
    match get(node, name) {
        Some(list) if list.is_array() => list.elements(),
        Some(one) => std::slice::from_ref(one),
        None => &[],
    }
}

/// An optional field, read by `read`; a field written twice, in two spellings, says two things.
pub fn optional<'n, 'a, T>(
    node: &'n Node<'a>,
    name: &str,
    read: impl FnOnce(&'n Node<'a>) -> Result<T, Malformed>,
) -> Result<Option<T>, Malformed> {
    let mut found = node.fields().iter().filter(|(key, value)| is(key, name) && !value.is_null());
    let first = found.next();
    if found.next().is_some() {
        return Err(Malformed::invalid("this field is there twice, in two spellings")
            .with_code("duplicate_key")
            .under(name));
    }
    first.map(|(_, value)| read(value).map_err(|problem| problem.under(name))).transpose()
}

/// Like [`optional`], of a field that must be there.
pub fn required<'n, 'a, T>(
    node: &'n Node<'a>,
    name: &str,
    read: impl FnOnce(&'n Node<'a>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    optional(node, name, read)?.ok_or_else(|| Malformed::missing(name))
}

/// Every element of a list, or the one element that stands for it, read by `read` with its place.
pub fn each<'n, 'a, T>(
    node: &'n Node<'a>,
    mut read: impl FnMut(usize, &'n Node<'a>) -> Result<T, Malformed>,
) -> Result<Vec<T>, Malformed> {
    match node.is_array() {
        true => {
            let elements = node.elements().iter().enumerate();
            elements.map(|(at, node)| read(at, node).map_err(|problem| problem.under(&at.to_string()))).collect()
        }
        false if node.is_object() => Ok(vec![read(0, node)?]),
        false => Err(node.wrong("an array")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse;

    #[test]
    fn both_spellings_are_one_field() {
        for (key, name, same) in [
            ("maxOutputTokens", "maxOutputTokens", true),
            ("max_output_tokens", "maxOutputTokens", true),
            ("maxoutputtokens", "maxOutputTokens", false),
            ("max__output_tokens", "maxOutputTokens", false),
            ("max_output_tokens_", "maxOutputTokens", false),
            ("top_p", "topP", true),
            ("text", "text", true),
            ("_text", "text", false),
        ] {
            assert_eq!(is(key, name), same, "{key}");
        }
    }

    #[test]
    fn i4_a_field_in_two_spellings_is_refused() {
        let node = parse(br#"{"max_output_tokens":1,"maxOutputTokens":2}"#).unwrap();
        assert_eq!(optional(&node, "maxOutputTokens", Node::integer).unwrap_err().code, Some("duplicate_key"));
        let node = parse(br#"{"max_output_tokens":null,"maxOutputTokens":2}"#).unwrap();
        assert_eq!(optional(&node, "maxOutputTokens", Node::integer), Ok(Some(2)));
    }

    #[test]
    fn one_element_stands_for_a_list() {
        let node = parse(br#"{"tools":{"a":1}}"#).unwrap();
        assert_eq!(list(&node, "tools").len(), 1);
        assert_eq!(each(get(&node, "tools").unwrap(), |at, _| Ok(at)), Ok(vec![0]));
    }
}
