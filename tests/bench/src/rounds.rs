//! Rounds of load: the upstream directly and through the gateway take turns, so that a machine that slows down slows both.

use crate::{
    Scale,
    client::Client,
    figures::{Times, rate, row},
    processes::{Bare, Gateway, Kind, Upstream},
};
use std::{error::Error, net::SocketAddr, time::Instant};

/// Figures of one side.
#[derive(Default)]
struct Side {
    alone: Times,
    together: Times,
    calls: usize,
    seconds: f64,
    first_chunk: Times,
    chunks: usize,
    stream_seconds: f64,
}

const CONNECTIONS: usize = 64;

/// Measures one gateway against the upstream behind it.
pub async fn run(
    upstream: &Upstream,
    bare: &Bare,
    gateway: &Gateway,
    scale: Scale,
    kind: Kind,
) -> Result<(), Box<dyn Error>> {
    let (mut direct, mut through, mut floor) = (Side::default(), Side::default(), Side::default());
    warm(upstream.address, "test-openai").await?;
    warm(bare.address, "test-openai").await?;
    warm(gateway.address, &gateway.key).await?;
    for _ in 0..scale.rounds {
        direct.round(upstream.address, "test-openai", scale).await?;
        floor.round(bare.address, "test-openai", scale).await?;
        through.round(gateway.address, &gateway.key, scale).await?;
    }
    let mut sides = [&mut direct, &mut floor, &mut through];
    row("1 connection, p50", sides.each_mut().map(|side| side.alone.percentile(50)), "us");
    row("1 connection, p99", sides.each_mut().map(|side| side.alone.percentile(99)), "us");
    row("64 connections, p50", sides.each_mut().map(|side| side.together.percentile(50)), "us");
    row("64 connections, p99", sides.each_mut().map(|side| side.together.percentile(99)), "us");
    rate("requests a second, 64 connections", sides.each_ref().map(|side| side.calls as f64 / side.seconds), "/s");
    if kind == Kind::NoopTable {
        row("first chunk of a stream, p50", sides.each_mut().map(|side| side.first_chunk.percentile(50)), "us");
        rate("streamed chunks a second", sides.each_ref().map(|side| side.chunks as f64 / side.stream_seconds), "/s");
    }
    let peak = gateway.resident_kib("VmHWM:") as f64 / 1024.0;
    println!("memory: idle {:.1} MB, peak {peak:.1} MB", gateway.idle_kib as f64 / 1024.0);
    Ok(())
}

async fn warm(address: SocketAddr, key: &str) -> Result<(), Box<dyn Error>> {
    let mut client = Client::connect(address, &request(address, key, false)).await?;
    for _ in 0..50 {
        client.call().await?;
    }
    Ok(())
}

impl Side {
    async fn round(&mut self, address: SocketAddr, key: &str, scale: Scale) -> Result<(), Box<dyn Error>> {
        let mut client = Client::connect(address, &request(address, key, false)).await?;
        for _ in 0..scale.alone {
            self.alone.add(client.call().await?);
        }
        self.together(address, key, scale).await?;
        let mut client = Client::connect(address, &request(address, key, true)).await?;
        let started = Instant::now();
        for _ in 0..scale.streams {
            let streamed = client.stream().await?;
            self.first_chunk.add(streamed.first_chunk);
            self.chunks += streamed.chunks;
        }
        self.stream_seconds += started.elapsed().as_secs_f64();
        Ok(())
    }

    async fn together(&mut self, address: SocketAddr, key: &str, scale: Scale) -> Result<(), Box<dyn Error>> {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(Client::connect(address, &request(address, key, false)).await?);
        }
        let started = Instant::now();
        let each = scale.together / CONNECTIONS;
        let local = tokio::task::LocalSet::new();
        let tasks: Vec<_> = clients.into_iter().map(|client| local.spawn_local(calls(client, each))).collect();
        local.await;
        for task in tasks {
            self.together.extend(task.await??);
        }
        self.seconds += started.elapsed().as_secs_f64();
        self.calls += each * CONNECTIONS;
        Ok(())
    }
}

async fn calls(mut client: Client, count: usize) -> std::io::Result<Times> {
    let mut times = Times::default();
    for _ in 0..count {
        times.add(client.call().await?);
    }
    Ok(times)
}

/// The same small chat for both sides.
fn request(address: SocketAddr, key: &str, stream: bool) -> Vec<u8> {
    let body = format!(
        r#"{{"model":"gpt-4o","stream":{stream},"max_tokens":256,"messages":[{{"role":"system","content":"You are terse."}},{{"role":"user","content":"Say hello to the gate of keys."}}]}}"#
    );
    format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: {address}\r\nauthorization: Bearer {key}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}
