//! Conversations of the Responses API: what a request continues from, and what is kept of its answer.
//!
//! The gateway keeps every conversation itself, whoever answers, so `previous_response_id` works on every provider and on
//! several in turn. A request that continues one is given the whole of it as its `input`; the provider has no part in it.
//! An answer is kept before its last byte is sent [L1], under the id that stands in every event of it.

use crate::call::{Call, Caller, Request};
use bytes::Bytes;
use dialects::{
    head::{Edit, copy},
    json::{Kind as Form, Node, parse_answer, write},
    openai::responses::{response_id, response_of_item},
};
use domain::{Api, Clock, Error, Kind, Operation, Service, Wire, key::VirtualKey};
use futures::future::try_join_all;
use std::sync::Arc;
use stores::responses::{Responses, Stored};

/// What stored responses are asked for by name.
pub mod kept;

/// The most responses of a conversation that are kept one by one; then its next one keeps all that went before.
const MOST_BEFORE: usize = 32;
/// The most bytes of a conversation.
const MOST_BYTES: usize = 24 << 20;

/// Where responses are kept, and the time.
#[derive(Clone)]
pub struct Memory {
    pub responses: Responses,
    pub clock: Arc<dyn Clock>,
}

/// What became of a request.
#[derive(Default)]
pub struct Thread {
    /// The request with the whole conversation in it, where there is more of it than it says.
    pub body: Option<Bytes>,
    /// Keeps the answer.
    pub keep: Option<Keep>,
}

/// What keeps an answer when there is one.
pub struct Keep {
    memory: Memory,
    key: Arc<VirtualKey>,
    id: String,
    before: Vec<String>,
    input: String,
}

/// Whether the request may continue another: other wires have no such thing.
pub fn may_continue(call: &Call) -> bool {
    matches!(call.api(), Api::Chat(Wire::OpenAiResponses) | Api::Service(Service::OpenAiCompactions))
}

/// Finds what the request continues from.
pub async fn thread(
    memory: Option<&Memory>,
    call: &Call,
    caller: &Caller,
    request: &Request<'_>,
) -> Result<Thread, Error> {
    let body = &request.body;
    let previous = body.optional("previous_response_id", Node::string)?;
    let Some(memory) = memory else {
        return match previous {
            Some(id) => Err(unknown_previous(id)),
            None => Ok(Thread::default()),
        };
    };
    let past = match previous {
        Some(id) => memory.past(caller, id).await?,
        None => Past::default(),
    };
    let own = memory.own_input(caller, body).await?;
    let expanded = (previous.is_some() || own.resolved).then(|| expanded(body, &past, &own.items)).transpose()?;
    let answers = call.api().service().is_none() && call.operation() == Operation::Chat;
    let kept = answers && dialects::openai::responses::is_kept(body);
    let keep = kept.then(|| Keep::new(memory, call, caller, past, own.items));
    Ok(Thread { body: expanded, keep })
}

/// What went before.
#[derive(Default)]
struct Past {
    /// Ids, the first of the conversation first.
    ids: Vec<String>,
    /// Items as JSON text, in order.
    items: Vec<String>,
}

/// What the request itself says.
struct Own {
    /// Items as JSON text.
    items: Vec<String>,
    /// One of them was a reference.
    resolved: bool,
}

impl Memory {
    /// The conversation up to a response and with it.
    async fn past(&self, caller: &Caller, id: &str) -> Result<Past, Error> {
        let last = self.find(caller, id).await?.ok_or_else(|| unknown_previous(id))?;
        let ids = last.before.clone();
        let earlier = try_join_all(ids.into_iter().map(|id| async move { self.find(caller, &id).await })).await?;
        let mut past = Past::default();
        for (id, stored) in last.before.iter().zip(earlier).chain([(&last.id, Some(last.clone()))]) {
            let stored = stored.ok_or_else(|| unknown_previous(id))?;
            past.ids.push(stored.id.clone());
            past.items.extend(items(&stored.input, |item| item.raw.to_owned()));
            past.items.extend(output(&stored.response));
        }
        Ok(past)
    }

    async fn find(&self, caller: &Caller, id: &str) -> Result<Option<Stored>, Error> {
        if !is_id(id) {
            return Ok(None);
        }
        self.responses.get(&caller.key.id, id, self.clock.now()).await.map_err(|problem| {
            tracing::error!(%problem, "a stored response cannot be read");
            Error::gateway(Kind::BudgetUnavailable, "stored responses cannot be read just now; try again shortly")
                .with_code("store_unavailable")
        })
    }

    /// The items of the request; references to what an earlier answer of ours said are replaced by what it said.
    async fn own_input(&self, caller: &Caller, body: &Node<'_>) -> Result<Own, Error> {
        let mut own = Own { items: Vec::new(), resolved: false };
        let Some(input) = body.get("input") else { return Ok(own) };
        if let Form::String(_) = &input.kind {
            own.items.push(message(input));
        }
        for item in input.elements() {
            match reference(item) {
                Some(id) => match self.referred(caller, id).await? {
                    Some(said) => {
                        own.resolved = true;
                        own.items.extend(replayed(&said));
                    }
                    None => own.items.push(item.raw.to_owned()),
                },
                None => own.items.push(item.raw.to_owned()),
            }
        }
        Ok(own)
    }

    /// The item of that id in an earlier answer of ours.
    async fn referred(&self, caller: &Caller, id: &str) -> Result<Option<String>, Error> {
        let Some(response) = response_of_item(id) else { return Ok(None) };
        let Some(stored) = self.find(caller, &response).await? else { return Ok(None) };
        let response = parse_answer(stored.response.as_bytes()).map_err(Error::from)?;
        let output = response.get("output").map(Node::elements).unwrap_or_default();
        Ok(output.iter().find(|item| item.str_of("id") == Some(id)).map(|item| item.raw.to_owned()))
    }
}

impl Keep {
    fn new(memory: &Memory, call: &Call, caller: &Caller, past: Past, own: Vec<String>) -> Self {
        let whole = past.ids.len() >= MOST_BEFORE;
        let (before, items) = match whole {
            true => (Vec::new(), past.items.into_iter().chain(own).collect()),
            false => (past.ids, own),
        };
        Self {
            memory: memory.clone(),
            key: caller.key.clone(),
            id: response_id(call.id.as_str()),
            before,
            input: write::array(|array| items.iter().for_each(|item| array.raw(item))),
        }
    }

    /// Keeps a whole answer. Without a store the caller still has it, and cannot come back to it.
    pub async fn answer(self, body: &[u8]) {
        match parse_answer(body) {
            Ok(response) => self.put(&response).await,
            Err(problem) => tracing::error!(problem = %problem.message, "an answer cannot be kept"),
        }
    }

    /// Keeps the answer in the last event of a stream.
    pub async fn stream(self, last: &[u8]) {
        let text = String::from_utf8_lossy(last);
        let data = text.lines().filter_map(|line| line.strip_prefix("data:")).next_back();
        let event = data.and_then(|data| parse_answer(data.trim().as_bytes()).ok());
        match event.as_ref().and_then(|event| event.get("response")) {
            Some(response) => self.put(response).await,
            None => tracing::warn!(id = self.id, "a stream ended without an answer to keep"),
        }
    }

    async fn put(self, response: &Node<'_>) {
        let Self { memory, key, id, before, input } = self;
        let stored = Stored { id, before, input, response: response.raw.to_owned() };
        if let Err(problem) = memory.responses.put(&key.id, &stored, memory.clock.now()).await {
            tracing::error!(%problem, id = stored.id, "a response cannot be kept; nothing can continue from it");
        }
    }
}

/// The request with the whole conversation as its input.
fn expanded(body: &Node<'_>, past: &Past, own: &[String]) -> Result<Bytes, Error> {
    let items = past.items.iter().chain(own);
    let bytes: usize = items.clone().map(String::len).sum();
    if bytes > MOST_BYTES {
        return Err(Error::caller(
            Kind::TooLarge,
            "the conversation this request continues is larger than 24 MiB; begin a new one",
        )
        .with_param("previous_response_id"));
    }
    let input = write::array(|array| items.for_each(|item| array.raw(item)));
    Ok(copy(body, &[Edit::set(&["input"], input)]).into())
}

/// The elements of a JSON array.
fn items<T>(text: &str, each: impl Fn(&Node<'_>) -> T) -> Vec<T> {
    parse_answer(text.as_bytes()).map(|list| list.elements().iter().map(each).collect()).unwrap_or_default()
}

/// What an answer said, as input.
fn output(response: &str) -> Vec<String> {
    let Ok(response) = parse_answer(response.as_bytes()) else { return Vec::new() };
    let items = response.get("output").map(Node::elements).unwrap_or_default();
    items.iter().filter_map(|item| replayed(item.raw)).collect()
}

/// An item of an answer as input: ids that only its provider knows are left out, and so are thoughts that nobody can
/// read without it.
fn replayed(item: &str) -> Option<String> {
    let item = parse_answer(item.as_bytes()).ok()?;
    let kind = item.str_of("type");
    let known = matches!(kind, Some("message" | "function_call" | "custom_tool_call"));
    let texts = |key: &str| item.get(key).is_some_and(|list| !list.elements().is_empty());
    if kind == Some("reasoning") && item.get("encrypted_content").is_none() && !texts("content") && !texts("summary") {
        return None;
    }
    let lost = |key: &str, value: &Node<'_>| value.is_null() || (known && key == "id");
    Some(write::object(|o| {
        for (key, value) in item.fields().iter().filter(|(key, value)| !lost(key, value)) {
            o.raw(key, value.raw);
        }
    }))
}

/// A text as the user's message.
fn message(text: &Node<'_>) -> String {
    write::object(|o| {
        o.string("type", "message").string("role", "user").raw("content", text.raw);
    })
}

/// The id an item refers to, if it is a reference.
fn reference<'n>(item: &'n Node<'_>) -> Option<&'n str> {
    let kind = item.str_of("type");
    let is_one = kind == Some("item_reference") || (kind.is_none() && item.get("role").is_none());
    item.str_of("id").filter(|_| is_one)
}

/// Whether a text can be the id of a response.
fn is_id(id: &str) -> bool {
    let rest = id.strip_prefix("resp_");
    rest.is_some_and(|rest| {
        (1..=64).contains(&rest.len()) && rest.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
    })
}

/// A caller's id, short enough to repeat.
fn shown(id: &str) -> String {
    id.chars().filter(|c| !c.is_control()).take(100).collect()
}

/// In OpenAI's words.
fn unknown_previous(id: &str) -> Error {
    Error::invalid("previous_response_id", format!("Previous response with id '{}' not found.", shown(id)))
        .with_code("previous_response_not_found")
}
