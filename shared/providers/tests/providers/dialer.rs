//! Addresses, redirects, proxies, limits: for the client that the SDKs ride and for the lines to providers alike.

use crate::server::{Server, Then, chunked, cut_after, whole};
use bytes::Bytes;
use config::{HostPort, egress::Egress};
use futures::{TryStreamExt, stream::BoxStream};
use http_body_util::Full;
use providers::{
    Broken, Dialer, Failure, Fault,
    dialer::{
        bytes_of,
        line::Line,
        resolver::{Addrs, Name, Resolve, Resolving},
    },
};
use reqwest::{Method, Request, Url};
use std::{
    net::{Ipv4Addr, SocketAddr},
    sync::Arc,
    time::{Duration, Instant},
};

/// Every name is this machine.
struct Loopback;

impl Resolve for Loopback {
    fn resolve(&self, _: Name) -> Resolving {
        let here = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        Box::pin(async move { Ok(Box::new(std::iter::once(here)) as Addrs) })
    }
}

pub fn allowing(allowed: &[(&str, u16)]) -> Dialer {
    let allow = allowed.iter().map(|(host, port)| HostPort { host: (*host).to_owned(), port: *port }).collect();
    Dialer::with_resolver(&Egress { allow }, Arc::new(Loopback)).unwrap()
}

fn reaching(server: &Server) -> Dialer {
    allowing(&[("127.0.0.1", server.address.port())])
}

/// How a request leaves.
#[derive(Clone, Copy, Debug)]
enum Way {
    Client,
    Line,
}

const WAYS: [Way; 2] = [Way::Client, Way::Line];

struct Body(BoxStream<'static, Result<Bytes, Broken>>);

impl std::fmt::Debug for Body {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Body")
    }
}

async fn dial(way: Way, dialer: &Dialer, url: &str) -> Result<http::Response<Body>, Failure> {
    dial_by(way, dialer, url, Instant::now() + Duration::from_secs(10)).await
}

async fn dial_by(way: Way, dialer: &Dialer, url: &str, by: Instant) -> Result<http::Response<Body>, Failure> {
    let url = Url::parse(url).unwrap();
    match way {
        Way::Client => {
            Ok(dialer.send(Request::new(Method::GET, url), None, Some(by)).await?.map(|body| Body(bytes_of(body))))
        }
        Way::Line => Ok(dialer.line(&url)?.send(asking(&url), Duration::from_secs(3), by).await?.map(Body)),
    }
}

/// What a line is given: a path, and every header but `host`.
fn asking(url: &Url) -> http::Request<Full<Bytes>> {
    let target = url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()));
    http::Request::get(target).header("accept-encoding", "identity").body(Full::default()).unwrap()
}

async fn read(answer: http::Response<Body>) -> Result<Vec<u8>, Broken> {
    let Body(body) = answer.into_body();
    body.try_fold(Vec::new(), |all, chunk| async move { Ok([all, chunk.to_vec()].concat()) }).await
}

#[tokio::test]
async fn e4_a_literal_address_is_refused_in_any_spelling_before_anything_is_sent() {
    for way in WAYS {
        let server = Server::answering(whole("200 OK", "", b""), Then::Close).await;
        let port = server.address.port();
        let dialer = allowing(&[]);
        let hosts = ["127.0.0.1", "127.0.0.1.", "127.1", "2130706433", "0177.0.0.1", "0x7f.0.0.1", "0x7f000001", "0"];
        let v6 = ["[::1]", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]", "[64:ff9b::7f00:1]", "[2002:7f00:1::]", "[::]"];
        let others =
            ["169.254.169.254", "169.254.170.2", "169.254.170.23", "[fd00:ec2::254]", "10.0.0.1", "１２７.0.0.1"];
        for host in hosts.iter().chain(&v6).chain(&others) {
            for scheme in ["https", "http"] {
                let failure = dial(way, &dialer, &format!("{scheme}://{host}:{port}/")).await.unwrap_err();
                assert_eq!(failure, Failure::before(Fault::Refused), "{scheme}://{host}");
            }
        }
        assert_eq!(server.connections(), 0);
    }
}

#[tokio::test]
async fn e4_a_name_is_judged_by_the_addresses_it_has_when_it_is_dialled() {
    for way in WAYS {
        let server = Server::answering(whole("200 OK", "", b""), Then::Close).await;
        for host in ["api.openai.test", "localhost", "localhost.", "metadata.google.internal"] {
            let failure =
                dial(way, &allowing(&[]), &format!("https://{host}:{}/", server.address.port())).await.unwrap_err();
            assert_eq!(failure, Failure::before(Fault::Refused), "{host}");
        }
        assert_eq!(server.connections(), 0);
    }
}

#[tokio::test]
async fn e2_exactly_the_host_and_port_that_is_allowed_may_be_plain_and_private() {
    for way in WAYS {
        let server = Server::answering(whole("200 OK", "", b"hello"), Then::KeepAlive).await;
        let port = server.address.port();
        let dialer = allowing(&[("ollama.test", port)]);
        let answer = dial(way, &dialer, &format!("http://ollama.test:{port}/x?y=1")).await.unwrap();
        assert_eq!(read(answer).await.unwrap(), b"hello");
        assert_eq!(server.requests()[0].target, "/x?y=1");
        let near = [format!("http://ollama.test:{}/", port ^ 1), format!("http://127.0.0.1:{port}/")];
        for url in near.iter().chain(&[format!("http://other.test:{port}/"), format!("http://ollama.test.:{port}/")]) {
            assert_eq!(dial(way, &dialer, url).await.unwrap_err().fault, Fault::Refused, "{url}");
        }
    }
}

#[tokio::test]
async fn e2_the_credential_chain_reaches_the_metadata_services_and_providers_do_not() {
    for way in WAYS {
        let strict = allowing(&[]);
        let named = HostPort { host: "127.0.0.1".to_owned(), port: 1 };
        let credentials = strict.for_credentials([named]).unwrap();
        // Port 1 of this machine: let through, and nobody is there.
        assert_eq!(dial(way, &credentials, "http://127.0.0.1:1/").await.unwrap_err().fault, Fault::Connect);
        for url in ["http://127.0.0.1:2/", "https://127.0.0.1/", "http://169.254.169.254:81/", "http://10.0.0.1/"] {
            assert_eq!(dial(way, &credentials, url).await.unwrap_err().fault, Fault::Refused, "{url}");
        }
        assert_eq!(dial(way, &strict, "http://169.254.169.254/").await.unwrap_err().fault, Fault::Refused);
    }
}

#[tokio::test]
async fn u9_a_redirect_is_an_answer_and_is_not_followed() {
    for way in WAYS {
        let target = Server::answering(whole("200 OK", "", b"secret"), Then::Close).await;
        let location = format!("location: {}/\r\n", target.url());
        for status in ["301 Moved", "302 Found", "307 Temporary Redirect", "308 Permanent Redirect"] {
            let server = Server::answering(whole(status, &location, b""), Then::Close).await;
            let dialer = allowing(&[("127.0.0.1", server.address.port()), ("127.0.0.1", target.address.port())]);
            assert!(dial(way, &dialer, &server.url()).await.unwrap().status().is_redirection());
        }
        assert_eq!(target.connections(), 0);
    }
}

#[tokio::test]
async fn u5_identity_is_asked_for_and_anything_else_refused() {
    for way in WAYS {
        for (encoding, accepted) in [("gzip", false), ("br", false), ("identity", true)] {
            let headers = format!("content-encoding: {encoding}\r\n");
            let server = Server::answering(whole("200 OK", &headers, b"x"), Then::KeepAlive).await;
            let answer = dial(way, &reaching(&server), &server.url()).await;
            assert_eq!(server.requests()[0].header("accept-encoding"), Some("identity"));
            match accepted {
                true => assert_eq!(read(answer.unwrap()).await.unwrap(), b"x"),
                false => assert_eq!(answer.unwrap_err(), Failure::after(Fault::Invalid)),
            }
        }
    }
}

#[tokio::test]
async fn u5_more_than_64_kib_of_headers_are_refused() {
    for way in WAYS {
        let large = |size| format!("x-large: {}\r\n", "a".repeat(size));
        let many: String = (0..10_000).map(|n| format!("x-{n}: {n}\r\n")).collect();
        for (headers, fits) in [(large(60_000), true), (large(65_600), false), (large(1 << 20), false), (many, false)] {
            let server = Server::answering(whole("200 OK", &headers, b""), Then::Close).await;
            let answer = dial(way, &reaching(&server), &server.url()).await;
            match fits {
                true => assert!(answer.is_ok()),
                false => assert_eq!(answer.unwrap_err(), Failure::after(Fault::HeadersTooLarge), "{}", headers.len()),
            }
        }
    }
}

#[tokio::test]
async fn u1_headers_that_do_not_come_in_time_end_the_attempt() {
    for way in WAYS {
        let server = Server::answering("HTTP/1.1 200 OK\r\n", Then::Stall).await;
        let by = Instant::now() + Duration::from_millis(100);
        let failure = dial_by(way, &reaching(&server), &server.url(), by).await.unwrap_err();
        assert_eq!(failure, Failure::after(Fault::TimedOut));
    }
}

#[tokio::test]
async fn what_never_connected_was_not_dispatched_and_what_broke_later_may_have_been() {
    for way in WAYS {
        assert_eq!(
            dial(way, &allowing(&[("127.0.0.1", 1)]), "http://127.0.0.1:1/").await.unwrap_err(),
            Failure::before(Fault::Connect)
        );
        let plain = Server::answering("nonsense", Then::Close).await;
        let https = format!("https://{}/", plain.address);
        // Its first bytes are no TLS record.
        let _ = dial(way, &reaching(&plain), &plain.url()).await;
        for (bytes, then, fault) in [
            ("", Then::Close, Fault::Reset),
            ("", Then::Reset, Fault::Reset),
            ("HTTP/1.1 200 OK\r\nx:", Then::Close, Fault::Reset),
            ("<html>", Then::Close, Fault::Invalid),
        ] {
            let server = Server::answering(bytes, then).await;
            assert_eq!(
                dial(way, &reaching(&server), &server.url()).await.unwrap_err(),
                Failure::after(fault),
                "{bytes:?}"
            );
            assert_eq!(server.requests().len(), 1);
        }
        assert!(!dial(way, &reaching(&plain), &https).await.unwrap_err().dispatched);
    }
}

#[tokio::test]
async fn u9_a_peer_that_is_not_tls_or_not_trusted_is_not_spoken_to() {
    for way in WAYS {
        use tokio::io::AsyncWriteExt;
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let dialer = allowing(&[("127.0.0.1", port)]);
        let url = format!("https://127.0.0.1:{port}/");
        let serving = async {
            let (mut stream, _) = listener.accept().await.unwrap();
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n").await.unwrap();
            stream
        };
        let (failure, _stream) = tokio::join!(dial(way, &dialer, &url), serving);
        assert_eq!(failure.unwrap_err(), Failure::before(Fault::Tls));
    }
}

#[tokio::test]
async fn s3_a_body_that_ends_before_its_end_says_so() {
    for way in WAYS {
        let short = b"HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nhello".to_vec();
        let bad_size = b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\nhello\r\n".to_vec();
        for (bytes, then, broken) in [
            (short.clone(), Then::Close, Broken::Reset),
            (short, Then::Reset, Broken::Reset),
            (cut_after("", &[b"hello"]), Then::Close, Broken::Reset),
            (bad_size, Then::Close, Broken::Invalid),
        ] {
            let server = Server::answering(bytes, then).await;
            let answer = dial(way, &reaching(&server), &server.url()).await.unwrap();
            assert_eq!(read(answer).await, Err(broken));
        }
    }
}

/// The same server asked again and again, over one client or one line.
struct Asker {
    way: Way,
    dialer: Dialer,
    line: Line,
    url: Url,
}

impl Asker {
    fn new(way: Way, server: &Server) -> Self {
        let (dialer, url) = (reaching(server), Url::parse(&server.url()).unwrap());
        Self { way, line: dialer.line(&url).unwrap(), dialer, url }
    }

    async fn ask(&self) -> http::Response<Body> {
        let by = Instant::now() + Duration::from_secs(10);
        match self.way {
            Way::Client => dial_by(Way::Client, &self.dialer.clone(), self.url.as_str(), by).await.unwrap(),
            Way::Line => self.line.clone().send(asking(&self.url), Duration::from_secs(3), by).await.unwrap().map(Body),
        }
    }
}

#[tokio::test]
async fn u8_a_reader_that_sleeps_stalls_the_upstream_and_one_that_goes_ends_it() {
    for way in WAYS {
        let chunk = vec![b'x'; 1 << 20];
        let chunks: Vec<&[u8]> = (0..16).map(|_| &chunk[..]).collect();
        let server = Server::answering(chunked("", &chunks), Then::KeepAlive).await;
        let asker = Asker::new(way, &server);
        let Body(mut body) = asker.ask().await.into_body();
        assert!(!body.try_next().await.unwrap().unwrap().is_empty());
        drop(body);
        // The unread connection is not used again.
        assert_eq!(read(asker.ask().await).await.unwrap().len(), 16 << 20);
        assert_eq!(server.connections(), 2);
    }
}

#[tokio::test]
async fn u8_a_chunk_of_a_line_is_no_larger_than_its_read_buffer() {
    let server = Server::answering(whole("200 OK", "", &vec![b'x'; 8 << 20]), Then::KeepAlive).await;
    let asker = Asker::new(Way::Line, &server);
    let chunks: Vec<Bytes> = asker.ask().await.into_body().0.try_collect().await.unwrap();
    assert_eq!(chunks.iter().map(Bytes::len).sum::<usize>(), 8 << 20);
    assert!(chunks.iter().all(|chunk| chunk.len() <= 64 << 10));
}

#[tokio::test]
async fn one_connection_serves_one_request_after_another_on_every_clone() {
    for way in WAYS {
        for answer in [whole("200 OK", "", b"ok"), chunked("", &[b"o", b"k"]), whole("200 OK", "", b"")] {
            let server = Server::answering(answer, Then::KeepAlive).await;
            let asker = Asker::new(way, &server);
            for _ in 0..10 {
                read(asker.ask().await).await.unwrap();
            }
            assert_eq!((server.requests().len(), server.connections()), (10, 1), "{way:?}");
        }
    }
}

#[tokio::test]
async fn a_connection_that_its_server_closed_meanwhile_is_not_used_again() {
    for way in WAYS {
        let server = Server::answering(whole("200 OK", "", b"ok"), Then::Close).await;
        let asker = Asker::new(way, &server);
        for n in 1..=10 {
            assert_eq!(read(asker.ask().await).await.unwrap(), b"ok");
            assert_eq!((server.requests().len(), server.connections()), (n, n), "{way:?}");
            // The end of the connection arrives.
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }
}

#[tokio::test]
async fn calls_at_the_same_time_have_a_connection_each_and_leave_it_to_those_that_follow() {
    let server = Server::answering(whole("200 OK", "", b"ok"), Then::KeepAlive).await;
    let asker = Asker::new(Way::Line, &server);
    for _ in 0..3 {
        let answers = futures::future::join_all((0..8).map(|_| asker.ask())).await;
        for answer in answers {
            assert_eq!(read(answer).await.unwrap(), b"ok");
        }
        assert_eq!(server.connections(), 8);
    }
}

#[test]
fn a_connection_does_not_outlive_the_runtime_that_watches_it() {
    let runtime = || tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let (serving, first, second) = (runtime(), runtime(), runtime());
    let server = serving.block_on(Server::answering(whole("200 OK", "", b"ok"), Then::KeepAlive));
    std::thread::spawn(move || serving.block_on(std::future::pending::<()>()));
    let asker = Asker::new(Way::Line, &server);
    for (runtime, connections) in [(first, 1), (second, 2)] {
        for _ in 0..3 {
            assert_eq!(runtime.block_on(async { read(asker.ask().await).await }).unwrap(), b"ok");
            assert_eq!(server.connections(), connections);
        }
    }
}

/// Runs in a process of its own, whose environment names a proxy: see the next test.
#[tokio::test]
async fn dials_directly() {
    for way in WAYS {
        let server = Server::answering(whole("200 OK", "", b"direct"), Then::Close).await;
        let answer = dial(way, &reaching(&server), &server.url()).await.unwrap();
        assert_eq!(read(answer).await.unwrap(), b"direct");
    }
}

#[test]
fn e4_proxy_settings_of_the_environment_are_ignored() {
    let mut again = std::process::Command::new(std::env::current_exe().unwrap());
    for name in ["HTTP_PROXY", "http_proxy", "HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"] {
        again.env(name, "http://127.0.0.1:1/");
    }
    let output = again.args(["--exact", "dialer::dials_directly"]).env_remove("NO_PROXY").output().unwrap();
    assert!(output.status.success() && String::from_utf8_lossy(&output.stdout).contains("1 passed"));
}
