//! What a process that is killed had settled is counted and archived by the next one, each call once.

use crate::process::{Folder, Process};
use domain::Usd;
use flate2::read::GzDecoder;
use mock_upstream::MockUpstream;
use serde_json::Value;
use std::{
    collections::BTreeSet,
    io::{Read, Write},
    net::TcpStream,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

const CALLERS: usize = 8;

/// Calls, as fast as they come, until the process is gone; the ids of those that were answered.
fn call_until_killed(portunus: &Process, after: Duration) -> Vec<String> {
    let chat = portunus.chat("up/gpt-4o", false);
    std::thread::scope(|scope| {
        let call = || {
            let mut answered = Vec::new();
            while let Ok(stream) = TcpStream::connect(&portunus.address) {
                answered.extend(one(stream, &chat));
            }
            answered
        };
        let callers: Vec<_> = (0..CALLERS).map(|_| scope.spawn(call)).collect();
        std::thread::sleep(after);
        portunus.kill();
        callers.into_iter().flat_map(|caller| caller.join().unwrap()).collect()
    })
}

/// The id of one call, if it was answered.
fn one(mut stream: TcpStream, chat: &str) -> Option<String> {
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    stream.write_all(chat.as_bytes()).ok()?;
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
    }
    let head = String::from_utf8(head).unwrap();
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    let id = head.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
    Some(id.to_owned())
}

fn admin(portunus: &Process, key: &str, path: &str) -> Value {
    let answer = portunus.raw(
        format!(
            "GET {path} HTTP/1.1\r\nhost: {}\r\nauthorization: Bearer {key}\r\nconnection: close\r\n\r\n",
            portunus.address
        )
        .as_bytes(),
    );
    serde_json::from_str(answer.split_once("\r\n\r\n").unwrap().1).unwrap_or_else(|_| panic!("{answer}"))
}

/// Every archived record's call, and what it cost.
fn archived(data: &Path) -> Vec<(String, Usd)> {
    let (mut calls, mut folders) = (Vec::new(), vec![data.join("audit")]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "gz") {
                let mut text = String::new();
                GzDecoder::new(std::fs::File::open(path).unwrap()).read_to_string(&mut text).unwrap();
                let records = text.lines().map(|line| serde_json::from_str::<Value>(line).unwrap());
                let paid = |record: Value| (record["id"].as_str().unwrap().to_owned(), usd(&record["cost_usd"]));
                calls.extend(records.map(paid));
            }
        }
    }
    calls
}

fn usd(amount: &Value) -> Usd {
    amount.as_str().unwrap_or("0").parse().unwrap()
}

#[test]
fn m18_what_a_killed_process_settled_is_counted_and_archived_once_by_the_next() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let (mut key, mut admin_key, mut answered) = (String::new(), String::new(), BTreeSet::new());
    for round in 0..3 {
        let mut portunus = Process::start(&folder, &upstream);
        if round == 0 {
            key.clone_from(&portunus.key);
            let after = portunus.banner.split("PORTUNUS_ADMIN_KEY=").nth(1).unwrap();
            admin_key = after.split_whitespace().next().unwrap().to_owned();
        }
        portunus.key.clone_from(&key);
        answered.extend(call_until_killed(&portunus, Duration::from_millis(700 + 400 * round)));
    }
    assert!(answered.len() > 20, "only {} calls were answered", answered.len());
    let portunus = Process::start(&folder, &upstream);
    let until = Instant::now() + Duration::from_secs(60);
    let (calls, usage) = loop {
        let usage = admin(&portunus, &admin_key, "/admin/v1/usage?group_by=key")["data"][0].clone();
        let calls = archived(&folder.0.join("data"));
        let requests = usage["requests"].as_u64().unwrap_or_default();
        if requests >= answered.len() as u64 && calls.len() as u64 == requests {
            break (calls, usage);
        }
        assert!(Instant::now() < until, "{} answered, {} archived, {usage}", answered.len(), calls.len());
        std::thread::sleep(Duration::from_millis(500));
    };
    let ids: BTreeSet<_> = calls.iter().map(|(id, _)| id.clone()).collect();
    assert!(ids.len() == calls.len() && ids.is_superset(&answered), "each call once, and every one that was answered");
    assert_eq!(usd(&usage["cost_usd"]), calls.iter().map(|(_, cost)| *cost).sum());
    // A call whose record was put in the very moment of a kill is charged to its lane when its lease ends.
    let spent = usd(&admin(&portunus, &admin_key, "/admin/v1/keys")["data"][0]["spend_usd"]);
    assert!(spent <= usd(&usage["cost_usd"]) && spent > Usd::ZERO);
    let verified =
        Command::new(env!("CARGO_BIN_EXE_portunus")).args(["audit", "verify"]).arg(folder.0.join("data")).output();
    let verified = verified.unwrap();
    assert!(verified.status.success(), "{}", String::from_utf8_lossy(&verified.stdout));
}
