//! Where a request came in, and what follows from that: buffered or streamed, by when, from whom.
//!
//! The Runtime API never says how the function was invoked, so the event decides. A wrong guess would show
//! a buffered caller the framing of a stream.

use std::str::FromStr;

use domain::Timestamp;
use gateway::http::{ClientIp, Deadline};
use lambda_http::{
    Request,
    request::{LambdaRequest, RequestContext},
};
use stack::edge;

/// What the REST API of `template.yaml` streams: method and resource. A test keeps the two lists equal.
pub const STREAMED_ROUTES: [(&str, &str); 4] = [
    ("POST", "/v1/chat/completions"),
    ("POST", "/v1/messages"),
    ("POST", "/model/{modelId}/converse"),
    ("POST", "/model/{modelId}/converse-stream"),
];

/// How Lambda expects the answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Transfer {
    Buffered,
    Streamed,
}

impl FromStr for Transfer {
    type Err = String;

    /// `buffered` or `stream`: the values of `RESPONSE_MODE`.
    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "buffered" => Ok(Transfer::Buffered),
            "stream" => Ok(Transfer::Streamed),
            _ => Err(format!("RESPONSE_MODE is `{text}`; it may be `buffered` or `stream`")),
        }
    }
}

/// How this event's caller expects the answer. Function URLs of the template stream everything; a REST stage
/// streams its inference routes if its variable `responseTransferMode` is `STREAM`; HTTP APIs cannot stream.
pub fn transfer(event: &LambdaRequest) -> Transfer {
    let streams = match event {
        LambdaRequest::ApiGatewayV2(event) => {
            event.request_context.domain_name.as_deref().is_some_and(|domain| domain.contains(".lambda-url."))
        }
        LambdaRequest::ApiGatewayV1(event) => {
            event.stage_variables.get("responseTransferMode").is_some_and(|mode| mode == "STREAM")
                && STREAMED_ROUTES
                    .contains(&(event.http_method.as_str(), event.resource.as_deref().unwrap_or_default()))
        }
        _ => false,
    };
    if streams { Transfer::Streamed } else { Transfer::Buffered }
}

/// The request with what the application may know of its invocation: when it ends [L2], and the
/// caller's address as the edge saw it, never as a header claims it [H4].
pub fn introduce(mut request: Request) -> Request {
    let extensions = request.extensions_mut();
    if let Some(context) = extensions.get::<lambda_http::Context>() {
        let deadline = Timestamp::from_millis(context.deadline);
        extensions.insert(Deadline(deadline));
    }
    if let Some(address) = extensions.get::<RequestContext>().and_then(edge::source_address) {
        extensions.insert(ClientIp(address));
    }
    request
}

#[cfg(test)]
mod tests;
