//! Connections that speak or listen too slowly.

use crate::process::{Folder, Process, read_all, statuses};
use mock_upstream::{MockUpstream, Plan, plan::Answer};
use std::{
    io::{Read, Write},
    time::{Duration, Instant},
};

#[test]
fn i2_headers_that_do_not_come_within_ten_seconds_and_bodies_that_trickle_are_ended() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let portunus = Process::start(&folder, &upstream);
    let began = Instant::now();
    let (mut headers, mut body) = (portunus.connect(), portunus.connect());
    headers.write_all(portunus.head("/v1/chat/completions").as_bytes()).unwrap();
    let head = format!("{}content-length: 100000\r\n\r\n", portunus.head("/v1/chat/completions"));
    body.write_all(head.as_bytes()).unwrap();
    let trickle = std::thread::spawn({
        let mut body = body.try_clone().unwrap();
        move || {
            while began.elapsed() < Duration::from_secs(15) && body.write_all(b" ").is_ok() {
                std::thread::sleep(Duration::from_millis(200));
            }
        }
    });
    let answer = read_all(&mut body);
    assert_eq!(statuses(&answer), [408], "{answer}");
    assert!(answer.contains("too slowly"), "{answer}");
    let took = began.elapsed();
    assert!((Duration::from_secs(9)..Duration::from_secs(14)).contains(&took), "{took:?}");
    let answer = read_all(&mut headers);
    assert!(answer.is_empty() || statuses(&answer) == [408], "{answer}");
    assert!(began.elapsed() < Duration::from_secs(14), "{:?}", began.elapsed());
    trickle.join().unwrap();
    assert!(upstream.requests().is_empty());
}

#[test]
fn u8_readers_that_take_nothing_cost_bounded_memory_each() {
    const READERS: u64 = 64;
    const EVENT: usize = 16 << 10;
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let portunus = Process::start(&folder, &upstream);
    upstream.script(vec![Plan::answering(Answer::Endless { text: "w".repeat(EVENT) })]);
    // Everything that is made once is made before anything is measured.
    let parked = |count: u64| -> Vec<_> {
        let open = (0..count).map(|_| {
            let mut stream = portunus.connect();
            stream.write_all(portunus.chat("up/of-unknown-size", true).as_bytes()).unwrap();
            let mut first = [0; 1024];
            assert!(stream.read(&mut first).unwrap() > 0);
            stream
        });
        open.collect()
    };
    let warm = parked(8);
    std::thread::sleep(Duration::from_millis(1_000));
    let before = portunus.memory();
    let readers = parked(READERS);
    std::thread::sleep(Duration::from_millis(2_000));
    let each = portunus.memory().saturating_sub(before) / READERS;
    drop((warm, readers));
    println!("{each} bytes a parked stream");
    assert!(each < (256 << 10) + EVENT as u64, "{each} bytes a parked stream");
}
