//! Requests whose bounds could be read in two ways: seen as one, or refused and the connection closed [I8].

use crate::process::{Folder, Process, statuses};
use mock_upstream::MockUpstream;

const SMUGGLED: &str = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 0\r\n\r\n";

#[test]
fn h3_i8_no_request_is_seen_as_two_whatever_its_framing() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let portunus = Process::start(&folder, &upstream);
    let head = portunus.head("/v1/chat/completions");
    let body = "{\"model\":\"up/gpt-4o\",\"messages\":[{\"role\":\"user\",\"content\":\"hi\"}]}";
    let (length, chunk) = (body.len(), format!("{:x}\r\n{body}\r\n0\r\n\r\n", body.len()));
    let cases = [
        // hyper, as RFC 9112 6.3 allows: chunked wins, and the length is dropped.
        ("CL and TE", format!("{head}content-length: {length}\r\ntransfer-encoding: chunked\r\n\r\n{chunk}"), 200),
        ("TE and CL", format!("{head}transfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n{chunk}"), 200),
        ("two equal CL", format!("{head}content-length: {length}\r\ncontent-length: {length}\r\n\r\n{body}"), 200),
        ("two CL", format!("{head}content-length: {length}\r\ncontent-length: 3\r\n\r\n{body}"), 400),
        ("a list in CL", format!("{head}content-length: {length}, 3\r\n\r\n{body}"), 400),
        ("a signed CL", format!("{head}content-length: +{length}\r\n\r\n{body}"), 400),
        ("TE not chunked", format!("{head}transfer-encoding: identity\r\n\r\n{body}"), 400),
        ("TE chunked not last", format!("{head}transfer-encoding: chunked, identity\r\n\r\n{chunk}"), 400),
        ("obs-fold", format!("{head}x-a: 1\r\n 2\r\ncontent-length: {length}\r\n\r\n{body}"), 400),
        ("a space before the colon", format!("{head}content-length : {length}\r\n\r\n{body}"), 400),
        ("NUL in a value", format!("{head}x-a: a\0b\r\ncontent-length: {length}\r\n\r\n{body}"), 400),
        ("bad chunk size", format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{body}\r\n0\r\n\r\n"), 400),
        ("a chunk longer than said", format!("{head}transfer-encoding: chunked\r\n\r\n3\r\n{chunk}"), 400),
    ];
    for (what, request, status) in cases {
        upstream.reset();
        let answers = portunus.raw(request.as_bytes());
        assert_eq!(statuses(&answers), [status], "{what}: {answers}");
        let sent = upstream.requests();
        assert_eq!(sent.len(), usize::from(status == 200), "{what}");
        for request in sent {
            assert_eq!(request.header("content-length"), Some(request.body.len().to_string().as_str()), "{what}");
            assert_eq!(request.header("transfer-encoding"), None, "{what}");
        }
    }
}

#[test]
fn i8_what_follows_a_refused_request_on_its_connection_is_not_answered() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let portunus = Process::start(&folder, &upstream);
    let head = portunus.head("/v1/chat/completions");
    for refused in [
        format!("{head}content-length: 3\r\ncontent-length: 4\r\n\r\n{SMUGGLED}"),
        format!("{head}transfer-encoding: chunked\r\n\r\nzz\r\n{SMUGGLED}"),
        format!("{head}transfer-encoding: xchunked\r\ncontent-length: 3\r\n\r\n{SMUGGLED}"),
        format!("{head}x-a: 1\r\n 2\r\n\r\n{SMUGGLED}"),
    ] {
        let answers = portunus.raw(refused.as_bytes());
        assert_eq!(statuses(&answers), [400], "{refused}\n{answers}");
    }
    // Bare LF ends a line, for hyper as for RFC 9112 2.2: one request is one request all the same.
    let bare = portunus.chat("echo/echo", false).replace("\r\n", "\n");
    assert_eq!(statuses(&portunus.raw(bare.as_bytes())), [200]);
    // Absolute form names the same route, and is no proxy request.
    let absolute = portunus.chat("echo/echo", false).replacen("POST /v1", "POST http://elsewhere.example/v1", 1);
    assert_eq!(statuses(&portunus.raw(absolute.as_bytes())), [200]);
    assert_eq!(statuses(&portunus.raw(b"CONNECT elsewhere.example:443 HTTP/1.1\r\nhost: a\r\n\r\n")).len(), 1);
    // Two requests, one after the other, are two.
    let both = portunus.chat("echo/echo", false).repeat(2);
    assert_eq!(statuses(&portunus.raw(both.as_bytes())), [200, 200]);
    assert!(upstream.requests().is_empty());
}

#[test]
fn i1_too_many_and_too_large_headers_are_431_and_long_urls_414() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let portunus = Process::start(&folder, &upstream);
    let ended = "content-length: 2\r\n\r\n{}";
    let with = |lines: &str| format!("{}{lines}{ended}", portunus.head("/v1/chat/completions"));
    let many: String = (0..105).map(|n| format!("x-{n}: 1\r\n")).collect();
    let very_many: String = (0..2_000).map(|n| format!("x-{n}: 1\r\n")).collect();
    let wide: String = (0..9).map(|n| format!("x-{n}: {}\r\n", "v".repeat(4 << 10))).collect();
    let huge = format!("x-huge: {}\r\n", "v".repeat(256 << 10));
    for (what, lines) in [("many", many), ("very many", very_many), ("wide", wide), ("huge", huge)] {
        assert_eq!(statuses(&portunus.raw(with(&lines).as_bytes())), [431], "{what}");
    }
    for (length, status) in [(9 << 10, 414), (512 << 10, 414)] {
        let url = format!("/v1/chat/completions?q={}", "q".repeat(length));
        let answers = portunus.raw(format!("{}{ended}", portunus.head(&url)).as_bytes());
        let all = statuses(&answers);
        assert!(all == [status] || all == [431], "{length}: {answers}");
    }
}
