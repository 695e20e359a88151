//! The pre-rendered answers are what the generated ones are.

use super::client::*;
use mock_upstream::bench::{Bench, serve};
use serde_json::json;
use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::mpsc::channel;

/// Ends with the test process.
fn started() -> SocketAddr {
    let (tell, told) = channel();
    std::thread::spawn(move || serve(Bench::default(), ([127, 0, 0, 1], 0).into(), |at| tell.send(at).unwrap()));
    told.recv().unwrap()
}

fn post(stream: &mut TcpStream, path: &str, body: &str) -> Reply {
    let request = format!("POST {path} HTTP/1.1\r\nContent-Length: {}\r\n\r\n{body}", body.len());
    stream.write_all(request.as_bytes()).unwrap();
    read_one(stream)
}

#[test]
fn one_connection_gets_whole_answers_and_streams_of_every_dialect() {
    let mut stream = TcpStream::connect(started()).unwrap();
    let whole = post(&mut stream, "/v1/chat/completions", "{}");
    let text = whole.json()["choices"][0]["message"]["content"].as_str().map(str::len);
    assert_eq!((text, whole.json()["usage"]["prompt_tokens"].as_u64()), (Some(64), Some(16)));
    let streamed = post(&mut stream, "/v1/chat/completions", &json!({"stream": true}).to_string());
    assert_eq!(streamed_text(&streamed).len(), 64);
    assert_eq!(streamed.chunks().len(), 20);
    assert!(post(&mut stream, "/v1/messages", "{\"stream\" : true}").text().contains("message_stop"));
    let frames = post(&mut stream, "/model/m/converse-stream", "{}").body();
    assert!(mock_upstream::eventstream::split(&frames).iter().all(|f| mock_upstream::eventstream::decode(f).is_some()));
}
