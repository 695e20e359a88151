//! Tools that only this wire has, under names every wire takes: free-form tools and tools in a namespace become
//! functions, and calls of them become again what the caller offered.

use crate::{
    json::{Node, parse_answer, write},
    openai::chat::request::write::messages::shortened,
};

/// The longest name of a function.
const MAX_NAME: usize = 64;

/// The schema of a free-form tool as a function: its whole input is one text.
pub const INPUT_SCHEMA: &str = r#"{"type":"object","properties":{"input":{"type":"string","description":"The whole input of the tool as plain text, not JSON"}},"required":["input"],"additionalProperties":false}"#;

/// The name of a tool where there are no namespaces.
pub fn flat(namespace: Option<&str>, name: &str) -> String {
    match namespace {
        None => name.to_owned(),
        Some(space) if space.ends_with('_') => shortened(&format!("{space}{name}"), MAX_NAME),
        Some(space) => shortened(&format!("{space}__{name}"), MAX_NAME),
    }
}

/// The arguments that stand for a free-form input.
pub fn wrapped(input: &str) -> String {
    format!("{{\"input\":{}}}", write::quoted(input))
}

/// The free-form input in the arguments of a call; arguments of another form are the input themselves.
pub fn unwrapped(arguments: &str) -> String {
    let node = parse_answer(arguments.as_bytes()).ok();
    let input = node.as_ref().and_then(|node| node.str_of("input"));
    input.unwrap_or(arguments).to_owned()
}

/// A tool whose name or form is not a plain function's.
struct Named {
    flat: String,
    name: String,
    namespace: Option<String>,
    custom: bool,
}

/// What the caller offered under which name.
#[derive(Default)]
pub struct Names(Vec<Named>);

/// What a call is in this wire's words.
pub struct Called<'n> {
    pub name: &'n str,
    pub namespace: Option<&'n str>,
    pub custom: bool,
}

impl Names {
    /// Of the tools in a request, or in what an answer repeats of it.
    pub fn of(body: &Node<'_>) -> Self {
        let mut names = Self::default();
        for tool in body.get("tools").map(Node::elements).unwrap_or_default() {
            match tool.str_of("type") {
                Some("namespace") => {
                    let inner = tool.get("tools").map(Node::elements).unwrap_or_default();
                    inner.iter().for_each(|inner| names.add(inner, tool.str_of("name")));
                }
                _ => names.add(tool, None),
            }
        }
        names
    }

    fn add(&mut self, tool: &Node<'_>, namespace: Option<&str>) {
        let custom = tool.str_of("type") == Some("custom");
        let Some(name) = tool.str_of("name").filter(|_| custom || namespace.is_some()) else { return };
        let namespace = namespace.map(str::to_owned);
        self.0.push(Named { flat: flat(namespace.as_deref(), name), name: name.to_owned(), namespace, custom });
    }

    /// What a function of that name stands for.
    pub fn called<'n>(&'n self, name: &'n str) -> Called<'n> {
        match self.0.iter().find(|named| named.flat == name) {
            Some(named) => Called { name: &named.name, namespace: named.namespace.as_deref(), custom: named.custom },
            None => Called { name, namespace: None, custom: false },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn free_form_input_survives_its_wrapping() {
        for input in ["*** Begin Patch\n+\"a\\b\"\n*** End Patch", "", "{\"input\":1}", "é\u{1}"] {
            assert_eq!(unwrapped(&wrapped(input)), input);
        }
        assert_eq!(unwrapped("ls -l"), "ls -l");
        assert_eq!(unwrapped("{\"cmd\":\"ls\"}"), "{\"cmd\":\"ls\"}");
    }

    #[test]
    fn calls_find_back_to_their_namespace() {
        let body = br#"{"tools":[{"type":"custom","name":"apply_patch"},{"type":"function","name":"f"},
            {"type":"namespace","name":"mcp__db__","tools":[{"type":"function","name":"query"},{"type":"custom","name":"sql"}]}]}"#;
        let names = Names::of(&parse_answer(body).unwrap());
        let told = |name| {
            let called = names.called(name);
            (called.name.to_owned(), called.namespace.map(str::to_owned), called.custom)
        };
        let db = || Some("mcp__db__".to_owned());
        assert_eq!(told("apply_patch"), ("apply_patch".into(), None, true));
        assert_eq!(told("f"), ("f".into(), None, false));
        assert_eq!(flat(Some("mcp__db__"), "query"), flat(Some("mcp__db"), "query"));
        assert_eq!(told("mcp__db__query"), ("query".into(), db(), false));
        assert_eq!(told("mcp__db__sql"), ("sql".into(), db(), true));
        assert!(flat(Some(&"n".repeat(60)), "tool").len() <= MAX_NAME);
    }
}
