//! Calls that outlive the patience of the edge: after `commit_after` a stream is answered 200 with keep-alives while its
//! provider is still silent; from then on failures are events in it [U6].

use super::{body::Kept, reply};
use crate::call::{Abandon, About, Answer, AnswerBody, Streamed};
use bytes::Bytes;
use dialects::{codec, codec::Encoder};
use domain::{CallId, Error};
use futures::{StreamExt, stream::BoxStream};
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// How often a stream whose provider is silent says that it is alive [L3].
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// The answer, or a stream that waits for it.
pub async fn answer(
    mut work: Kept,
    progress: Arc<OnceLock<About>>,
    commit_after: Duration,
    _id: &CallId,
) -> Result<Answer, Error> {
    tokio::select! {
        biased;
        answer = &mut work => return answer,
        () = tokio::time::sleep(commit_after) => {}
    }
    match progress.get().filter(|about| about.stream) {
        Some(about) => Ok(reply::early(about, waiting(work, codec(about.wire).encoder(&about.reply())))),
        None => work.await,
    }
}

enum Waiting {
    For(Kept, Box<dyn Encoder>),
    Over(BoxStream<'static, Bytes>),
}

/// Keep-alives until the answer is there, then the answer, or its error in the dialect's own form.
fn waiting(work: Kept, voice: Box<dyn Encoder>) -> Streamed {
    let abandon = Arc::new(Abandon::default());
    let stream = futures::stream::unfold(Waiting::For(work, voice), next);
    Streamed { stream: stream.boxed(), abandon }
}

async fn next(waiting: Waiting) -> Option<(Bytes, Waiting)> {
    match waiting {
        Waiting::For(mut work, mut voice) => loop {
            tokio::select! {
                biased;
                answer = &mut work => return next_of(answer, voice).await,
                () = tokio::time::sleep(KEEP_ALIVE) => {
                    if let Some(bytes) = voice.keep_alive() {
                        return Some((Bytes::from_static(bytes), Waiting::For(work, voice)));
                    }
                    // A dialect without keep-alives waits in silence.
                    let _ = &mut voice;
                }
            }
        },
        Waiting::Over(mut stream) => stream.next().await.map(|bytes| (bytes, Waiting::Over(stream))),
    }
}

async fn next_of(answer: Result<Answer, Error>, mut voice: Box<dyn Encoder>) -> Option<(Bytes, Waiting)> {
    match answer {
        Ok(Answer { body: AnswerBody::Stream(mut streamed), .. }) => {
            let bytes = streamed.stream.next().await?;
            Some((bytes, Waiting::Over(streamed.stream)))
        }
        Ok(Answer { body: AnswerBody::Whole(bytes), .. }) => {
            Some((bytes, Waiting::Over(futures::stream::empty().boxed())))
        }
        Err(error) => {
            let mut out = Vec::new();
            voice.fail(&error, &mut out);
            Some((out.into(), Waiting::Over(futures::stream::empty().boxed())))
        }
    }
}
