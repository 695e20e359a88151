//! Posts to addresses that an operator wrote down: webhooks [E7].

use crate::Dialer;
use async_trait::async_trait;
use domain::outward::Post;
use http::{HeaderName, HeaderValue, header};
use reqwest::{Body, Method, Request, Url};
use std::time::{Duration, Instant};

/// How long somebody may take to answer.
const PATIENCE: Duration = Duration::from_secs(10);

#[async_trait]
impl Post for Dialer {
    async fn post(&self, url: &str, headers: &[(&'static str, String)], body: Vec<u8>) -> Result<u16, String> {
        let url = Url::parse(url).map_err(|_| "the address is none".to_owned())?;
        let mut request = Request::new(Method::POST, url);
        for (name, value) in headers {
            let value = HeaderValue::from_str(value).map_err(|_| format!("the header {name} cannot be sent"))?;
            request.headers_mut().insert(HeaderName::from_static(name), value);
        }
        request.headers_mut().insert(header::USER_AGENT, HeaderValue::from_static(crate::dialer::USER_AGENT));
        *request.body_mut() = Some(Body::from(body));
        let answer = self.send(request, None, Some(Instant::now() + PATIENCE)).await;
        answer.map(|answer| answer.status().as_u16()).map_err(|failure| format!("{:?}", failure.fault))
    }
}
