//! Small answers over the dialer, within limits: no redirect, no more than so many bytes, no longer than so long.

use crate::Unavailable;
use bytes::{Bytes, BytesMut};
use futures::StreamExt;
use providers::{Dialer, dialer::bytes_of};
use reqwest::Request;
use std::time::{Duration, Instant};

/// How long one answer may take, connection included [J4].
const PATIENCE: Duration = Duration::from_secs(3);

/// The status and the whole body of an answer.
///
/// # Errors
/// No whole answer came in time, or it is larger than `most` bytes.
pub async fn fetch(dialer: &Dialer, request: Request, most: usize) -> Result<(u16, Bytes), Unavailable> {
    let by = Instant::now() + PATIENCE;
    let asking = async {
        let answer = dialer.send(request, None, None).await.map_err(|failure| {
            tracing::warn!(?failure, "a service that says who somebody is could not be asked");
            Unavailable
        })?;
        let (status, mut body, mut chunks) = (answer.status().as_u16(), BytesMut::new(), bytes_of(answer.into_body()));
        while let Some(chunk) = chunks.next().await {
            let chunk = chunk.map_err(|_| Unavailable)?;
            if body.len() + chunk.len() > most {
                tracing::warn!(most, "a service that says who somebody is answered too much");
                return Err(Unavailable);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((status, body.freeze()))
    };
    tokio::time::timeout_at(by.into(), asking).await.map_err(|_| Unavailable)?
}
