//! The edge: one route table, limits on what comes in, and answers in the caller's dialect.

use crate::{
    Gateway,
    call::{Answer, Call, Received},
    conversation::kept::Asked,
    live::Live,
};
use axum::{Router, body::Body, extract::Request, response::Response};
use domain::{CallId, Dialect, Error, Kind, Timestamp};
use futures::FutureExt;
use route::{Matched, Route, Serves};
use std::{
    panic::AssertUnwindSafe,
    sync::{Arc, LazyLock, OnceLock},
    time::{Duration, Instant},
};

/// Bodies that settle even if nobody reads them to the end.
mod body;
/// Forms, read with limits.
mod form;
/// Ids of calls.
pub mod id;
/// Streams as lists.
mod json_list;
/// The API described.
pub mod openapi;
/// Calls that outlive the patience of the edge.
mod patient;
/// How rate limits stand, in headers.
mod rates;
/// What a request says, read with limits.
pub mod read;
/// What an answer says about itself, in headers and body.
pub mod reply;
/// The route table.
pub mod route;

pub use body::Pump;

/// When the invocation ends: an extension that the Lambda front door puts on its requests.
#[derive(Clone, Copy, Debug)]
pub struct Deadline(pub Timestamp);

/// Where the request came from, by the trusted edge's word: an extension put on by every front door [H4].
#[derive(Clone, Debug)]
pub struct ClientIp(pub String);

/// Work stops this long before the invocation is killed [L2].
const DEADLINE_MARGIN_MS: u64 = 5_000;

/// The client plane.
#[derive(Clone)]
pub struct Edge {
    live: Arc<Live>,
    /// Reads on what callers abandon; none on Lambda, where the stream is always read to its end.
    pump: Option<Arc<dyn Pump>>,
    described: Described,
}

/// A description that is written when somebody first asks for it: most processes never are.
type Described = Arc<LazyLock<String, fn() -> String>>;

/// The client plane under one configuration, for one call.
struct Plane {
    gateway: Arc<Gateway>,
    /// Reads on what callers abandon; none on Lambda, where the stream is always read to its end.
    pump: Option<Arc<dyn Pump>>,
    described: Described,
}

/// The client APIs as one application.
pub fn app(gateway: Arc<Gateway>, pump: Option<Arc<dyn Pump>>) -> Router {
    live(Live::of(gateway), pump)
}

/// The same under a configuration that may change.
pub fn live(live: Live, pump: Option<Arc<dyn Pump>>) -> Router {
    let edge = Edge::new(Arc::new(live), pump);
    Router::new().fallback(move |request: Request| {
        let edge = edge.clone();
        async move { edge.handle(request).await }
    })
}

impl Edge {
    pub fn new(live: Arc<Live>, pump: Option<Arc<dyn Pump>>) -> Self {
        Self { live, pump, described: Arc::new(LazyLock::new(|| openapi::document().to_string())) }
    }

    /// The same with another description at `/openapi.json`, for where more is served beside it.
    #[must_use]
    pub fn described_as(self, describe: fn() -> String) -> Self {
        Self { described: Arc::new(LazyLock::new(describe)), ..self }
    }

    /// Answers one request, whatever it is. What [`app`] does, without a router around it.
    pub async fn handle(&self, request: Request) -> Response {
        let plane =
            Plane { gateway: self.live.current().await, pump: self.pump.clone(), described: self.described.clone() };
        plane.handle(request).await
    }
}

impl Plane {
    async fn handle(&self, request: Request) -> Response {
        let received = Received { at: self.gateway.clock.now(), instant: Instant::now() };
        let id = id::call_id(received.at);
        let dialect = route::dialect_of(request.uri().path());
        let answered = AssertUnwindSafe(self.answer(request, &id, received)).catch_unwind().await;
        match answered {
            Ok(Ok(response)) => response,
            Ok(Err(error)) => reply::error(dialect, &error, &id),
            Err(_) => reply::error(dialect, &panicked(&id), &id),
        }
    }

    async fn answer(&self, request: Request, id: &CallId, received: Received) -> Result<Response, Error> {
        read::head_within_limits(&request)?;
        read::host_allowed(&request, &self.gateway.config.allowed_hosts)?;
        let (route, path_model) = matched(&request)?;
        match route.serves {
            Serves::Described => Ok(reply::json(id, self.described.as_str().to_owned())),
            Serves::Health => Ok(reply::health(id)),
            Serves::Models => Box::pin(self.models(request, id, path_model, received)).await,
            Serves::Response(asked) => Box::pin(self.stored(request, id, route, asked, path_model, received)).await,
            Serves::Inference(_) | Serves::Service => {
                Box::pin(self.call(request, id, route, path_model, received)).await
            }
        }
    }

    async fn stored(
        &self,
        request: Request,
        id: &CallId,
        route: &'static Route,
        asked: Asked,
        path_model: Option<String>,
        received: Received,
    ) -> Result<Response, Error> {
        let query = request.uri().query().unwrap_or("").to_owned();
        let call = self.read(request, id, route, path_model, received).await?;
        Ok(reply::json(id, self.gateway.stored(&call, asked, &query).await?))
    }

    async fn models(
        &self,
        request: Request,
        id: &CallId,
        model: Option<String>,
        received: Received,
    ) -> Result<Response, Error> {
        let route = matched(&request)?.0;
        let dialect = match route.api.dialect() {
            Dialect::OpenAi if request.headers().contains_key("anthropic-version") => Dialect::Anthropic,
            Dialect::OpenAi if request.headers().contains_key("x-goog-api-key") => Dialect::Gemini,
            dialect => dialect,
        };
        let call = self.read(request, id, route, model, received).await?;
        let caller = self.gateway.identity.identify(&call).await?;
        let listed = crate::listing::models(&self.gateway.names, &caller, dialect, call.path_model.as_deref())?;
        Ok(reply::json(id, listed))
    }

    async fn call(
        &self,
        request: Request,
        id: &CallId,
        route: &'static Route,
        model: Option<String>,
        received: Received,
    ) -> Result<Response, Error> {
        let as_list = json_list::is_wanted(route, request.uri().query());
        let boundary = read::content(&request, route.api);
        let call = Call { boundary, ..self.read(request, id, route, model, received).await? };
        let client_id = call.extras.client_request_id.clone();
        let (dialect, progress, told) = (route.api.dialect(), call.progress.clone(), call.told.clone());
        let gateway = self.gateway.clone();
        let call_id = id.clone();
        // A panic after the answer was committed is an event in the stream [L7].
        let work = AssertUnwindSafe(async move { gateway.serve(call).await })
            .catch_unwind()
            .map(move |served| served.unwrap_or_else(|_| Err(panicked(&call_id))));
        let commit_after = self.gateway.config.streams.commit_after;
        let kept = body::Kept::new(work.boxed(), self.pump.clone(), self.drain());
        let answer = patient::answer(kept, progress, commit_after, self.gateway.keep_alive).await;
        let mut response = match answer {
            Ok(answer) => {
                let answer: Answer = if as_list { json_list::listed(answer) } else { answer };
                reply::response(dialect, answer, id, client_id.as_deref(), self.pump.clone(), self.drain())
            }
            Err(error) => reply::error(dialect, &error, id),
        };
        if let Some(told) = told.told() {
            rates::onto(response.headers_mut(), dialect, &told);
        }
        Ok(response)
    }

    fn drain(&self) -> Duration {
        self.gateway.config.streams.drain_after_disconnect
    }

    async fn read(
        &self,
        request: Request,
        id: &CallId,
        route: &'static Route,
        path_model: Option<String>,
        received: Received,
    ) -> Result<Call, Error> {
        let extras = read::extras(&request)?;
        let deadline = self.deadline(&request, received)?;
        let body = read::body(request.into_body(), self.gateway.config.limits.max_body_bytes).await?;
        Ok(Call {
            id: id.clone(),
            route,
            path_model,
            extras,
            body,
            boundary: Ok(None),
            received,
            deadline,
            progress: Arc::new(OnceLock::new()),
            told: Arc::default(),
        })
    }

    /// Lambda's deadline less a margin, or the caller's own `x-portunus-timeout-ms`, whichever is earlier.
    fn deadline(&self, request: &Request, received: Received) -> Result<Option<Instant>, Error> {
        let invocation = request
            .extensions()
            .get::<Deadline>()
            .map(|Deadline(at)| Duration::from_millis(at.millis_since(received.at).saturating_sub(DEADLINE_MARGIN_MS)));
        let asked = read::timeout(request.headers())?;
        let shortest = [invocation, asked].into_iter().flatten().min();
        Ok(shortest.and_then(|left| received.instant.checked_add(left)))
    }
}

fn panicked(id: &CallId) -> Error {
    tracing::error!(call = %id, "a panic while answering");
    Error::gateway(Kind::Internal, "an internal error stopped this request")
}

/// The route of a request, and the model in its path.
fn matched(request: &Request<Body>) -> Result<(&'static Route, Option<String>), Error> {
    let (method, path) = (request.method(), request.uri().path());
    match route::matched(method, path) {
        Matched::Route(route, model) => Ok((route, model)),
        Matched::WrongMethod => {
            Err(Error::caller(Kind::MethodNotAllowed, format!("this path does not take {method} requests")))
        }
        Matched::BadPath => Err(Error::caller(
            Kind::InvalidRequest,
            "the path is not valid: encode each segment once, without `.` or `..`",
        )),
        Matched::Nothing => Err(Error::caller(
            Kind::NotFound,
            "there is nothing at this path; the client APIs are listed in the README",
        )
        .with_code("unknown_url")),
    }
}
