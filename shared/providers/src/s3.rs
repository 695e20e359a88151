//! S3, asked under the gateway's own role with one signed request.

use crate::{Aws, Dialer, Failure};
use aws_config::SdkConfig;
use aws_credential_types::provider::{ProvideCredentials, SharedCredentialsProvider};
use aws_sigv4::{
    http_request::{
        PayloadChecksumKind, PercentEncodingMode, SignableBody, SignableRequest, SigningSettings,
        UriPathNormalizationMode, sign,
    },
    sign::v4,
};
use base64::{Engine, engine::general_purpose::STANDARD as BASE64};
use config::media::is_bucket;
use domain::{Clock, time::SystemClock};
use http::{HeaderName, HeaderValue, Response};
use reqwest::{Body, Method, Request, Url};
use sha2::{Digest, Sha256};
use std::{
    fmt,
    time::{Duration, UNIX_EPOCH},
};

/// Says where a bucket is to whoever asked elsewhere.
const BUCKET_REGION: &str = "x-amz-bucket-region";
const BUCKET_OWNER: &str = "x-amz-expected-bucket-owner";
/// Buckets under Object Lock take no object without one.
const CHECKSUM: &str = "x-amz-checksum-sha256";

/// S3, as far as this process's role goes.
#[derive(Clone)]
pub struct S3 {
    dialer: Dialer,
    credentials: SharedCredentialsProvider,
    region: String,
    /// Another endpoint than AWS's, from the environment.
    endpoint: Option<String>,
}

/// What is asked of S3.
pub struct Ask<'a> {
    pub method: Method,
    pub bucket: &'a str,
    /// Empty for the bucket itself.
    pub key: &'a str,
    /// With its question mark; empty for none.
    pub query: &'a str,
    /// The account that must own the bucket.
    pub owner: Option<&'a str>,
    pub body: Option<&'a [u8]>,
}

impl<'a> Ask<'a> {
    /// Asks for an object.
    pub fn get(bucket: &'a str, key: &'a str) -> Self {
        Self { method: Method::GET, bucket, key, query: "", owner: None, body: None }
    }
}

/// S3 was not asked, or did not answer.
#[derive(Debug)]
pub enum Unasked {
    BadAddress,
    Failed(Failure),
    NoCredentials,
}

impl fmt::Display for Unasked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress => f.write_str("no address"),
            Self::Failed(failure) => write!(f, "{:?}", failure.fault),
            Self::NoCredentials => f.write_str("no credentials"),
        }
    }
}

/// Bucket and key of `s3://bucket/key`.
pub fn object(uri: &str) -> Option<(&str, &str)> {
    let (bucket, key) = uri.strip_prefix("s3://")?.split_once('/')?;
    // A dot segment would be folded on the way, after it was signed [E6].
    let folds = key.split('/').any(|part| part == "." || part == "..");
    let sound = !key.is_empty() && key.len() <= 1024 && !folds && !key.chars().any(char::is_control);
    (is_bucket(bucket) && sound).then_some((bucket, key))
}

impl S3 {
    /// `None` without a region or credentials to look for.
    pub async fn new(dialer: &Dialer, aws: &Aws) -> Option<S3> {
        let sdk: &SdkConfig = aws.sdk().await;
        let endpoint = sdk.endpoint_url().map(|url| url.trim_end_matches('/').to_owned());
        let dialer = match endpoint {
            Some(_) => aws.dialer().clone(),
            None => dialer.for_aws_endpoints().ok()?,
        };
        let region = sdk.region()?.as_ref().to_owned();
        Some(S3 { dialer, credentials: sdk.credentials_provider()?, region, endpoint })
    }

    /// Asks; where the bucket turns out to be in another region, there.
    ///
    /// # Errors
    /// [`Unasked`].
    pub async fn ask(&self, asked: &Ask<'_>) -> Result<Response<Body>, Unasked> {
        let answer = self.ask_in(&self.region, asked).await?;
        let elsewhere = answer.headers().get(BUCKET_REGION).and_then(|region| region.to_str().ok());
        let elsewhere = elsewhere.filter(|region| *region != self.region && is_region(region)).map(str::to_owned);
        match elsewhere {
            Some(region) if matches!(answer.status().as_u16(), 301 | 307 | 400) => self.ask_in(&region, asked).await,
            _ => Ok(answer),
        }
    }

    async fn ask_in(&self, region: &str, asked: &Ask<'_>) -> Result<Response<Body>, Unasked> {
        let url = format!("{}{}", self.url(region, asked.bucket, asked.key), asked.query);
        let mut request = Request::new(asked.method.clone(), Url::parse(&url).map_err(|_| Unasked::BadAddress)?);
        let body = asked.body.unwrap_or_default();
        if asked.body.is_some() {
            let sum = BASE64.encode(Sha256::digest(body));
            request.headers_mut().insert(CHECKSUM, HeaderValue::from_str(&sum).map_err(|_| Unasked::BadAddress)?);
        }
        if let Some(owner) = asked.owner {
            let owner = HeaderValue::from_str(owner).map_err(|_| Unasked::BadAddress)?;
            request.headers_mut().insert(BUCKET_OWNER, owner);
        }
        self.sign(&mut request, region, body).await.ok_or(Unasked::NoCredentials)?;
        *request.body_mut() = asked.body.map(|body| Body::from(body.to_vec()));
        self.dialer.send(request, None, None).await.map_err(Unasked::Failed)
    }

    /// The object's address; a bucket with dots has no host name that its certificate covers.
    fn url(&self, region: &str, bucket: &str, key: &str) -> String {
        let key = encoded(key);
        match &self.endpoint {
            Some(endpoint) => format!("{endpoint}/{bucket}/{key}"),
            None if bucket.contains('.') => format!("https://s3.{region}.amazonaws.com/{bucket}/{key}"),
            None => format!("https://{bucket}.s3.{region}.amazonaws.com/{key}"),
        }
    }

    /// Adds the signature; `None` without credentials.
    async fn sign(&self, request: &mut Request, region: &str, body: &[u8]) -> Option<()> {
        let credentials = self.credentials.provide_credentials().await.ok()?;
        let identity = credentials.into();
        let mut settings = SigningSettings::default();
        settings.percent_encoding_mode = PercentEncodingMode::Single;
        settings.uri_path_normalization_mode = UriPathNormalizationMode::Disabled;
        settings.payload_checksum_kind = PayloadChecksumKind::XAmzSha256;
        let now = UNIX_EPOCH + Duration::from_secs(SystemClock.now().secs());
        let params = v4::SigningParams::builder().identity(&identity).region(region).name("s3");
        let params = params.time(now).settings(settings).build().ok()?.into();
        let headers: Vec<(&str, &str)> =
            request.headers().iter().filter_map(|(name, value)| Some((name.as_str(), value.to_str().ok()?))).collect();
        let signable = SignableRequest::new(
            request.method().as_str(),
            request.url().as_str(),
            headers.into_iter(),
            SignableBody::Bytes(body),
        )
        .ok()?;
        let (signed, _) = sign(signable, &params).ok()?.into_parts();
        for (name, value) in signed.headers() {
            let name = HeaderName::from_bytes(name.as_bytes()).ok()?;
            request.headers_mut().insert(name, HeaderValue::from_str(value).ok()?);
        }
        Some(())
    }
}

/// A key as a path: its slashes stay.
fn encoded(key: &str) -> String {
    let segments: Vec<String> = key.split('/').map(crate::endpoint::encoded).collect();
    segments.join("/")
}

fn is_region(name: &str) -> bool {
    (1..=32).contains(&name.len()) && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn e6_only_sound_addresses_are_objects() {
        assert_eq!(object("s3://scans/in/a b.png"), Some(("scans", "in/a b.png")));
        for uri in ["s3://scans", "s3://scans/", "s3://SCANS/a", "s3://scans/../x", "s3://a@b/x", "https://scans/a"] {
            assert_eq!(object(uri), None, "{uri}");
        }
        assert_eq!(encoded("in/a b+é.png"), "in/a%20b%2B%C3%A9.png");
    }
}
