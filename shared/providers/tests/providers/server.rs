//! A server on loopback that keeps every request as it arrived and answers with exactly the bytes it is given.

use std::{
    net::SocketAddr,
    sync::{
        Arc, Mutex,
        atomic::{AtomicUsize, Ordering},
    },
};
use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpListener, TcpStream},
};

/// What happens to the connection after the bytes.
#[derive(Clone, Copy, PartialEq)]
pub enum Then {
    Close,
    KeepAlive,
    Reset,
    Stall,
}

/// One request as it arrived.
#[derive(Clone, Debug)]
pub struct Received {
    pub method: String,
    pub target: String,
    /// Names in lower case.
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
}

impl Received {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(known, _)| known == name).map(|(_, value)| value.as_str())
    }
}

type Script = dyn Fn(&Received) -> (Vec<u8>, Then) + Send + Sync;

#[derive(Clone)]
pub struct Server {
    pub address: SocketAddr,
    requests: Arc<Mutex<Vec<Received>>>,
    connections: Arc<AtomicUsize>,
}

impl Server {
    /// Answers every request with what `script` says.
    #[allow(clippy::disallowed_methods, reason = "a server of a test runs beside the test")]
    pub async fn scripted(script: impl Fn(&Received) -> (Vec<u8>, Then) + Send + Sync + 'static) -> Server {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let server = Server { address, requests: Arc::default(), connections: Arc::default() };
        let (serving, script): (_, Arc<Script>) = (server.clone(), Arc::new(script));
        tokio::spawn(async move {
            while let Ok((stream, _)) = listener.accept().await {
                serving.connections.fetch_add(1, Ordering::SeqCst);
                let (serving, script) = (serving.clone(), script.clone());
                tokio::spawn(async move { serving.serve(stream, &*script).await });
            }
        });
        server
    }

    /// Answers every request with these bytes.
    pub async fn answering(bytes: impl Into<Vec<u8>>, then: Then) -> Server {
        let bytes = bytes.into();
        Self::scripted(move |_| (bytes.clone(), then)).await
    }

    pub fn requests(&self) -> Vec<Received> {
        self.requests.lock().unwrap().clone()
    }

    pub fn connections(&self) -> usize {
        self.connections.load(Ordering::SeqCst)
    }

    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    async fn serve(&self, mut stream: TcpStream, script: &Script) {
        let mut buffer = Vec::new();
        while let Some(request) = receive(&mut stream, &mut buffer).await {
            let (bytes, then) = script(&request);
            self.requests.lock().unwrap().push(request);
            let _ = stream.write_all(&bytes).await;
            match then {
                Then::KeepAlive => {}
                Then::Close => return,
                Then::Reset => return stream.set_zero_linger().unwrap(),
                Then::Stall => std::future::pending().await,
            }
        }
    }
}

async fn receive(stream: &mut TcpStream, buffer: &mut Vec<u8>) -> Option<Received> {
    let end = loop {
        match buffer.windows(4).position(|window| window == b"\r\n\r\n") {
            Some(end) => break end,
            None if stream.read_buf(buffer).await.ok()? == 0 => return None,
            None => {}
        }
    };
    let head = String::from_utf8(buffer.drain(..end + 4).collect()).unwrap();
    let mut lines = head.trim_end().split("\r\n");
    let mut first = lines.next()?.split(' ');
    let headers: Vec<_> = lines.filter_map(|line| line.split_once(':')).collect();
    let headers: Vec<_> = headers.into_iter().map(|(k, v)| (k.to_ascii_lowercase(), v.trim().to_owned())).collect();
    let (method, target) = (first.next()?.to_owned(), first.next()?.to_owned());
    let mut request = Received { method, target, headers, body: Vec::new() };
    let length: usize = request.header("content-length").map_or(0, |length| length.parse().unwrap());
    while buffer.len() < length {
        if stream.read_buf(buffer).await.ok()? == 0 {
            return None;
        }
    }
    request.body = buffer.drain(..length).collect();
    Some(request)
}

/// An answer with its length.
pub fn whole(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!("HTTP/1.1 {status}\r\n{headers}content-length: {}\r\n\r\n", body.len());
    [head.as_bytes(), body].concat()
}

/// An answer in chunks, complete.
pub fn chunked(headers: &str, chunks: &[&[u8]]) -> Vec<u8> {
    [cut_after(headers, chunks), b"0\r\n\r\n".to_vec()].concat()
}

/// An answer in chunks, without its end.
pub fn cut_after(headers: &str, chunks: &[&[u8]]) -> Vec<u8> {
    let mut answer = format!("HTTP/1.1 200 OK\r\n{headers}transfer-encoding: chunked\r\n\r\n").into_bytes();
    for chunk in chunks {
        answer.extend(format!("{:x}\r\n", chunk.len()).bytes().chain(chunk.iter().copied()).chain(*b"\r\n"));
    }
    answer
}
