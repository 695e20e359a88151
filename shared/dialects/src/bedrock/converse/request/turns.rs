//! Messages as Bedrock insists on them: a user speaks first, roles alternate, nothing is blank, and the results of
//! an assistant's tool calls come first in the next message, in call order, none missing and none too many.

use domain::{
    Dialect, Wire,
    chat::{Block, CacheMark, Content, Message, Role, ToolCall},
};

/// What is said where something must be.
const STAND_IN: &str = "Continue.";
/// The result of a call nobody answered.
const NO_RESULT: &str = "No result.";

/// One turn of a conversation that alternates.
#[derive(Debug)]
pub struct Turn<'r> {
    pub role: Role,
    pub pieces: Vec<Piece<'r>>,
}

/// One block of a turn, and the cache mark after it.
#[derive(Clone, Copy, Debug)]
pub struct Piece<'r> {
    pub said: Said<'r>,
    /// Which message, and which block of it; words of ours have none.
    place: Option<(usize, usize)>,
    pub cache: Option<&'r CacheMark>,
}

impl Piece<'_> {
    /// `messages.2.content.0`
    pub fn path(&self) -> Option<String> {
        self.place.map(|(message, block)| format!("messages.{message}.content.{block}"))
    }
}

#[derive(Clone, Copy, Debug)]
pub enum Said<'r> {
    /// What the request says.
    Content(&'r Content),
    /// Words of ours.
    Ours(&'static str),
    /// The beginning of the answer, in the caller's words.
    Prefill(&'r str),
    /// The missing result of a call.
    Missing { call_id: &'r str, text: &'static str },
}

/// The system's blocks and the turns, and what had to be left out, by path.
#[derive(Debug, Default)]
pub struct Arranged<'r> {
    pub system: Vec<Piece<'r>>,
    pub turns: Vec<Turn<'r>>,
    pub dropped: Vec<String>,
}

/// Arranges a request's messages.
pub fn arrange(messages: &[Message]) -> Arranged<'_> {
    let mut arranged = Arranged::default();
    for (at, message) in messages.iter().enumerate() {
        arranged.take(at, message);
    }
    pair(&mut arranged);
    begin_with_a_user(&mut arranged.turns);
    end_without_space(&mut arranged.turns);
    arranged
}

impl<'r> Arranged<'r> {
    fn take(&mut self, at: usize, message: &'r Message) {
        if message.name.is_some() {
            self.dropped.push(format!("messages.{at}.name"));
        }
        let mut pieces = self.pieces(at, message);
        if message.role == Role::System {
            self.only_words(&mut pieces);
        }
        match (message.role, self.turns.last_mut()) {
            (Role::System, None) => self.system.extend(pieces),
            (Role::System, Some(_)) => {
                // It moves to the front: its place is what is lost.
                self.dropped.push(format!("messages.{at}.role"));
                self.system.extend(pieces);
            }
            (role, Some(last)) if last.role == role => last.pieces.extend(pieces),
            (role, _) if !pieces.is_empty() => self.turns.push(Turn { role, pieces }),
            _ => {}
        }
    }

    /// The system is words, guarded or not; what else it shows is left out.
    fn only_words(&mut self, pieces: &mut Vec<Piece<'r>>) {
        let dropped = &mut self.dropped;
        pieces.retain(|piece| {
            let words = match piece.said {
                Said::Content(Content::Text { .. } | Content::Refusal { .. }) => true,
                Said::Content(Content::Other(opaque)) => {
                    ["cachePoint", "guardContent", "text"].contains(&&*opaque.kind)
                }
                _ => false,
            };
            dropped.extend(piece.path().filter(|_| !words));
            words
        });
    }

    /// The blocks of a message that Bedrock takes.
    fn pieces(&mut self, at: usize, message: &'r Message) -> Vec<Piece<'r>> {
        let mut pieces: Vec<Piece<'r>> = Vec::with_capacity(message.content.len());
        for (block_at, block) in message.content.iter().enumerate() {
            match left_out(&block.content) {
                None => pieces.push(Piece {
                    said: Said::Content(&block.content),
                    place: Some((at, block_at)),
                    cache: mark_of(block),
                }),
                Some(why) => {
                    if why == Why::Foreign {
                        self.dropped.push(format!("messages.{at}.content.{block_at}"));
                    }
                    move_mark(block, &mut pieces);
                }
            }
        }
        pieces
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Blank,
    Foreign,
}

/// Why Bedrock would not take a block, if it would not.
fn left_out(content: &Content) -> Option<Why> {
    match content {
        Content::Text { text, .. } | Content::Refusal { text } if text.trim().is_empty() => Some(Why::Blank),
        Content::Reasoning { signature, .. } if !signature.as_ref().is_some_and(|s| is_claudes(s.made_by)) => {
            Some(Why::Foreign)
        }
        Content::RedactedReasoning { data } if !is_claudes(data.made_by) => Some(Why::Foreign),
        Content::Other(opaque) if opaque.wire != Wire::BedrockConverse => Some(Why::Foreign),
        _ => None,
    }
}

/// Claude's signatures are good on Anthropic's own API and on Bedrock alike.
fn is_claudes(made_by: Dialect) -> bool {
    matches!(made_by, Dialect::Anthropic | Dialect::Bedrock)
}

/// The mark after a block, or after the last marked part of a tool's result, which has no place for marks inside.
fn mark_of(block: &Block) -> Option<&CacheMark> {
    let inside = match &block.content {
        Content::ToolResult(result) => result.content.iter().rev().find_map(|part| part.cache.as_ref()),
        _ => None,
    };
    block.cache.as_ref().or(inside)
}

/// The mark of a block that is left out goes to the one before it.
fn move_mark<'r>(block: &'r Block, pieces: &mut [Piece<'r>]) {
    if let (Some(mark), Some(last)) = (&block.cache, pieces.last_mut()) {
        last.cache = last.cache.or(Some(mark));
    }
}

/// Puts every call's result where it belongs.
fn pair(arranged: &mut Arranged<'_>) {
    let mut calls: Vec<&str> = Vec::new();
    let mut at = 0;
    while let Some(turn) = arranged.turns.get_mut(at) {
        if turn.role == Role::User {
            answer(&calls, turn, &mut arranged.dropped);
        }
        calls = if turn.role == Role::Assistant { calls_of(turn) } else { Vec::new() };
        at += 1;
        if !calls.is_empty() && at == arranged.turns.len() {
            arranged.turns.push(Turn { role: Role::User, pieces: Vec::new() });
        }
    }
}

fn calls_of<'r>(turn: &Turn<'r>) -> Vec<&'r str> {
    turn.pieces.iter().filter_map(|piece| call(piece)).map(|call| call.id.as_str()).collect()
}

fn call<'r>(piece: &Piece<'r>) -> Option<&'r ToolCall> {
    match piece.said {
        Said::Content(Content::ToolCall(call)) => Some(call),
        _ => None,
    }
}

fn answered<'r>(piece: &Piece<'r>) -> Option<&'r str> {
    match piece.said {
        Said::Content(Content::ToolResult(result)) => Some(&result.call_id),
        _ => None,
    }
}

/// Orders a user's turn: the results of `calls` first, one each; other results cannot stay.
fn answer<'r>(calls: &[&'r str], turn: &mut Turn<'r>, dropped: &mut Vec<String>) {
    let (results, rest): (Vec<_>, Vec<_>) = turn.pieces.drain(..).partition(|piece| answered(piece).is_some());
    let mut used = vec![false; results.len()];
    for call_id in calls {
        let found = results.iter().zip(&mut used).find(|(result, used)| !**used && answered(result) == Some(call_id));
        turn.pieces.push(match found {
            Some((result, used)) => {
                *used = true;
                *result
            }
            None => Piece { said: Said::Missing { call_id, text: NO_RESULT }, place: None, cache: None },
        });
    }
    let orphans = results.iter().zip(&used).filter(|(_, used)| !**used);
    dropped.extend(orphans.filter_map(|(result, _)| result.path()));
    turn.pieces.extend(rest);
    if turn.pieces.is_empty() {
        turn.pieces.push(ours());
    }
}

fn ours() -> Piece<'static> {
    Piece { said: Said::Ours(STAND_IN), place: None, cache: None }
}

fn begin_with_a_user(turns: &mut Vec<Turn<'_>>) {
    if turns.first().is_none_or(|turn| turn.role != Role::User) {
        turns.insert(0, Turn { role: Role::User, pieces: vec![ours()] });
    }
}

/// White space at the end of a prefill is refused.
fn end_without_space(turns: &mut [Turn<'_>]) {
    let Some(Turn { role: Role::Assistant, pieces }) = turns.last_mut() else { return };
    if let Some(last) = pieces.last_mut()
        && let Said::Content(Content::Text { text, citations }) = last.said
        && citations.is_empty()
    {
        last.said = Said::Prefill(text.trim_end());
    }
}

/// The conversation stands between a tool call and the model's next word, and the call's thoughts are missing:
/// Claude refuses to think on.
pub fn thoughts_are_missing(turns: &[Turn<'_>]) -> bool {
    let [.., assistant, user] = turns else { return false };
    let goes_on = user
        .pieces
        .first()
        .is_some_and(|piece| answered(piece).is_some() || matches!(piece.said, Said::Missing { .. }));
    let thinks = assistant.pieces.first().is_some_and(|piece| {
        matches!(piece.said, Said::Content(Content::Reasoning { .. } | Content::RedactedReasoning { .. }))
    });
    goes_on && !thinks
}

/// The names of the tools the history calls, each once, in order.
pub fn called<'r>(turns: &[Turn<'r>]) -> Vec<&'r str> {
    let mut names: Vec<&str> = Vec::new();
    for call in turns.iter().flat_map(|turn| &turn.pieces).filter_map(call) {
        if !names.contains(&call.name.as_str()) {
            names.push(&call.name);
        }
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;
    use domain::chat::{Signature, ToolResult};

    fn says(role: Role, content: Vec<Content>) -> Message {
        Message { role, content: content.into_iter().map(Block::from).collect(), name: None }
    }

    fn text(text: &str) -> Content {
        Content::Text { text: text.into(), citations: Vec::new() }
    }

    fn call(id: &str) -> Content {
        Content::ToolCall(ToolCall { id: id.into(), name: "f".into(), arguments: "{}".into() })
    }

    fn result(id: &str) -> Content {
        Content::ToolResult(ToolResult { call_id: id.into(), content: vec![Block::text(id)], is_error: false })
    }

    fn shape(arranged: &Arranged<'_>) -> String {
        let piece = |piece: &Piece<'_>| match piece.said {
            Said::Content(Content::Text { text, .. }) => text.clone(),
            Said::Content(Content::ToolCall(call)) => format!("call {}", call.id),
            Said::Content(Content::ToolResult(result)) => format!("result {}", result.call_id),
            Said::Content(_) => "other".into(),
            Said::Missing { call_id, .. } => format!("missing {call_id}"),
            Said::Ours(text) => text.to_owned(),
            Said::Prefill(text) => format!("prefill {text}"),
        };
        let turn = |turn: &Turn<'_>| {
            format!("{:?}[{}]", turn.role, turn.pieces.iter().map(piece).collect::<Vec<_>>().join(","))
        };
        arranged.turns.iter().map(turn).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn turns_of_one_role_merge_and_blank_text_goes() {
        let messages = [
            says(Role::System, vec![text("s")]),
            says(Role::User, vec![text("a"), text(" ")]),
            says(Role::Assistant, vec![text("")]),
            says(Role::User, vec![text("b")]),
        ];
        let arranged = arrange(&messages);
        assert_eq!(shape(&arranged), "User[a,b]");
        assert_eq!((arranged.system.len(), arranged.dropped), (1, vec![]));
    }

    #[test]
    fn a_user_speaks_first_even_if_only_the_system_spoke() {
        assert_eq!(shape(&arrange(&[says(Role::System, vec![text("s")])])), "User[Continue.]");
        let messages = [says(Role::Assistant, vec![text("a \n")])];
        assert_eq!(shape(&arrange(&messages)), "User[Continue.] Assistant[prefill a]");
    }

    #[test]
    fn results_come_first_in_call_order_and_none_is_missing_or_orphaned() {
        let messages = [
            says(Role::User, vec![text("q")]),
            says(Role::Assistant, vec![call("1"), call("2"), call("3")]),
            says(Role::User, vec![text("and"), result("3")]),
            says(Role::User, vec![result("9"), result("1"), result("1")]),
        ];
        let arranged = arrange(&messages);
        assert_eq!(shape(&arranged), "User[q] Assistant[call 1,call 2,call 3] User[result 1,missing 2,result 3,and]");
        assert_eq!(arranged.dropped, ["messages.3.content.0", "messages.3.content.2"]);
    }

    #[test]
    fn a_call_that_ends_the_history_gets_a_result() {
        let messages = [says(Role::User, vec![text("q")]), says(Role::Assistant, vec![call("1")])];
        assert_eq!(shape(&arrange(&messages)), "User[q] Assistant[call 1] User[missing 1]");
    }

    #[test]
    fn thoughts_without_a_claude_signature_are_left_out_and_named() {
        let thought = |made_by| Content::Reasoning {
            text: "t".into(),
            signature: Some(Signature { made_by, value: "s".into() }),
        };
        let messages = [
            says(Role::User, vec![text("q")]),
            says(
                Role::Assistant,
                vec![
                    Content::Reasoning { text: "t".into(), signature: None },
                    thought(Dialect::OpenAi),
                    thought(Dialect::Anthropic),
                    call("1"),
                ],
            ),
            says(Role::User, vec![result("1")]),
        ];
        let arranged = arrange(&messages);
        assert_eq!(arranged.dropped, ["messages.1.content.0", "messages.1.content.1"]);
        assert!(!thoughts_are_missing(&arranged.turns));
        assert_eq!(shape(&arranged), "User[q] Assistant[other,call 1] User[result 1]");
    }

    #[test]
    fn a_system_message_is_words() {
        let shown = Content::Reasoning {
            text: "t".into(),
            signature: Some(Signature { made_by: Dialect::Anthropic, value: "s".into() }),
        };
        let messages = [says(Role::System, vec![text("s"), shown, call("1")]), says(Role::User, vec![text("q")])];
        let arranged = arrange(&messages);
        assert_eq!(
            (arranged.system.len(), arranged.dropped.as_slice()),
            (1, ["messages.0.content.1", "messages.0.content.2"].map(str::to_owned).as_slice())
        );
    }

    #[test]
    fn a_late_system_message_moves_to_the_front_and_is_named() {
        let messages = [says(Role::User, vec![text("q")]), says(Role::System, vec![text("s")])];
        assert_eq!(arrange(&messages).dropped, ["messages.1.role"]);
    }

    #[test]
    fn the_mark_of_what_is_left_out_moves_to_the_block_before() {
        let marked = Block { content: text(""), cache: Some(CacheMark::default()) };
        let messages = [Message { role: Role::User, content: vec![Block::text("a"), marked], name: None }];
        assert!(arrange(&messages).turns[0].pieces[0].cache.is_some());
    }
}
