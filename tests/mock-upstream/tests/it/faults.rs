//! Every family of faults, observed from outside.

use super::client::*;
use mock_upstream::plan::{
    Accept, AcceptAction, Answer, At, Chunking, CutHow, Delay, Encoding, Framing, Oddity, ReplyEdits, SlowRead,
    UsageShape,
};
use mock_upstream::{ClosedPort, MockUpstream, Plan};
use serde_json::json;
use std::time::{Duration, Instant};

fn with(plan: Plan) -> MockUpstream {
    let server = started();
    server.script(vec![plan]);
    server
}

#[test]
fn f1_delays_are_kept() {
    let delay = Delay { headers_ms: 40, first_byte_ms: 40, event_ms: 10 };
    let server = with(Plan { delay, ..Plan::default() });
    let began = Instant::now();
    assert_eq!(streamed_text(&openai(&server, &chat("hello", true))), "hello");
    assert!(began.elapsed() >= Duration::from_millis(80 + 60));
}

#[test]
fn f2_a_trickle_sends_a_byte_at_a_time() {
    let chunking = Chunking { every: Some(1), ..Chunking::default() };
    let reply = openai(&with(Plan { chunking, ..Plan::default() }), &chat("hello", true));
    assert!(reply.chunks().iter().all(|c| c.len() == 1));
    assert_eq!(streamed_text(&reply), "hello");
}

#[test]
fn f3_f4_f5_an_answer_breaks_off_at_the_exact_byte() {
    for (how, end) in [(CutHow::Stall, End::Silent), (CutHow::Reset, End::Reset), (CutHow::Fin, End::Closed)] {
        for at in [0, 1, 50, 200] {
            let patience = if how == CutHow::Stall { BRIEF } else { PATIENT };
            let server = with(Plan::default().cut(how, At::Body(at)));
            let reply = read(&mut openai_sent(&server, &chat("hello", true)), patience);
            assert_eq!((reply.body().len() as u64, &reply.end), (at, &end));
            let server = with(Plan::default().cut(how, At::Wire(at)));
            let reply = read(&mut openai_sent(&server, &chat("hello", true)), patience);
            assert_eq!((reply.bytes.len() as u64, &reply.end), (at, &end));
        }
    }
}

#[test]
fn f5_a_cut_can_fall_between_events_and_end_the_body_in_order() {
    let server = with(Plan::default().cut(CutHow::EndBody, At::Event(2)));
    let reply = openai(&server, &chat("hello", true));
    assert_eq!(payloads(&reply).len(), 2);
    assert!(reply.text().ends_with("0\r\n\r\n"));
}

#[test]
fn f6_connections_are_refused_closed_reset_or_swallowed() {
    let port = ClosedPort::take().unwrap();
    assert!(std::net::TcpStream::connect(port.url().trim_start_matches("http://")).is_err());
    let cases =
        [(AcceptAction::Close, End::Closed), (AcceptAction::Reset, End::Reset), (AcceptAction::Blackhole, End::Silent)];
    for (action, end) in cases {
        let server = with(Plan { accept: Some(Accept { delay_ms: 0, action }), ..Plan::default() }.times(1));
        let mut stream = connect(&server);
        assert_eq!(read(&mut stream, if end == End::Silent { BRIEF } else { PATIENT }).end, end, "{action:?}");
        assert_eq!(openai(&server, &chat("after", false)).status(), 200);
    }
}

#[test]
fn f7_errors_carry_status_words_and_retry_after() {
    let error = mock_upstream::plan::ErrorAnswer { status: 529, retry_after: Some("-1".into()), ..Default::default() };
    let reply = anthropic(&with(Plan::answering(Answer::Error(error))), &message("x", false));
    assert_eq!((reply.status(), &reply.json()["error"]["type"]), (529, &json!("overloaded_error")));
    assert!(reply.head().contains("retry-after: -1"));
}

#[test]
fn f9_f14_status_and_headers_are_what_the_plan_says() {
    let reply = ReplyEdits {
        status: Some(307),
        headers: vec![("location".into(), "http://169.254.169.254/".into()), ("set-cookie".into(), "a=b".into())],
        many_headers: 1_000,
        huge_header: 100_000,
        ..ReplyEdits::default()
    };
    let reply = openai(&with(Plan { reply, ..Plan::default() }), &chat("x", false));
    assert_eq!(reply.status(), 307);
    assert!(reply.head().contains("location: http://169.254.169.254/\r\nset-cookie: a=b"));
    assert!(reply.head().len() > 100_000 && reply.head().contains("x-filler-999: x"));
}

#[test]
fn f10_successes_that_are_none() {
    let body = |answer: Answer, stream: bool| openai(&with(Plan::answering(answer)), &chat("x", stream));
    assert!(body(Answer::Empty, false).body().is_empty());
    assert!(body(Answer::Html, false).head().contains("text/html"));
    assert_eq!(body(Answer::EmptyChoices, false).json()["choices"], json!([]));
    assert!(body(Answer::ErrorObject, false).json()["error"].is_object());
    assert!(payloads(&body(Answer::ErrorObject, true))[0]["error"].is_object());
    assert!(body(Answer::OtherMode, true).head().contains("application/json"));
    assert!(body(Answer::OtherMode, false).head().contains("text/event-stream"));
}

#[test]
fn f11_streams_are_as_odd_as_ordered() {
    let odd = |oddity: Oddity| {
        let reply = openai(&with(Plan::default().odd(oddity)), &chat("hello", true));
        reply.body()
    };
    let text = |oddity: Oddity| String::from_utf8_lossy(&odd(oddity)).into_owned();
    assert!(text(Oddity::Crlf).ends_with("data: [DONE]\r\n\r\n"));
    assert!(text(Oddity::Cr).ends_with("data: [DONE]\r\r"));
    assert!(odd(Oddity::Bom).starts_with(&[0xEF, 0xBB, 0xBF]));
    assert!(text(Oddity::NoSpace).ends_with("data:[DONE]\n\n"));
    assert!(!text(Oddity::CommentsOnly).contains("data"));
    assert!(text(Oddity::MultiLineData).contains("data: {\ndata:   \"id\""));
    assert!(!text(Oddity::NoTerminal).contains("[DONE]"));
    assert!(text(Oddity::NoFinalBlankLine).ends_with("[DONE]\n"));
    assert!(text(Oddity::AfterEnd).split_once("[DONE]").unwrap().1.contains("content"));
    assert!(text(Oddity::ErrorAt { event: 2 }).ends_with("\"code\":null}}\n\n"));
    assert!(text(Oddity::ErrorAt { event: 0 }).starts_with("data: {\"error\""));
    assert!(text(Oddity::UnknownAt { event: 1 }).contains("mock_novelty"));
    assert!(text(Oddity::HugeLineAt { event: 1, bytes: 5 << 20 }).len() > 5 << 20);
    assert!(odd(Oddity::NulAt { event: 1 }).contains(&0));
    assert!(std::str::from_utf8(&odd(Oddity::InvalidUtf8At { event: 1 })).is_err());
    assert_eq!(text(Oddity::RawAt { event: 0, text: "raw".into() }).split_once("data").unwrap().0, "raw");
}

#[test]
fn f11_frames_are_spoiled_too() {
    use mock_upstream::eventstream::{decode, split};
    let frames = |oddity: Oddity| {
        let server = with(Plan::default().odd(oddity));
        split(&bedrock(&server, "converse-stream", &converse("hello")).body())
    };
    assert!(decode(&frames(Oddity::BadCrcAt { event: 1 })[1]).is_none());
    let failed = frames(Oddity::ErrorAt { event: 1 });
    let last = decode(failed.last().unwrap()).unwrap();
    assert_eq!(last.header(":exception-type"), Some("internalServerException"));
    assert_eq!(last.header(":message-type"), Some("exception"));
}

#[test]
fn f11_framing_lies_when_told_to() {
    let framed = |framing: Framing| openai(&with(Plan { framing, ..Plan::default() }), &chat("hello", true));
    assert!(framed(Framing::BadChunkSize).text().contains("\r\nzz\r\n"));
    assert!(framed(Framing::Trailers).text().ends_with("0\r\nx-trailer: late\r\n\r\n"));
    let told = |reply: &Reply| -> usize {
        let head = reply.head();
        let line = head.lines().find_map(|l| l.strip_prefix("content-length: ")).unwrap();
        line.parse().unwrap()
    };
    let (short, long) = (framed(Framing::LengthShort), framed(Framing::LengthLong));
    assert_eq!((told(&short) + 10, told(&long) - 10), (short.body().len(), long.body().len()));
    assert_eq!(framed(Framing::Close).end, End::Closed);
}

#[test]
fn f11_splits_fall_at_given_offsets_and_random_ones_repeat() {
    let chunking = Chunking { at: vec![3, 10, 11], ..Chunking::default() };
    let sizes = |plan: Plan| -> Vec<usize> {
        openai(&with(plan), &chat("hello", true)).chunks().iter().map(Vec::len).collect()
    };
    assert_eq!(sizes(Plan { chunking, ..Plan::default() })[..3], [3, 7, 1]);
    let random = |seed| {
        let chunking = Chunking { random: Some(20), ..Chunking::default() };
        sizes(Plan { chunking, seed, ..Plan::default() })
    };
    assert_eq!(random(7), random(7));
    assert_ne!(random(7), random(8));
}

#[test]
fn f12_usage_is_reported_in_every_shape_while_the_bill_stays_true() {
    let reports = |usage: UsageShape| {
        let server = with(Plan::default().usage(usage));
        let reply = openai(&server, &chat("hello wide world", true));
        assert_eq!(server.bill().output, 4, "{usage:?}");
        payloads(&reply).iter().filter(|p| p["usage"].is_object()).map(|p| p["usage"].clone()).collect::<Vec<_>>()
    };
    assert!(reports(UsageShape::None).is_empty());
    assert_eq!(reports(UsageShape::Duplicated).len(), 2);
    assert_eq!(reports(UsageShape::Zero)[0]["completion_tokens"], json!(0));
    assert_eq!(reports(UsageShape::Huge)[0]["completion_tokens"], json!(1_u64 << 63));
    let grown: Vec<_> =
        reports(UsageShape::Cumulative).iter().filter_map(|u| u["completion_tokens"].as_u64()).collect();
    assert_eq!(grown, [1, 2, 3, 4, 4]);
    assert_eq!(reports(UsageShape::Details)[0]["prompt_tokens_details"]["cached_tokens"], json!(2));
    let late = openai(&with(Plan::default().usage(UsageShape::Late)), &chat("x", true));
    assert!(late.text().split_once("[DONE]").unwrap().1.contains("prompt_tokens"));
    let once = anthropic(&with(Plan::default().usage(UsageShape::OnlyFirst)), &message("x", true));
    let with_usage: Vec<_> = payloads(&once).iter().map(|p| p.to_string().contains("usage")).collect();
    assert_eq!(with_usage.iter().filter(|w| **w).count(), 1);
    assert!(with_usage[0]);
}

#[test]
fn f13_bodies_are_huge_deep_many_and_packed() {
    let answer = |answer: Answer| openai(&with(Plan::answering(answer)), &chat("x", false));
    let huge = answer(Answer::HugeJson { bytes: 3 << 20 });
    assert_eq!(huge.body().len(), 3 << 20);
    assert!(huge.json()["choices"].is_array());
    assert!(answer(Answer::DeepJson { depth: 100_000 }).body().len() > 200_000);
    assert_eq!(answer(Answer::ManyChoices { count: 1_000 }).json()["choices"].as_array().map(Vec::len), Some(1_000));
    let edits = ReplyEdits { encoding: Some(Encoding::Gzip), ..ReplyEdits::default() };
    let packed = openai(&with(Plan { reply: edits, ..Plan::default() }), &chat("x", false));
    assert!(packed.head().contains("content-encoding: gzip") && packed.body().starts_with(&[0x1F, 0x8B]));
}

#[test]
fn f13_an_endless_stream_ends_with_its_client_and_is_billed_until_then() {
    let server = with(Plan::answering(Answer::Endless { text: "again ".into() }));
    let stream = openai_sent(&server, &chat("x", true));
    until(|| server.bill().output > 10);
    drop(stream);
    until(|| server.requests()[0].ended.is_some());
    let request = server.requests().remove(0);
    assert!(request.aborted() && request.ended.unwrap().events > 10);
    assert!(server.bill().output > 10);
}

#[test]
fn f15_bytes_before_and_after_an_answer_are_sent_raw() {
    let reply = ReplyEdits {
        raw_before: Some("HTTP/1.1 103 Early Hints\r\n\r\n".into()),
        raw_after: Some("HTTP/1.1 200 OK\r\n\r\n".into()),
        ..ReplyEdits::default()
    };
    let text = openai(&with(Plan { reply, ..Plan::default() }), &chat("x", false)).text();
    assert!(text.starts_with("HTTP/1.1 103") && text.ends_with("HTTP/1.1 200 OK\r\n\r\n"));
}

#[test]
fn f16_echo_returns_the_request_as_seen() {
    let server = with(Plan::answering(Answer::Echo));
    let reply = send(&server, "/anything?a=b", "X-Odd:  value\r\n", &json!({"k": 1.50}));
    assert_eq!(reply.json()["target"], json!("/anything?a=b"));
    assert!(reply.json()["headers"].to_string().contains(r#"["x-odd","value"]"#));
}

#[test]
fn f17_tool_arguments_are_split_where_ordered() {
    let wishes = mock_upstream::plan::Generated {
        tool: Some("t".into()),
        arguments: Some("{\"a\": \"é\\n\"}".into()),
        argument_bytes: Some(1),
        ..Default::default()
    };
    let parts = payloads(&openai(&with(Plan::answering(Answer::Generated(wishes))), &chat("x", true)));
    let pieces: Vec<String> = parts
        .iter()
        .filter_map(|p| p.pointer("/choices/0/delta/tool_calls/0/function/arguments")?.as_str().map(str::to_owned))
        .collect();
    assert_eq!(pieces.concat(), "{\"a\": \"é\\n\"}");
    assert!(pieces.iter().all(|p| p.chars().count() <= 1));
}

#[test]
fn f18_a_request_is_read_slowly() {
    let slow = SlowRead { bytes: 100_000, every_ms: 20, stop_after: None };
    let server = with(Plan { read: Some(slow), ..Plan::default() });
    let began = Instant::now();
    assert_eq!(openai(&server, &chat(&"x".repeat(400_000), false)).status(), 200);
    assert!(began.elapsed() >= Duration::from_millis(60));
}

#[test]
fn f19_an_upstream_that_ignores_aborts_bills_the_whole_answer() {
    let delay = Delay { event_ms: 100, ..Delay::default() };
    for (ignore_abort, whole) in [(true, true), (false, false)] {
        let server = with(Plan { delay, ignore_abort, ..Plan::text("x".repeat(400)) });
        let stream = openai_sent(&server, &chat("x", true));
        until(|| server.bill().output > 0);
        drop(stream);
        until(|| server.requests()[0].ended.is_some());
        assert!(server.requests()[0].aborted());
        assert_eq!(server.bill().output == 100, whole);
    }
}
