//! A bucket of S3 as a place for objects.

use crate::{
    Aws, Dialer,
    dialer::bytes_of,
    s3::{Ask, S3, object},
};
use async_trait::async_trait;
use domain::outward::{ObjectError, Objects};
use futures::TryStreamExt;
use http::Response;
use reqwest::{Body, Method};
use std::time::Duration;

/// How long one object may take.
const PATIENCE: Duration = Duration::from_secs(20);

/// A bucket, or what lies below a prefix in it.
pub struct Bucket {
    s3: S3,
    bucket: String,
    /// Empty, or ending in a slash.
    prefix: String,
}

impl Bucket {
    /// The place that `s3://bucket` or `s3://bucket/prefix` names, under the process's own role. `None` without a
    /// region or credentials to look for, or where that is no place.
    pub async fn open(uri: &str, dialer: &Dialer, aws: &Aws) -> Option<Bucket> {
        let place = uri.trim_end_matches('/');
        let inside = format!("{place}/x");
        let (bucket, key) = object(&inside)?;
        let prefix = key.strip_suffix('x')?.to_owned();
        Some(Bucket { s3: S3::new(dialer, aws).await?, bucket: bucket.to_owned(), prefix })
    }

    async fn ask(&self, name: &str, asked: Ask<'_>) -> Result<Response<Body>, ObjectError> {
        let answer = tokio::time::timeout(PATIENCE, self.s3.ask(&asked)).await;
        match answer {
            Ok(Ok(answer)) => Ok(answer),
            Ok(Err(unasked)) => Err(failed(name, unasked.to_string())),
            Err(_) => Err(failed(name, "no answer in time".to_owned())),
        }
    }

    async fn read(&self, name: &str, answer: Response<Body>) -> Result<Vec<u8>, ObjectError> {
        let chunks = bytes_of(answer.into_body()).try_fold(Vec::new(), |mut all, chunk| async move {
            all.extend_from_slice(&chunk);
            Ok(all)
        });
        let read = tokio::time::timeout(PATIENCE, chunks).await;
        read.map_err(|_| failed(name, "no end in time".to_owned()))?
            .map_err(|broken| failed(name, format!("{broken:?}")))
    }

    /// One page of names, and where the next begins.
    async fn page(&self, prefix: &str, token: Option<&str>) -> Result<(Vec<String>, Option<String>), ObjectError> {
        let encoded = crate::endpoint::encoded;
        let mut query = format!("?list-type=2&prefix={}", encoded(&format!("{}{prefix}", self.prefix)));
        if let Some(token) = token {
            // Parameters are signed in order of name.
            query = format!("?continuation-token={}&{}", encoded(token), query.trim_start_matches('?'));
        }
        let answer = self.ask(prefix, Ask { query: &query, ..Ask::get(&self.bucket, "") }).await?;
        let status = answer.status().as_u16();
        let text = String::from_utf8(self.read(prefix, answer).await?).unwrap_or_default();
        if status != 200 {
            return Err(failed(prefix, format!("S3 answered {status}")));
        }
        let names = elements(&text, "Key").filter_map(|key| Some(key.strip_prefix(&self.prefix)?.to_owned())).collect();
        Ok((names, elements(&text, "NextContinuationToken").next()))
    }
}

#[async_trait]
impl Objects for Bucket {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ObjectError> {
        let key = format!("{}{name}", self.prefix);
        let asked = Ask { method: Method::PUT, body: Some(&bytes), ..Ask::get(&self.bucket, &key) };
        let answer = self.ask(name, asked).await?;
        match answer.status().as_u16() {
            200 => Ok(()),
            status => Err(failed(name, format!("S3 answered {status}"))),
        }
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ObjectError> {
        let key = format!("{}{name}", self.prefix);
        let answer = self.ask(name, Ask::get(&self.bucket, &key)).await?;
        match answer.status().as_u16() {
            200 => self.read(name, answer).await.map(Some),
            404 => Ok(None),
            status => Err(failed(name, format!("S3 answered {status}"))),
        }
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        let (mut names, mut token) = (Vec::new(), None);
        loop {
            let (more, next) = self.page(prefix, token.as_deref()).await?;
            names.extend(more);
            token = next;
            if token.is_none() {
                names.sort();
                return Ok(names);
            }
        }
    }
}

fn failed(name: &str, reason: String) -> ObjectError {
    ObjectError { name: name.to_owned(), reason }
}

/// What stands in the elements of a name, in order.
fn elements<'t>(text: &'t str, name: &'t str) -> impl Iterator<Item = String> + 't {
    let (open, close) = (format!("<{name}>"), format!("</{name}>"));
    let parts: Vec<&str> = text.split(open.as_str()).skip(1).collect();
    parts.into_iter().filter_map(move |part| Some(plain(part.split_once(close.as_str())?.0)))
}

fn plain(text: &str) -> String {
    let entities = [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&apos;", "'"), ("&#39;", "'"), ("&amp;", "&")];
    entities.iter().fold(text.to_owned(), |text, (entity, letter)| text.replace(entity, letter))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listing_is_read_element_by_element() {
        let text = "<ListBucketResult><Contents><Key>a/1</Key></Contents><Contents><Key>a&amp;b</Key></Contents>\
                    <NextContinuationToken>t=</NextContinuationToken></ListBucketResult>";
        assert_eq!(elements(text, "Key").collect::<Vec<_>>(), ["a/1", "a&b"]);
        assert_eq!(elements(text, "NextContinuationToken").next().as_deref(), Some("t="));
        assert_eq!(elements(text, "Prefix").next(), None);
    }
}
