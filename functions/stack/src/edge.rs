//! The caller as the edge knows it: API Gateway or a Function URL, never a header the caller wrote [H4].

use lambda_http::{
    LambdaEvent,
    http::{HeaderMap, HeaderValue, header::HOST},
    request::{LambdaRequest, RequestContext},
};

/// The event with the Host of its edge: the runtime crate builds a URL from it, and panics if the caller's own
/// does not parse.
#[must_use]
pub fn with_host_of_the_edge(mut event: LambdaEvent<LambdaRequest>) -> LambdaEvent<LambdaRequest> {
    match &mut event.payload {
        LambdaRequest::ApiGatewayV1(request) => {
            set_host(&mut request.headers, request.request_context.domain_name.as_deref());
            request.multi_value_headers.remove(HOST);
        }
        LambdaRequest::ApiGatewayV2(request) => {
            set_host(&mut request.headers, request.request_context.domain_name.as_deref());
        }
        _ => {}
    }
    event
}

fn set_host(headers: &mut HeaderMap, domain: Option<&str>) {
    headers.remove("x-forwarded-proto");
    headers.remove(HOST);
    if let Some(domain) = domain.and_then(|domain| HeaderValue::from_str(domain).ok()) {
        headers.insert(HOST, domain);
    }
}

/// The caller's address.
pub fn source_address(context: &RequestContext) -> Option<String> {
    match context {
        RequestContext::ApiGatewayV1(context) => context.identity.source_ip.clone(),
        RequestContext::ApiGatewayV2(context) => context.http.source_ip.clone(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use lambda_http::{Context, Request, http::Uri};

    use super::*;

    fn event(name: &str) -> LambdaRequest {
        let path = format!("{}/../../events/{name}", env!("CARGO_MANIFEST_DIR"));
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap()
    }

    fn request(event: LambdaRequest) -> Request {
        Request::from(with_host_of_the_edge(LambdaEvent::new(event, Context::default())).payload)
    }

    #[test]
    fn i10_a_host_header_that_is_no_host_panics_nobody() {
        for host in ["[", "a b", "host:99999999", "%zz", "//x/..", "\u{00e9}"] {
            let hostile = HeaderValue::from_bytes(host.as_bytes()).unwrap();
            let LambdaRequest::ApiGatewayV1(mut rest) = event("rest-stream.json") else { panic!("not a REST event") };
            rest.headers.insert(HOST, hostile.clone());
            rest.multi_value_headers.insert(HOST, hostile.clone());
            rest.headers.insert("x-forwarded-proto", HeaderValue::from_static("://"));
            let domain = rest.request_context.domain_name.clone();
            assert_eq!(request(LambdaRequest::ApiGatewayV1(rest)).uri().host(), domain.as_deref(), "{host}");

            let LambdaRequest::ApiGatewayV2(mut url) = event("function-url-chat.json") else {
                panic!("not a v2 event")
            };
            url.headers.insert(HOST, hostile);
            let domain = url.request_context.domain_name.clone();
            assert_eq!(request(LambdaRequest::ApiGatewayV2(url)).uri().host(), domain.as_deref(), "{host}");
        }
    }

    #[test]
    fn an_event_without_a_domain_still_has_a_path() {
        let LambdaRequest::ApiGatewayV2(mut local) = event("function-url-chat.json") else { panic!("not a v2 event") };
        local.request_context.domain_name = None;
        assert_eq!(request(LambdaRequest::ApiGatewayV2(local)).uri(), &Uri::from_static("/v1/chat/completions"));
    }
}
