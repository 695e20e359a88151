//! Media that requests only name, fetched for providers that take bytes only [E5].
//!
//! Nothing is fetched unless configuration names where from. Addresses are judged at connect like any other [E4]; no
//! cookie or credential goes along, but S3 is asked under the gateway's own role.

use crate::{
    Aws, Dialer,
    dialer::bytes_of,
    s3::{self, Ask, S3, Unasked},
};
use bytes::{Bytes, BytesMut};
use config::media::{Fetch, Media as Settings};
use dialects::media::Reference;
use futures::StreamExt;
use http::{HeaderMap, Response, StatusCode, header};
use kind::Kind;
use reqwest::{Body, Method, Request, Url};
use std::{
    fmt,
    time::{Duration, Instant},
};

/// What bytes are, told by the bytes.
mod kind;

/// How long one fetch over https may take, redirects included.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long an object in S3 may take: it may be five times as large.
const PATIENCE_WITH_S3: Duration = Duration::from_secs(15);
/// The most redirects that are followed, each judged anew.
const REDIRECTS: usize = 3;

/// Fetches media.
pub struct Media {
    settings: Settings,
    dialer: Dialer,
    s3: Option<S3>,
}

/// What was fetched.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fetched {
    /// `image/png`, told by the bytes.
    pub media_type: String,
    pub bytes: Bytes,
}

/// Why nothing was. The words are for the caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unfetched {
    /// It is no address that could be fetched from.
    BadAddress,
    /// Configuration does not name the place.
    NotAllowed,
    /// The place answered with another status than 200.
    Refused(u16),
    TooLarge(u64),
    TooLate,
    TooManyPixels,
    TooManyRedirects,
    /// No connection, or one that broke.
    Unreachable,
    /// The bytes are of no kind that is passed on.
    UnknownKind,
}

impl fmt::Display for Unfetched {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::BadAddress => f.write_str("it is no https:// or s3:// address"),
            Self::NotAllowed => f.write_str("the gateway's configuration does not allow that place (media.allow)"),
            Self::Refused(status) => write!(f, "the place answered {status}"),
            Self::TooLarge(most) => write!(f, "it is larger than {most} bytes"),
            Self::TooLate => f.write_str("it did not come in time"),
            Self::TooManyPixels => f.write_str("the image has more than 25 million pixels"),
            Self::TooManyRedirects => f.write_str("it was redirected more than 3 times"),
            Self::Unreachable => f.write_str("the place could not be reached"),
            Self::UnknownKind => f.write_str("its bytes are no image, PDF, sound or text that could be passed on"),
        }
    }
}

impl Media {
    /// Makes the fetcher; `None` where nothing is ever fetched. Nothing is sent.
    pub async fn build(settings: &Settings, dialer: &Dialer, aws: &Aws) -> Option<Media> {
        let s3 = match settings.fetch {
            Fetch::Never => return None,
            Fetch::Https => None,
            Fetch::Any | Fetch::S3 => S3::new(dialer, aws).await,
        };
        Some(Media { settings: settings.clone(), dialer: dialer.clone(), s3 })
    }

    /// Whether such references are fetched at all.
    pub fn fetches(&self, reference: Reference<'_>) -> bool {
        match reference {
            Reference::S3 { .. } => self.s3.is_some(),
            Reference::Url(_) => matches!(self.settings.fetch, Fetch::Any | Fetch::Https),
        }
    }

    /// Fetches one object, by `deadline` if there is one.
    ///
    /// # Errors
    /// Why it cannot be had.
    pub async fn fetch(&self, reference: Reference<'_>, deadline: Option<Instant>) -> Result<Fetched, Unfetched> {
        let patience = if matches!(reference, Reference::S3 { .. }) { PATIENCE_WITH_S3 } else { PATIENCE };
        let by = Instant::now() + patience;
        let by = deadline.map_or(by, |deadline| deadline.min(by));
        let fetching = async {
            let (declared, bytes) = match reference {
                Reference::S3 { uri, owner } => self.object(uri, owner).await?,
                Reference::Url(url) => self.page(url).await?,
            };
            let kind = Kind::of(&bytes, &declared).ok_or(Unfetched::UnknownKind)?;
            if kind.has_too_many_pixels(&bytes) {
                return Err(Unfetched::TooManyPixels);
            }
            Ok(Fetched { media_type: kind.media_type, bytes })
        };
        tokio::time::timeout_at(by.into(), fetching).await.map_err(|_| Unfetched::TooLate)?
    }

    async fn object(&self, uri: &str, owner: Option<&str>) -> Result<(String, Bytes), Unfetched> {
        let (bucket, key) = s3::object(uri).ok_or(Unfetched::BadAddress)?;
        if !self.settings.allows_object(bucket, key) {
            return Err(Unfetched::NotAllowed);
        }
        let s3 = self.s3.as_ref().ok_or(Unfetched::NotAllowed)?;
        let answer = s3.ask(&Ask { owner, ..Ask::get(bucket, key) }).await.map_err(|unasked| match unasked {
            Unasked::BadAddress => Unfetched::BadAddress,
            unasked => {
                tracing::info!(%unasked, "media could not be fetched");
                Unfetched::Unreachable
            }
        })?;
        self.read(answer).await
    }

    async fn page(&self, url: &str) -> Result<(String, Bytes), Unfetched> {
        let mut url = Url::parse(url).map_err(|_| Unfetched::BadAddress)?;
        for _ in 0..=REDIRECTS {
            self.judge(&url)?;
            let answer = get(&self.dialer, Request::new(Method::GET, url.clone())).await?;
            if !answer.status().is_redirection() {
                return self.read(answer).await;
            }
            let to = answer.headers().get(header::LOCATION).and_then(|to| to.to_str().ok());
            url = to.and_then(|to| url.join(to).ok()).ok_or(Unfetched::Refused(answer.status().as_u16()))?;
        }
        Err(Unfetched::TooManyRedirects)
    }

    /// https on its own port, to a host that configuration names, without a user; or exactly what `egress.allow` names.
    fn judge(&self, url: &Url) -> Result<(), Unfetched> {
        let usual = url.scheme() == "https" && url.port_or_known_default() == Some(443);
        if !(usual || self.dialer.names(url)) || !url.username().is_empty() || url.password().is_some() {
            return Err(Unfetched::BadAddress);
        }
        match url.host_str() {
            Some(host) if self.settings.allows_host(host) => Ok(()),
            _ => Err(Unfetched::NotAllowed),
        }
    }

    /// The declared type and the bytes of a 200, as far as they may go.
    async fn read(&self, answer: Response<Body>) -> Result<(String, Bytes), Unfetched> {
        if answer.status() != StatusCode::OK {
            return Err(Unfetched::Refused(answer.status().as_u16()));
        }
        let most = self.settings.max_bytes;
        if length(answer.headers()).is_some_and(|length| length > most) {
            return Err(Unfetched::TooLarge(most));
        }
        let declared = answer.headers().get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok());
        let declared = declared.unwrap_or_default().to_owned();
        let (mut chunks, mut body) = (bytes_of(answer.into_body()), BytesMut::new());
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Unfetched::Unreachable)?;
            if (body.len() + chunk.len()) as u64 > most {
                return Err(Unfetched::TooLarge(most));
            }
            body.extend_from_slice(&chunk);
        }
        Ok((declared, body.freeze()))
    }
}

async fn get(dialer: &Dialer, request: Request) -> Result<Response<Body>, Unfetched> {
    dialer.send(request, None, None).await.map_err(|failure| {
        tracing::info!(?failure, "media could not be fetched");
        Unfetched::Unreachable
    })
}

fn length(headers: &HeaderMap) -> Option<u64> {
    headers.get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}
