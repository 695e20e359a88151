//! The gateway's own id in answers that pass through: the caller comes back with it, so it is the same in every event.

use super::{head::is_kept, response_id};
use crate::{
    framing::{Frame, sse},
    head::{Edit, copy},
    json::{Node, parse_answer, write},
};

/// Events that carry the response.
const CARRIERS: [&str; 5] =
    ["response.created", "response.in_progress", "response.queued", "response.completed", "response.incomplete"];

/// The frame of an event that carries the response, relabelled; `None` for every other one.
pub fn frame(frame: &Frame, call_id: &str, echo: &str) -> Option<String> {
    let named = frame.event.as_deref();
    if named.is_some_and(|name| name != "message" && !CARRIERS.contains(&name)) {
        return None;
    }
    let event = parse_answer(&frame.data).ok()?;
    let response = event.get("response").filter(|response| response.get("id").is_some())?;
    let response = answer(response, call_id, echo);
    Some(sse::event(named, &copy(&event, &[Edit::set(&["response"], response)])))
}

/// The answer under the gateway's id, and with what the gateway took upon itself: what came before, and to keep it.
pub fn answer(body: &Node<'_>, call_id: &str, echo: &str) -> String {
    let mut edits = vec![Edit::set(&["id"], write::quoted(&response_id(call_id)))];
    if let Ok(asked) = parse_answer(echo.as_bytes()) {
        let previous = asked.get("previous_response_id");
        edits.extend(previous.map(|previous| Edit::set(&["previous_response_id"], previous.raw)));
        if previous.is_some() || body.get("store").is_some() {
            edits.push(Edit::set(&["store"], if is_kept(&asked) { "true" } else { "false" }));
        }
    }
    copy(body, &edits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;

    fn framed(event: Option<&str>, data: &str) -> Frame {
        Frame {
            raw: Bytes::new(),
            event: event.map(str::to_owned),
            data: Bytes::copy_from_slice(data.as_bytes()),
            exception: false,
        }
    }

    #[test]
    fn every_event_that_carries_the_response_has_the_gateways_id() {
        let data = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_theirs","x": 1.50}}"#;
        let ours = r#"{"type":"response.created","sequence_number":0,"response":{"id":"resp_1","x":1.50}}"#;
        let named = frame(&framed(Some("response.created"), data), "call_1", "{}");
        assert_eq!(named.unwrap(), format!("event: response.created\ndata: {ours}\n\n"));
        assert_eq!(frame(&framed(None, data), "call_1", "{}").unwrap(), format!("data: {ours}\n\n"));
    }

    #[test]
    fn other_events_pass_as_they_are() {
        let delta = r#"{"type":"response.output_text.delta","item_id":"msg_1","delta":"response"}"#;
        assert_eq!(frame(&framed(Some("response.output_text.delta"), delta), "call_1", "{}"), None);
        assert_eq!(frame(&framed(None, delta), "call_1", "{}"), None);
        assert_eq!(frame(&framed(None, "[DONE]"), "call_1", "{}"), None);
    }

    #[test]
    fn an_answer_says_what_it_follows_though_the_provider_was_not_told() {
        let body = parse_answer(br#"{"id":"a","previous_response_id":null,"store":false}"#).unwrap();
        assert_eq!(
            answer(&body, "call_2", r#"{"previous_response_id":"resp_1"}"#),
            r#"{"id":"resp_2","previous_response_id":"resp_1","store":true}"#
        );
        assert_eq!(
            answer(&body, "call_2", r#"{"store":false}"#),
            r#"{"id":"resp_2","previous_response_id":null,"store":false}"#
        );
    }
}
