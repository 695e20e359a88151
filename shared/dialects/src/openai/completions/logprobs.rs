//! Log probabilities: a chat's list of tokens as the older API's parallel lists.

use crate::json::{
    Node, parse_answer,
    write::{self, Array},
};
use domain::{Wire, chat::Opaque};

/// The log probabilities of a choice, or of a piece that begins at character `offset` of it, in this wire's form; `None`
/// for those of other wires.
pub fn of(logprobs: &Opaque, offset: usize) -> Option<String> {
    match logprobs.wire {
        Wire::OpenAiCompletions => Some(logprobs.json.as_str().to_owned()),
        Wire::OpenAiChat => from_chat(&parse_answer(logprobs.json.as_str().as_bytes()).ok()?, offset),
        _ => None,
    }
}

fn from_chat(logprobs: &Node<'_>, offset: usize) -> Option<String> {
    let tokens = logprobs.get("content")?.elements();
    let each = |fill: &mut dyn FnMut(&mut Array<'_>, &Node<'_>)| {
        write::array(|array| tokens.iter().for_each(|token| fill(array, token)))
    };
    let mut at = offset;
    let offsets = each(&mut |array, token| {
        array.raw(&at.to_string());
        at += text(token).chars().count();
    });
    Some(write::object(|o| {
        o.raw("text_offset", &offsets)
            .raw("token_logprobs", &each(&mut |array, token| array.raw(probability(token))))
            .raw("tokens", &each(&mut |array, token| array.string(text(token))))
            .raw("top_logprobs", &each(&mut |array, token| alternatives(array, token)));
    }))
}

fn alternatives(array: &mut Array<'_>, token: &Node<'_>) {
    array.object(|o| {
        let mut known: Vec<&str> = Vec::new();
        for other in token.get("top_logprobs").map(Node::elements).unwrap_or_default() {
            // Two tokens can have one text: the likelier stands.
            if !known.contains(&text(other)) {
                known.push(text(other));
                o.raw(text(other), probability(other));
            }
        }
    });
}

fn text<'n>(token: &'n Node<'_>) -> &'n str {
    token.str_of("token").unwrap_or("")
}

fn probability<'n>(token: &'n Node<'_>) -> &'n str {
    token.get("logprob").map_or("null", |number| number.raw)
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::Json;

    #[test]
    fn tokens_become_parallel_lists() {
        let json = r#"{"content":[{"token":"Hé","logprob":-0.10,"bytes":null,"top_logprobs":[{"token":"Hé","logprob":-0.10},{"token":"Yo","logprob":-2}]},{"token":"!","logprob":-1,"top_logprobs":[]}],"refusal":null}"#;
        let chat = Opaque { wire: Wire::OpenAiChat, kind: "logprobs".into(), json: Json::verbatim(json) };
        assert_eq!(
            of(&chat, 3).as_deref(),
            Some(
                r#"{"text_offset":[3,5],"token_logprobs":[-0.10,-1],"tokens":["Hé","!"],"top_logprobs":[{"Hé":-0.10,"Yo":-2},{}]}"#
            )
        );
        let other = Opaque { wire: Wire::GeminiGenerate, ..chat };
        assert_eq!(of(&other, 0), None);
    }
}
