//! YAML as a tree in which everything knows its place. Stricter than YAML: one document, text keys,
//! no duplicate keys, no anchors, no tags, bounded depth.

use saphyr_parser::{Event, Marker, Parser, ScalarStyle, Span};

/// The deepest nesting that is read.
const MAX_DEPTH: usize = 32;

/// A place in the text. Lines and columns count from 1.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mark {
    pub line: usize,
    pub column: usize,
}

impl From<&Marker> for Mark {
    fn from(marker: &Marker) -> Self {
        Mark { line: marker.line().max(1), column: marker.col() + 1 }
    }
}

/// A value and its place.
#[derive(Clone, Debug)]
pub struct Node {
    pub at: Mark,
    pub value: Value,
}

#[derive(Clone, Debug)]
pub enum Value {
    List(Vec<Node>),
    Map(Vec<Entry>),
    /// `plain`: written without quotes, so it may be a number, a truth value or nothing.
    Scalar {
        text: String,
        plain: bool,
    },
}

#[derive(Clone, Debug)]
pub struct Entry {
    pub key: String,
    pub at: Mark,
    pub value: Node,
}

impl Node {
    /// Nothing written: empty, `~` or `null`.
    pub fn is_null(&self) -> bool {
        matches!(&self.value, Value::Scalar { text, plain: true } if matches!(text.as_str(), "" | "~" | "null"))
    }

    /// What it is, for messages.
    pub fn kind(&self) -> &'static str {
        match &self.value {
            _ if self.is_null() => "nothing",
            Value::List(_) => "a list",
            Value::Map(_) => "a map",
            Value::Scalar { .. } => "a single value",
        }
    }
}

/// What is wrong with a text that is not a tree.
type Fault = (Mark, String);

/// Reads a text. An empty one is an empty map. Duplicate keys go to `faults` and reading goes on.
///
/// # Errors
/// The first place where the text stops being readable.
pub fn parse(text: &str, faults: &mut Vec<Fault>) -> Result<Node, Fault> {
    let mut builder = Builder { open: Vec::new(), root: None, faults };
    let mut parser = Parser::new_from_str(text);
    while let Some(event) = parser.next_event() {
        let (event, span) =
            event.map_err(|error| (Mark::from(error.marker()), format!("not YAML: {}", error.info())))?;
        builder.take(event, span)?;
    }
    Ok(builder.root.unwrap_or(Node { at: Mark { line: 1, column: 1 }, value: Value::Map(Vec::new()) }))
}

/// A list or map that has begun and not ended.
struct Open {
    node: Node,
    /// The key whose value comes next.
    key: Option<(String, Mark)>,
}

struct Builder<'a> {
    open: Vec<Open>,
    root: Option<Node>,
    faults: &'a mut Vec<Fault>,
}

impl Builder<'_> {
    fn take(&mut self, event: Event<'_>, span: Span) -> Result<(), Fault> {
        let at = Mark::from(&span.start);
        match event {
            Event::Scalar(text, style, anchor, tag) => {
                refuse_anchor(at, anchor, tag.is_some())?;
                self.scalar(at, text.into_owned(), style == ScalarStyle::Plain)
            }
            Event::SequenceStart(anchor, tag) => {
                refuse_anchor(at, anchor, tag.is_some())?;
                self.begin(at, Value::List(Vec::new()))
            }
            Event::MappingStart(anchor, tag) => {
                refuse_anchor(at, anchor, tag.is_some())?;
                self.begin(at, Value::Map(Vec::new()))
            }
            Event::SequenceEnd | Event::MappingEnd => self.end(),
            Event::Alias(_) => Err((at, "an alias (*name) is not read here, write the value out".to_owned())),
            Event::DocumentStart(_) if self.root.is_some() => {
                Err((at, "a second document, only one is read".to_owned()))
            }
            _ => Ok(()),
        }
    }

    fn begin(&mut self, at: Mark, value: Value) -> Result<(), Fault> {
        if self.open.len() >= MAX_DEPTH {
            return Err((at, format!("nested too deeply, at most {MAX_DEPTH} levels are read")));
        }
        if self.expects_key() {
            return Err((at, "a list or map as a key, keys are plain text".to_owned()));
        }
        self.open.push(Open { node: Node { at, value }, key: None });
        Ok(())
    }

    fn end(&mut self) -> Result<(), Fault> {
        match self.open.pop() {
            Some(done) => self.put(done.node),
            None => Ok(()),
        }
    }

    fn scalar(&mut self, at: Mark, text: String, plain: bool) -> Result<(), Fault> {
        if !self.expects_key() {
            return self.put(Node { at, value: Value::Scalar { text, plain } });
        }
        if let Some(Open { node: Node { value: Value::Map(entries), .. }, key }) = self.open.last_mut() {
            if let Some(first) = entries.iter().find(|entry| entry.key == text) {
                let line = first.at.line;
                self.faults
                    .push((at, format!("the key {text:?} appears twice (first on line {line}), once is allowed")));
            }
            *key = Some((text, at));
        }
        Ok(())
    }

    fn expects_key(&self) -> bool {
        matches!(self.open.last(), Some(Open { node: Node { value: Value::Map(_), .. }, key: None }))
    }

    fn put(&mut self, node: Node) -> Result<(), Fault> {
        match self.open.last_mut() {
            None => self.root = Some(node),
            Some(Open { node: Node { value: Value::List(items), .. }, .. }) => items.push(node),
            Some(Open { node: Node { value: Value::Map(entries), .. }, key }) => {
                if let Some((key, at)) = key.take() {
                    entries.push(Entry { key, at, value: node });
                }
            }
            Some(_) => {}
        }
        Ok(())
    }
}

fn refuse_anchor(at: Mark, anchor: usize, tagged: bool) -> Result<(), Fault> {
    if anchor != 0 {
        return Err((at, "an anchor (&name) is not read here, write the value out".to_owned()));
    }
    if tagged {
        return Err((at, "a tag (!name) is not read here, write the value alone".to_owned()));
    }
    Ok(())
}
