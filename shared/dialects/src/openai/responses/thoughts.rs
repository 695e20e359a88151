//! Reasoning items ⇄ thoughts.
//!
//! An item's texts become thoughts, and its encrypted content an encrypted thought after them, kept as OpenRouter's
//! `reasoning.encrypted` so that callers of chat can send it back as well. The other way thoughts become items; what
//! another maker signed is sealed into `encrypted_content` behind a word of ours, so that callers of this wire bring it
//! back whole, and to its maker only.

use super::opaque;
use crate::{
    head::Edit,
    json::{
        Node, parse_answer,
        write::{self, Object},
    },
    malformed::Malformed,
};
use domain::{
    Dialect,
    chat::{Block, Content, Signature},
};

/// Before the maker's name in an `encrypted_content` that this gateway made.
const SEAL: &str = "portunus.";

/// The thoughts of a reasoning item.
pub fn read(item: &Node<'_>) -> Result<Vec<Block>, Malformed> {
    let texts = texts(item);
    let encrypted = item.optional("encrypted_content", Node::string)?.filter(|text| !text.is_empty());
    if let Some((made_by, redacted, value)) = encrypted.and_then(unseal) {
        let value = Signature { made_by, value };
        return Ok(vec![Block::from(match redacted {
            true => Content::RedactedReasoning { data: value },
            false => Content::Reasoning { text: texts.concat(), signature: Some(value) },
        })]);
    }
    // An item without any of it refers to what the provider keeps.
    if texts.is_empty() && encrypted.is_none() {
        return Ok(vec![Content::Other(opaque("item.reasoning", item)).into()]);
    }
    let thoughts = texts.into_iter().map(|text| Content::Reasoning { text: text.to_owned(), signature: None });
    Ok(thoughts.chain(encrypted.map(|data| encrypted_thought(item, data))).map(Block::from).collect())
}

/// The texts of an item: its summary, else its content.
pub fn texts<'n>(item: &'n Node<'_>) -> Vec<&'n str> {
    let texts = |key: &str| -> Vec<&'n str> {
        let parts = item.get(key).map(Node::elements).unwrap_or_default().iter();
        parts.filter_map(|part| part.str_of("text")).filter(|text| !text.is_empty()).collect()
    };
    let summary = texts("summary");
    if summary.is_empty() { texts("content") } else { summary }
}

/// The encrypted content of an item.
pub fn encrypted_thought(item: &Node<'_>, data: &str) -> Content {
    if let Some((made_by, _, value)) = unseal(data) {
        return Content::RedactedReasoning { data: Signature { made_by, value } };
    }
    let value = write::object(|o| {
        o.string("type", "reasoning.encrypted")
            .string("data", data)
            .maybe_string("id", item.str_of("id"))
            .string("format", "openai-responses-v1");
    });
    Content::RedactedReasoning { data: Signature { made_by: Dialect::OpenAi, value } }
}

/// The `encrypted_content` of a thought that this wire's makers encrypted, and its id.
pub fn encrypted(data: &Signature) -> Option<(String, Option<String>)> {
    if data.made_by != Dialect::OpenAi {
        return None;
    }
    let node = parse_answer(data.value.as_bytes()).ok()?;
    let text = |key: &str| node.str_of(key).map(str::to_owned);
    Some((text("data")?, text("id")))
}

/// Another maker's signature, or encrypted thought, as `encrypted_content` of ours.
pub fn seal(signature: &Signature, redacted: bool) -> String {
    let maker = match signature.made_by {
        Dialect::Anthropic => "anthropic",
        Dialect::Bedrock => "bedrock",
        Dialect::Cohere => "cohere",
        Dialect::Gemini => "gemini",
        Dialect::OpenAi => "openai",
    };
    format!("{SEAL}{maker}.{}.{}", if redacted { "redacted" } else { "signature" }, signature.value)
}

fn unseal(data: &str) -> Option<(Dialect, bool, String)> {
    let mut parts = data.strip_prefix(SEAL)?.splitn(3, '.');
    let made_by = match parts.next()? {
        "anthropic" => Dialect::Anthropic,
        "bedrock" => Dialect::Bedrock,
        "cohere" => Dialect::Cohere,
        "gemini" => Dialect::Gemini,
        "openai" => Dialect::OpenAi,
        _ => return None,
    };
    let redacted = parts.next()? == "redacted";
    Some((made_by, redacted, parts.next()?.to_owned()))
}

/// Takes out of a request that passes through what another provider's thoughts left in it: this one would refuse them.
pub fn own_only(body: &Node<'_>) -> Option<Edit> {
    let items = body.get("input").map(Node::elements).unwrap_or_default();
    let foreign = |item: &&Node<'_>| item.str_of("encrypted_content").is_some_and(|data| data.starts_with(SEAL));
    items.iter().find(foreign)?;
    let own = write::array(|array| items.iter().filter(|item| !foreign(item)).for_each(|item| array.raw(item.raw)));
    Some(Edit::set(&["input"], own))
}

/// The fields of a reasoning item.
pub fn write_item(o: &mut Object<'_>, id: &str, summary: &[String], encrypted: Option<&str>) {
    o.string("type", "reasoning").string("id", id);
    o.array("summary", |array| {
        for text in summary {
            array.object(|o| {
                o.string("type", "summary_text").string("text", text);
            });
        }
    });
    o.maybe_string("encrypted_content", encrypted);
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_text(item: &str) -> Vec<Content> {
        read(&parse_answer(item.as_bytes()).unwrap()).unwrap().into_iter().map(|block| block.content).collect()
    }

    #[test]
    fn what_another_maker_signed_comes_back_whole() {
        for made_by in [Dialect::Anthropic, Dialect::Bedrock, Dialect::Gemini, Dialect::Cohere] {
            let signature = Signature { made_by, value: "Eq.Q=.x".into() };
            let item = write::object(|o| write_item(o, "rs_1", &["why".into()], Some(&seal(&signature, false))));
            let thought = Content::Reasoning { text: "why".into(), signature: Some(signature.clone()) };
            assert_eq!(read_text(&item), [thought]);
            let item = write::object(|o| write_item(o, "rs_1", &[], Some(&seal(&signature, true))));
            assert_eq!(read_text(&item), [Content::RedactedReasoning { data: signature }]);
        }
    }

    #[test]
    fn what_the_provider_encrypted_keeps_its_id() {
        let item = r#"{"type":"reasoning","id":"rs_9","summary":[{"type":"summary_text","text":"a"},{"type":"summary_text","text":"b"}],"encrypted_content":"gAAA"}"#;
        let read = read_text(item);
        let Some(Content::RedactedReasoning { data }) = read.last() else { panic!("{read:?}") };
        assert_eq!(encrypted(data), Some(("gAAA".into(), Some("rs_9".into()))));
        assert_eq!(read.len(), 3);
    }

    #[test]
    fn foreign_thoughts_are_kept_from_a_provider_that_would_refuse_them() {
        let body = br#"{"input":[{"type":"reasoning","encrypted_content":"portunus.anthropic.signature.x"},{"role":"user","content":"hi"}]}"#;
        let edit = own_only(&parse_answer(body).unwrap()).unwrap();
        assert_eq!(edit, Edit::set(&["input"], r#"[{"role":"user","content":"hi"}]"#));
        assert_eq!(
            own_only(&parse_answer(br#"{"input":[{"type":"reasoning","encrypted_content":"g"}]}"#).unwrap()),
            None
        );
    }
}
