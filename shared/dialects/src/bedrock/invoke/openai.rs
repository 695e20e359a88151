//! OpenAI's chat completions, as most newer models take them; Mistral's chat says `stop_reason`, and streams `message`.

use crate::{
    codec::{Codec, Decoder, Encoded, Encoder, Envelope, Glance, Reply, Target, Truncated, Will},
    framing::{Frame, Framing},
    head::{Edit, Head, copy},
    json::{Node, parse, parse_answer, write},
    malformed::Malformed,
    openai::chat::Chat,
};
use domain::{
    Error,
    chat::{Request, Response},
    event::Event,
};

/// The form; `mistral`: in Mistral's words.
pub struct OpenAi {
    mistral: bool,
}

/// As OpenAI writes it.
pub static OPENAI: OpenAi = OpenAi { mistral: false };
/// As Mistral writes it.
pub static MISTRAL: OpenAi = OpenAi { mistral: true };

/// Fields that the path takes the place of, or that the other operation does.
const IN_PATH: [&str; 3] = ["model", "stream", "stream_options"];

/// Names in a choice: Mistral's and OpenAI's.
const REASON: (&str, &str) = ("stop_reason", "finish_reason");
const PIECE: (&str, &str) = ("message", "delta");

impl OpenAi {
    /// An answer in OpenAI's words.
    fn theirs(&self, text: String) -> String {
        if self.mistral { renamed(&text, &[(REASON.1, REASON.0)]) } else { text }
    }
}

impl Codec for OpenAi {
    fn framing(&self) -> Framing {
        Chat.framing()
    }

    fn head(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Head, Malformed> {
        Chat.head(body, envelope)
    }

    fn edits(&self, body: &Node<'_>, will: &Will<'_>) -> Vec<Edit> {
        let edits = Chat.edits(body, will).into_iter();
        let edits = edits.filter(|edit| edit.path.first().is_none_or(|field| !IN_PATH.contains(&field.as_str())));
        edits.chain(IN_PATH.map(Edit::remove)).collect()
    }

    fn decode_request(&self, body: &Node<'_>, envelope: &Envelope<'_>) -> Result<Request, Malformed> {
        Chat.decode_request(body, envelope)
    }

    fn encode_request(&self, request: &Request, target: &Target<'_>) -> Result<Encoded, Error> {
        let Encoded { body, dropped } = Chat.encode_request(request, target)?;
        let node = parse(body.as_bytes()).map_err(Error::from)?;
        Ok(Encoded { body: copy(&node, &IN_PATH.map(Edit::remove)), dropped })
    }

    fn decode_response(&self, body: &Node<'_>) -> Result<Response, Malformed> {
        with_our_words(body, &[REASON], |body| Chat.decode_response(body))
    }

    fn encode_response(&self, response: &Response, reply: &Reply<'_>) -> String {
        self.theirs(Chat.encode_response(response, reply))
    }

    fn decoder(&self) -> Box<dyn Decoder> {
        Box::new(Reader(Chat.decoder()))
    }

    fn encoder(&self, reply: &Reply<'_>) -> Box<dyn Encoder> {
        let inner = Chat.encoder(reply);
        if self.mistral { Box::new(Writer(inner)) } else { inner }
    }

    fn glance(&self, frame: &Frame) -> Result<Glance, Malformed> {
        Chat.glance(&in_our_words(frame)?)
    }

    fn glance_response(&self, body: &Node<'_>) -> Result<Glance, Malformed> {
        Chat.glance_response(body)
    }
}

/// Reads a chunk's choices whichever words they are in.
struct Reader(Box<dyn Decoder>);

impl Decoder for Reader {
    fn push(&mut self, frame: &Frame, events: &mut Vec<Event>) -> Result<(), Malformed> {
        self.0.push(&in_our_words(frame)?, events)
    }

    fn finish(&mut self, events: &mut Vec<Event>) -> Result<(), Truncated> {
        self.0.finish(events)
    }

    fn is_over(&self) -> bool {
        self.0.is_over()
    }
}

/// Writes chunks in Mistral's words.
struct Writer(Box<dyn Encoder>);

impl Writer {
    fn renamed(written: &[u8], out: &mut Vec<u8>) {
        for json in super::chunk::said(Framing::Sse, written) {
            let json = renamed(&json, &[(REASON.1, REASON.0), (PIECE.1, PIECE.0)]);
            out.extend_from_slice(format!("data: {json}\n\n").as_bytes());
        }
    }
}

impl Encoder for Writer {
    fn push(&mut self, event: &Event, out: &mut Vec<u8>) {
        let mut written = Vec::new();
        self.0.push(event, &mut written);
        Self::renamed(&written, out);
    }

    fn finish(&mut self, out: &mut Vec<u8>) {
        let mut written = Vec::new();
        self.0.finish(&mut written);
        Self::renamed(&written, out);
    }

    fn fail(&mut self, error: &Error, out: &mut Vec<u8>) {
        self.0.fail(error, out);
    }

    fn keep_alive(&self) -> Option<&'static [u8]> {
        None
    }
}

fn in_our_words(frame: &Frame) -> Result<Frame, Malformed> {
    let body = parse_answer(&frame.data)?;
    let data = match mistrals(&body) {
        true => renamed_node(&body, &[REASON, PIECE]).into(),
        false => frame.data.clone(),
    };
    Ok(Frame { data, ..frame.clone() })
}

fn with_our_words<T>(
    body: &Node<'_>,
    names: &[(&str, &str)],
    read: impl FnOnce(&Node<'_>) -> Result<T, Malformed>,
) -> Result<T, Malformed> {
    match mistrals(body) {
        true => read(&parse_answer(renamed_node(body, names).as_bytes())?),
        false => read(body),
    }
}

/// Choices with Mistral's reason and without OpenAI's.
fn mistrals(body: &Node<'_>) -> bool {
    let has = |choice: &Node<'_>, field: &str| choice.fields().iter().any(|(key, _)| key == field);
    let choices = body.get("choices").map(Node::elements).unwrap_or_default();
    choices.iter().any(|choice| has(choice, REASON.0) && !has(choice, REASON.1))
}

fn renamed(text: &str, names: &[(&str, &str)]) -> String {
    match parse_answer(text.as_bytes()) {
        Ok(node) => renamed_node(&node, names),
        Err(_) => text.to_owned(),
    }
}

/// The body with fields of its choices renamed.
fn renamed_node(body: &Node<'_>, names: &[(&str, &str)]) -> String {
    let edits: Vec<Edit> = names.iter().map(|(from, to)| Edit::rename(from, to)).collect();
    let choices = body.get("choices").map(Node::elements).unwrap_or_default();
    let choices = write::array(|array| choices.iter().for_each(|choice| array.raw(&copy(choice, &edits))));
    copy(body, &[Edit::set(&["choices"], choices)])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::json::parse_answer;
    use domain::chat::{Block, Choice, FinishReason};

    #[test]
    fn mistrals_words_are_read_and_written() {
        let text = r#"{"choices":[{"index":0,"message":{"role":"assistant","content":"hi"},"stop_reason":"length"}]}"#;
        let response = MISTRAL.decode_response(&parse_answer(text.as_bytes()).unwrap()).unwrap();
        assert_eq!(
            (&response.choices[0].finish, &response.choices[0].content),
            (&FinishReason::Length, &vec![Block::text("hi")])
        );
        let written = MISTRAL.encode_response(&response, &Reply::default());
        assert!(written.contains(r#""stop_reason":"length""#) && !written.contains("finish_reason"), "{written}");
    }

    #[test]
    fn openais_words_stay_as_they_are() {
        let content = vec![Block::text("hi")];
        let choice = Choice { content, finish: FinishReason::Stop, stop_sequence: None, logprobs: None };
        let response = Response { choices: vec![choice], ..Response::default() };
        assert!(OPENAI.encode_response(&response, &Reply::default()).contains(r#""finish_reason":"stop""#));
    }
}
