//! A server on loopback that keeps the heads of its requests and answers what it is told.

use std::{
    net::SocketAddr,
    sync::{Arc, Mutex},
    time::Duration,
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What it answers.
#[derive(Clone)]
pub struct Answer {
    pub status: u16,
    pub body: String,
    /// Waits so long first.
    pub after: Duration,
}

impl Answer {
    pub fn ok(body: impl Into<String>) -> Self {
        Self { status: 200, body: body.into(), after: Duration::ZERO }
    }

    pub fn status(status: u16) -> Self {
        Self { status, body: "{}".to_owned(), after: Duration::ZERO }
    }
}

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    heads: Arc<Mutex<Vec<String>>>,
    answer: Arc<Mutex<Answer>>,
}

impl Server {
    #[allow(clippy::disallowed_methods, reason = "a server of a test runs beside the test")]
    pub async fn start(answer: Answer) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Self { address, heads: Arc::default(), answer: Arc::new(Mutex::new(answer)) };
        let serving = server.clone();
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                let serving = serving.clone();
                tokio::spawn(async move { serving.serve(stream).await });
            }
        });
        server
    }

    /// From now on it answers this.
    pub fn answers(&self, answer: Answer) {
        *self.answer.lock().unwrap() = answer;
    }

    /// What it was asked, heads in full.
    pub fn heads(&self) -> Vec<String> {
        self.heads.lock().unwrap().clone()
    }

    async fn serve(self, mut stream: TcpStream) {
        let mut head = Vec::new();
        while !head.ends_with(b"\r\n\r\n") {
            match stream.read_u8().await {
                Ok(byte) => head.push(byte),
                Err(_) => return,
            }
        }
        self.heads.lock().unwrap().push(String::from_utf8(head).unwrap());
        let answer = self.answer.lock().unwrap().clone();
        tokio::time::sleep(answer.after).await;
        let location = if answer.status == 302 { "location: http://127.0.0.1:1/\r\n" } else { "" };
        let head = format!(
            "HTTP/1.1 {} X\r\n{location}connection: close\r\ncontent-length: {}\r\n\r\n",
            answer.status,
            answer.body.len()
        );
        let _ = stream.write_all(format!("{head}{}", answer.body).as_bytes()).await;
    }
}
