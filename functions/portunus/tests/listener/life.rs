//! From the first start to SIGTERM and the next start.

use crate::process::{Folder, Process, read_all, statuses};
use mock_upstream::{
    MockUpstream, Plan,
    plan::{Answer, Generated},
};
use std::{
    io::{Read, Write},
    time::Duration,
};

#[test]
fn x2_keys_are_kept_and_shown_at_the_first_start_alone() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let first = Process::start(&folder, &upstream);
    let (key, banner) = (first.key.clone(), first.banner.clone());
    assert!(key.starts_with("sk-ptn-") && banner.contains("PORTUNUS_ADMIN_KEY="), "{banner}");
    assert_eq!(statuses(&first.raw(first.chat("echo/echo", false).as_bytes())), [200]);
    first.terminate();
    let (status, log) = first.ended(Duration::from_secs(20));
    assert!(status.success(), "{status}: {log}");
    let mut second = Process::start(&folder, &upstream);
    assert!(second.key.is_empty() && !second.banner.contains("sk-ptn-"), "{}", second.banner);
    assert!(!second.banner.contains("export PORTUNUS_ADMIN_KEY="), "{}", second.banner);
    second.key = key.clone();
    assert_eq!(statuses(&second.raw(second.chat("echo/echo", false).as_bytes())), [200]);
    second.terminate();
    let (_, later) = second.ended(Duration::from_secs(20));
    let admin = banner.split("PORTUNUS_ADMIN_KEY=").nth(1).unwrap().split_whitespace().next().unwrap();
    for secret in [key.as_str(), admin] {
        assert!(!log.contains(secret) && !later.contains(secret), "a key is in the log");
    }
    for line in log.lines().chain(later.lines()) {
        assert!(line.starts_with('{') && line.ends_with('}'), "X3: not a JSON object: {line}");
    }
}

#[test]
fn l2_l7_streams_in_flight_are_finished_and_settled_after_sigterm() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let portunus = Process::start(&folder, &upstream);
    let words = Generated { text: Some("word ".repeat(20)), chunks: Some(20), ..Generated::default() };
    let mut slow = Plan::answering(Answer::Generated(words));
    slow.delay.event_ms = 100;
    upstream.script(vec![slow]);
    let mut stays = portunus.connect();
    stays.write_all(portunus.chat("up/gpt-4o", true).as_bytes()).unwrap();
    let mut leaves = portunus.connect();
    leaves.write_all(portunus.chat("up/gpt-4o", true).as_bytes()).unwrap();
    let mut first = [0; 512];
    assert!(stays.read(&mut first).unwrap() > 0 && leaves.read(&mut first).unwrap() > 0);
    drop(leaves);
    portunus.terminate();
    let rest = read_all(&mut stays);
    assert!(rest.contains("data: [DONE]"), "{rest}");
    let address = portunus.address.clone();
    let (status, log) = portunus.ended(Duration::from_secs(20));
    assert!(status.success(), "{status}: {log}");
    assert_eq!(log.matches("call settled").count(), 2, "{log}");
    assert!(std::net::TcpStream::connect(address).is_err());
}

#[test]
fn a2_every_call_has_one_outcome_and_a_refused_one_names_its_key_and_why() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let mut portunus = Process::start(&folder, &upstream);
    let mut answers = vec![
        portunus.raw(portunus.chat("echo/echo", false).as_bytes()),
        portunus.raw(portunus.chat("no-such-model", false).as_bytes()),
    ];
    portunus.key = "sk-ptn-of-nobody".to_owned();
    answers.push(portunus.raw(portunus.chat("echo/echo", false).as_bytes()));
    portunus.terminate();
    let (_, log) = portunus.ended(Duration::from_secs(20));
    let ends = [
        ("call settled", "", true),
        ("call refused", "model_not_found", true),
        ("call of an unknown caller refused", "invalid_api_key", false),
    ];
    for (answer, (message, code, has_key)) in answers.iter().zip(ends) {
        let id = answer.lines().find_map(|line| line.strip_prefix("x-request-id: ")).unwrap();
        let outcomes: Vec<serde_json::Value> =
            log.lines().filter(|line| line.contains(id)).map(|line| serde_json::from_str(line).unwrap()).collect();
        let [outcome] = &outcomes[..] else { panic!("{id}: {outcomes:?} in {log}") };
        assert_eq!((&outcome["message"], &outcome["error.code"]), (&message.into(), &code.into()), "{outcome}");
        assert_eq!(outcome["key.id"].is_string(), has_key, "{outcome}");
    }
}
