//! One application under the Lambda runtime: each invocation answered the way its caller was invoked.

use axum::Router;
use lambda_http::{Adapter, Error, LambdaEvent, Service, StreamAdapter, request::LambdaRequest};
use lambda_runtime::{FunctionResponse, service_fn};
use stack::edge;
use tower::{ServiceExt, util::BoxCloneSyncService};

use crate::{
    front_door::{self, Transfer},
    unfailing::Unfailing,
};

type Answer = axum::http::Response<Unfailing>;
type App = BoxCloneSyncService<lambda_http::Request, Answer, std::convert::Infallible>;

/// Answers invocations until the sandbox ends; up to `AWS_LAMBDA_MAX_CONCURRENCY` at once where that is set.
/// `forced` overrides what the events say.
pub async fn run(router: Router, forced: Option<Transfer>) -> Result<(), Error> {
    let app = prepare(router);
    lambda_runtime::run_concurrent(service_fn(move |event: LambdaEvent<LambdaRequest>| {
        let app = app.clone();
        async move {
            // The futures are made before they are awaited: the adapters must not live across an await.
            let event = edge::with_host_of_the_edge(event);
            Ok::<_, Error>(match forced.unwrap_or_else(|| front_door::transfer(&event.payload)) {
                Transfer::Streamed => {
                    let answer = StreamAdapter::from(app).call(event);
                    FunctionResponse::StreamingResponse(answer.await?)
                }
                Transfer::Buffered => {
                    let answer = Adapter::from(app).call(event);
                    FunctionResponse::BufferedResponse(answer.await?)
                }
            })
        }
    }))
    .await
}

/// The application, told of each invocation, with bodies that cannot fail.
fn prepare(router: Router) -> App {
    BoxCloneSyncService::new(
        router
            .map_request(front_door::introduce)
            .map_response(|response: axum::response::Response| response.map(Unfailing::new)),
    )
}
