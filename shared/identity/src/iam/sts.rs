//! Asking AWS's token service who signed a question.

use super::{AUDIENCE_HEADER, arn::Arn, presigned::Presigned};
use crate::{Unavailable, fetch::fetch};
use config::BaseUrl;
use http::{HeaderValue, Method, header};
use providers::Dialer;
use reqwest::Request;
use serde::Deserialize;
use tokio::sync::Semaphore;

/// The largest answer that is read.
const LARGEST: usize = 16 << 10;
/// Questions asked at once: a flood of tokens is no flood on AWS.
const AT_ONCE: usize = 16;

/// Where to ask, and what to say who we are.
pub struct Sts {
    endpoint: Option<BaseUrl>,
    audience: String,
    dialer: Dialer,
    room: Semaphore,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(rename = "GetCallerIdentityResponse")]
    response: Response,
}

#[derive(Deserialize)]
struct Response {
    #[serde(rename = "GetCallerIdentityResult")]
    result: Caller,
}

#[derive(Deserialize)]
struct Caller {
    #[serde(rename = "Arn")]
    arn: String,
}

impl Sts {
    pub fn new(endpoint: Option<BaseUrl>, audience: String, dialer: Dialer) -> Self {
        Self { endpoint, audience, dialer, room: Semaphore::new(AT_ONCE) }
    }

    /// Who signed; `None` if AWS says that nobody did.
    ///
    /// # Errors
    /// AWS did not say.
    pub async fn who(&self, question: &Presigned) -> Result<Option<Arn>, Unavailable> {
        let Some(request) = self.request(question) else { return Ok(None) };
        let _turn = self.room.acquire().await.map_err(|_| Unavailable)?;
        let (status, body) = fetch(&self.dialer, request, LARGEST).await?;
        match status {
            200 => {
                let answer: Answer = serde_json::from_slice(&body).map_err(|_| Unavailable)?;
                Arn::read(&answer.response.result.arn).map(Some).ok_or(Unavailable)
            }
            // Too many questions are no answer.
            429 => Err(Unavailable),
            400..=499 => Ok(None),
            _ => Err(Unavailable),
        }
    }

    /// The question, with the headers that were signed: the host, and our own name.
    fn request(&self, question: &Presigned) -> Option<Request> {
        let origin = self.endpoint.as_ref().map_or_else(|| format!("https://{}/", question.host), ToString::to_string);
        let mut request = Request::new(Method::GET, question.url(&origin)?);
        let headers = request.headers_mut();
        headers.insert(header::HOST, HeaderValue::from_str(&question.host).ok()?);
        headers.insert(AUDIENCE_HEADER, HeaderValue::from_str(&self.audience).ok()?);
        headers.insert(header::ACCEPT, HeaderValue::from_static("application/json"));
        Some(request)
    }
}
