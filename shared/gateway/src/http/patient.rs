//! Calls that outlive the patience of the edge: after `commit_after` a stream is answered 200 with keep-alives while its
//! provider is still silent; from then on failures are events in it [U6].

use super::{body::Kept, reply};
use crate::call::{Abandon, About, Answer, AnswerBody, Streamed};
use bytes::Bytes;
use dialects::codec::Encoder;
use domain::Error;
use futures::StreamExt;
use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

/// The answer, or a stream that waits for it and says every `keep_alive` that it is alive [L3].
pub async fn answer(
    mut work: Kept,
    progress: Arc<OnceLock<Arc<About>>>,
    commit_after: Duration,
    keep_alive: Duration,
) -> Result<Answer, Error> {
    tokio::select! {
        biased;
        answer = &mut work => return answer,
        () = out_of_patience(&progress, commit_after) => {}
    }
    match progress.get().filter(|about| about.begins_early()) {
        Some(about) => Ok(reply::early(about, waiting(work, about.voice(), keep_alive))),
        None => work.await,
    }
}

/// Ends when a call has been waited for long enough, if there is anything to be said then. Asked when the call waits for
/// something, mostly its provider: by then it is known what it is.
async fn out_of_patience(progress: &OnceLock<Arc<About>>, commit_after: Duration) {
    match progress.get() {
        Some(about) if !about.begins_early() => std::future::pending().await,
        _ => tokio::time::sleep(commit_after).await,
    }
}

/// A committed stream whose answer is still to come.
struct Waiting {
    part: Part,
    /// Writes keep-alives and errors in the caller's dialect.
    voice: Box<dyn Encoder>,
    keep_alive: Duration,
    abandon: Arc<Abandon>,
}

enum Part {
    Answer(Kept),
    Rest(Streamed),
    Nothing,
}

/// Keep-alives until the answer is there, then the answer, or its error in the dialect's own form.
fn waiting(work: Kept, voice: Box<dyn Encoder>, keep_alive: Duration) -> Streamed {
    let abandon = Arc::new(Abandon::default());
    let waiting = Waiting { part: Part::Answer(work), voice, keep_alive, abandon: abandon.clone() };
    let stream = futures::stream::unfold(waiting, |mut waiting| async move { Some((waiting.next().await?, waiting)) });
    Streamed { stream: stream.boxed(), abandon }
}

impl Waiting {
    async fn next(&mut self) -> Option<Bytes> {
        loop {
            match &mut self.part {
                Part::Answer(work) => tokio::select! {
                    biased;
                    answer = work => if let Some(bytes) = self.begin(answer) { return Some(bytes) },
                    () = tokio::time::sleep(self.keep_alive) => {
                        if let Some(bytes) = self.voice.keep_alive() {
                            return Some(Bytes::from_static(bytes));
                        }
                    }
                },
                Part::Rest(streamed) => return rest(streamed, &self.abandon).await,
                Part::Nothing => return None,
            }
        }
    }

    /// The answer is there: what is said at once of it.
    fn begin(&mut self, answer: Result<Answer, Error>) -> Option<Bytes> {
        self.part = Part::Nothing;
        match answer.map(|answer| answer.body) {
            Ok(AnswerBody::Stream(streamed)) => {
                self.part = Part::Rest(streamed);
                None
            }
            Ok(AnswerBody::Whole(bytes)) => Some(bytes),
            Err(error) => {
                let mut out = Vec::new();
                self.voice.fail(&error, &mut out);
                Some(out.into())
            }
        }
    }
}

/// The next bytes of the answer; it is given up when what stands in for it is [M11].
async fn rest(streamed: &mut Streamed, abandon: &Abandon) -> Option<Bytes> {
    tokio::select! {
        biased;
        bytes = streamed.stream.next() => return bytes,
        () = abandon.given_up() => streamed.abandon.after(Duration::ZERO),
    }
    streamed.stream.next().await
}
