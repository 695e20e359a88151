//! Messages and system blocks as JSON text.

use super::turns::{Arranged, Piece, Said};
use crate::{
    bedrock::converse::{
        cache::Marks,
        element::{self, Elements},
    },
    json::write::{self, Array},
};
use domain::{
    Error,
    chat::{CacheMark, Role},
};

/// An element's text and the mark after it.
pub type Written<'r> = (String, Option<&'r CacheMark>);

/// Each piece as an element, with its mark.
pub fn written<'r>(pieces: &[Piece<'r>], elements: &mut Elements) -> Result<Vec<Written<'r>>, Error> {
    let mut texts = Vec::with_capacity(pieces.len());
    for piece in pieces {
        let text = match piece.said {
            Said::Content(content) => {
                elements.at = piece.path().unwrap_or_default();
                elements.write(content)?
            }
            Said::Ours(text) => Some(element::text_element(text)),
            Said::Prefill(text) => Some(element::text_element(text)),
            Said::Missing { call_id, text } => Some(elements.missing_result(call_id, text)),
        };
        texts.extend(text.map(|text| (text, piece.cache)));
    }
    Ok(texts)
}

/// Elements with the marks after them.
pub fn array(texts: &[Written<'_>], marks: &mut Marks) -> String {
    write::array(|out| fill(texts, marks, out))
}

fn fill(texts: &[Written<'_>], marks: &mut Marks, out: &mut Array<'_>) {
    for (text, mark) in texts {
        out.raw(text);
        marks.write(*mark, out);
    }
}

/// The turns of a conversation.
pub fn messages(arranged: &Arranged<'_>, elements: &mut Elements, marks: &mut Marks) -> Result<String, Error> {
    let mut turns = Vec::with_capacity(arranged.turns.len());
    for turn in &arranged.turns {
        let mut texts = written(&turn.pieces, elements)?;
        if needs_text(&texts) {
            texts.push((element::text_element("The document is attached."), None));
        }
        let role = if turn.role == Role::Assistant { "assistant" } else { "user" };
        turns.push(write::object(|o| {
            o.string("role", role).array("content", |out| fill(&texts, marks, out));
        }));
    }
    Ok(write::array(|out| turns.iter().for_each(|turn| out.raw(turn))))
}

/// A document may not come without text beside it.
fn needs_text(texts: &[Written<'_>]) -> bool {
    let is = |kind: &str| texts.iter().any(|(text, _)| text.starts_with(&format!("{{\"{kind}\":")));
    is("document") && !is("text")
}
