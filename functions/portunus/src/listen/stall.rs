//! A connection whose peer must take what is written to it within a time [U8].

use std::{
    future::Future,
    io,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    net::TcpStream,
    time::{Instant, Sleep},
};

/// Fails a write that makes no progress for `patience`.
pub struct Stall {
    stream: TcpStream,
    patience: Duration,
    /// Set while a write is waiting.
    until: Option<Pin<Box<Sleep>>>,
}

impl Stall {
    pub fn new(stream: TcpStream, patience: Duration) -> Self {
        Self { stream, patience, until: None }
    }

    fn watched<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.until = None;
            return written;
        }
        let (patience, until) = (self.patience, &mut self.until);
        let sleep = until.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        std::task::ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Err(io::Error::new(io::ErrorKind::TimedOut, "the reader took nothing for too long")))
    }
}

impl AsyncRead for Stall {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buf)
    }
}

impl AsyncWrite for Stall {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write(cx, bytes);
        self.watched(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = Pin::new(&mut self.stream).poll_write_vectored(cx, slices);
        self.watched(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::{
        io::{AsyncReadExt, AsyncWriteExt},
        net::TcpListener,
    };

    async fn pair(patience: Duration) -> (Stall, TcpStream) {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (peer, accepted) = tokio::join!(TcpStream::connect(listener.local_addr().unwrap()), listener.accept());
        (Stall::new(accepted.unwrap().0, patience), peer.unwrap())
    }

    #[tokio::test]
    async fn u8_a_reader_that_takes_nothing_is_cut() {
        let (mut stall, peer) = pair(Duration::from_millis(200)).await;
        let began = Instant::now();
        let written = stall.write_all(&vec![0; 64 << 20]).await;
        assert_eq!(written.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() < Duration::from_secs(10));
        drop(peer);
    }

    #[tokio::test]
    async fn u8_a_reader_that_takes_little_at_a_time_is_not_cut() {
        let (mut stall, mut peer) = pair(Duration::from_millis(300)).await;
        let reading = async {
            let mut part = vec![0; 4 << 20];
            let mut read = 0;
            while read < 32 << 20 {
                read += peer.read(&mut part).await.unwrap();
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let bytes = vec![0; 32 << 20];
        let (written, ()) = tokio::join!(stall.write_all(&bytes), reading);
        written.unwrap();
    }
}
