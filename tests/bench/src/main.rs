//! `bench`: one upstream, asked directly and through Portunus in the same run, in alternating rounds.
//!
//! Beside them stands a bare pass-through, hyper and nothing else: what any gateway written with it costs on this machine.
//! Reports latency (p50, p99) at 1 and 64 connections, requests a second, the first chunk of a stream, chunks a second,
//! and the memory of the gateway's process. Everything shares the machine's cores, so ratios and differences within one
//! run are what counts.

/// The floor of the machine.
mod bare;
/// Raw HTTP/1.1 clients: as little as possible between the stopwatch and the socket.
mod client;
/// Percentiles and the table they are printed in.
mod figures;
/// The upstream and the gateway as processes.
mod processes;
/// Rounds of load.
mod rounds;

use processes::{Awake, Bare, Gateway, Kind, Upstream};
use std::{env, error::Error, path::PathBuf};

/// What is measured, and for how long.
#[derive(Clone, Copy)]
pub struct Scale {
    /// Calls of one round at one connection.
    pub alone: usize,
    /// Calls of one round over all connections.
    pub together: usize,
    /// Streams of one round.
    pub streams: usize,
    /// Rounds; direct and through the gateway take turns.
    pub rounds: usize,
}

const FULL: Scale = Scale { alone: 3_000, together: 60_000, streams: 200, rounds: 5 };
const QUICK: Scale = Scale { alone: 200, together: 2_000, streams: 20, rounds: 2 };

fn main() -> Result<(), Box<dyn Error>> {
    let arguments: Vec<String> = env::args().skip(1).collect();
    if let [flag, listen, upstream] = arguments.as_slice()
        && flag == processes::BARE
    {
        return Ok(bare::serve(listen.parse()?, upstream.parse()?)?);
    }
    if arguments.first().is_some_and(|flag| flag == processes::AWAKE) {
        processes::stay_awake();
    }
    tokio::runtime::Builder::new_current_thread().enable_all().build()?.block_on(measure(&arguments))
}

async fn measure(arguments: &[String]) -> Result<(), Box<dyn Error>> {
    let scale = if arguments.iter().any(|a| a == "--quick") { QUICK } else { FULL };
    let mut paths = arguments.iter().filter(|a| !a.starts_with("--")).map(PathBuf::from);
    let (Some(portunus), Some(mock)) = (paths.next(), paths.next()) else {
        return Err("usage: bench [--quick] PORTUNUS MOCK_UPSTREAM".into());
    };
    let _awake = Awake::start()?;
    let upstream = Upstream::start(&mock).await?;
    let bare = Bare::start(&upstream).await?;
    for kind in [Kind::NoopTable, Kind::Memory, Kind::File] {
        let gateway = Gateway::start(&portunus, &upstream, kind).await?;
        println!("\n== {} ==", kind.name());
        rounds::run(&upstream, &bare, &gateway, scale, kind).await?;
    }
    Ok(())
}
