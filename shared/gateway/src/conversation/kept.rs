//! `GET` and `DELETE /v1/responses/{id}`, its input items, and the refusal to cancel it.

use super::{Memory, items, shown};
use crate::call::Caller;
use dialects::json::{Node, parse_answer, write};
use domain::{Error, Kind};

/// What is asked of a stored response.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    Cancel,
    Delete,
    Get,
    InputItems,
}

/// Items on a page, unless the caller says how many, and the most.
const PAGE: usize = 20;
const MOST: usize = 100;

/// Answers with a JSON document. Another key's response is as unknown as one that never was.
pub async fn answer(
    memory: Option<&Memory>,
    caller: &Caller,
    asked: Asked,
    id: &str,
    query: &str,
) -> Result<String, Error> {
    let memory = memory.ok_or_else(|| unknown(id))?;
    let stored = memory.find(caller, id).await?.ok_or_else(|| unknown(id))?;
    match asked {
        Asked::Get if pairs(query).any(|(key, value)| key == "stream" && value == "true") => {
            Err(Error::invalid("stream", "a response that is complete cannot be streamed again; leave `stream` out"))
        }
        Asked::Get => Ok(stored.response),
        Asked::Cancel => Err(Error::caller(Kind::InvalidRequest, "Cannot cancel a synchronous response.")),
        Asked::Delete => {
            let gone = memory.responses.delete(&caller.key.id, id, memory.clock.now()).await;
            gone.map_err(|problem| {
                tracing::error!(%problem, "a stored response cannot be deleted");
                Error::gateway(Kind::BudgetUnavailable, "the response cannot be deleted just now; try again shortly")
                    .with_code("store_unavailable")
            })?;
            Ok(write::object(|o| {
                o.string("id", id).string("object", "response").bool("deleted", true);
            }))
        }
        Asked::InputItems => {
            let mut all = Vec::new();
            if let Some(previous) = stored.before.last() {
                all.extend(memory.past(caller, previous).await?.items);
            }
            all.extend(items(&stored.input, |item| item.raw.to_owned()));
            page(&all, id, query)
        }
    }
}

/// In OpenAI's words.
fn unknown(id: &str) -> Error {
    Error::caller(Kind::NotFound, format!("Response with id '{}' not found.", shown(id)))
}

fn pairs(query: &str) -> impl Iterator<Item = (&str, &str)> {
    query.split('&').filter_map(|pair| pair.split_once('='))
}

/// One page of the items that went into a response, the last one first unless asked otherwise.
fn page(all: &[String], response: &str, query: &str) -> Result<String, Error> {
    let asked = |key: &str| pairs(query).find(|(name, _)| *name == key).map(|(_, value)| value);
    let limit = match asked("limit").map(str::parse::<usize>) {
        None => PAGE,
        Some(Ok(limit @ 1..=MOST)) => limit,
        Some(_) => return Err(Error::invalid("limit", format!("must be 1 to {MOST}"))),
    };
    let mut listed: Vec<(String, String)> =
        all.iter().enumerate().map(|(at, item)| resource(item, response, at)).collect();
    match asked("order") {
        None | Some("desc") => listed.reverse(),
        Some("asc") => {}
        Some(_) => return Err(Error::invalid("order", "must be `asc` or `desc`")),
    }
    let from = match asked("after") {
        None => 0,
        Some(after) => listed
            .iter()
            .position(|(id, _)| id == after)
            .map(|at| at + 1)
            .ok_or_else(|| Error::invalid("after", format!("there is no item with id '{}'", shown(after))))?,
    };
    let rest = listed.get(from..).unwrap_or_default();
    let data = rest.get(..limit.min(rest.len())).unwrap_or_default();
    Ok(write::object(|o| {
        o.string("object", "list").array("data", |array| data.iter().for_each(|(_, item)| array.raw(item)));
        o.string("first_id", data.first().map_or("", |(id, _)| id));
        o.string("last_id", data.last().map_or("", |(id, _)| id));
        o.bool("has_more", rest.len() > data.len());
    }))
}

/// An item as the list has it: with an id, a type, and its content in parts.
fn resource(item: &str, response: &str, at: usize) -> (String, String) {
    let Ok(node) = parse_answer(item.as_bytes()) else { return (String::new(), item.to_owned()) };
    let kind = node.str_of("type").unwrap_or("message");
    let place = response.strip_prefix("resp_").unwrap_or(response);
    let id = node.str_of("id").map_or_else(|| format!("{}_{place}_in{at}", prefix(kind)), str::to_owned);
    let json = write::object(|o| {
        o.string("type", kind).string("id", &id);
        if kind == "message" && node.get("status").is_none() {
            o.string("status", "completed");
        }
        for (key, value) in node.fields().iter().filter(|(key, _)| !["type", "id"].contains(&key.as_ref())) {
            match value.as_str().filter(|_| kind == "message" && key == "content") {
                Some(text) => {
                    o.array(key, |array| array.raw(&text_part(&node, text)));
                }
                None => {
                    o.raw(key, value.raw);
                }
            }
        }
    });
    (id, json)
}

fn text_part(message: &Node<'_>, text: &str) -> String {
    let assistant = message.str_of("role") == Some("assistant");
    write::object(|o| {
        o.string("type", if assistant { "output_text" } else { "input_text" }).string("text", text);
        if assistant {
            o.array("annotations", |_| {}).array("logprobs", |_| {});
        }
    })
}

/// The beginning of the ids of such items.
fn prefix(kind: &str) -> &'static str {
    match kind {
        "custom_tool_call" => "ctc",
        "custom_tool_call_output" => "ctco",
        "function_call" => "fc",
        "function_call_output" => "fco",
        "message" => "msg",
        "reasoning" => "rs",
        _ => "item",
    }
}
