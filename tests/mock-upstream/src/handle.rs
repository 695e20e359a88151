//! The handle: a server on its own thread, ended when the handle is dropped.
//!
//! Its own thread and runtime keep it serving while a test's runtime is blocked, paused or gone.

use crate::dialect::Credentials;
use crate::journal::{Bill, Recorded};
use crate::plan::Plan;
use crate::serve::{Shared, serve};
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener as StdListener};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::oneshot;

/// What a server is started with.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where to listen; the loopback interface only, port 0 for any free one.
    pub listen: SocketAddr,
    /// Credentials callers must show.
    pub credentials: Credentials,
    /// Text events per stream when a plan does not say.
    pub chunks: usize,
}

impl Default for Settings {
    fn default() -> Self {
        Self { listen: SocketAddr::from((Ipv4Addr::LOCALHOST, 0)), credentials: Credentials::default(), chunks: 4 }
    }
}

/// A running stand-in. Dropping it closes every connection.
#[derive(Debug)]
pub struct MockUpstream {
    address: SocketAddr,
    shared: Arc<Shared>,
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl MockUpstream {
    /// Starts on a free port of 127.0.0.1. Fails if no socket or thread can be had.
    pub fn start() -> io::Result<Self> {
        Self::start_with(Settings::default())
    }

    /// Starts as told. Fails if the address is not loopback, is taken, or no thread can be had.
    pub fn start_with(settings: Settings) -> io::Result<Self> {
        let listener = listen(settings.listen)?;
        let address = listener.local_addr()?;
        let shared = Arc::new(Shared::new(settings.credentials, settings.chunks));
        let (stop, stopped) = oneshot::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let serving = shared.clone();
        let thread = std::thread::Builder::new().name("mock-upstream".to_owned()).spawn(move || {
            runtime.block_on(until(stopped, listener, serving));
        })?;
        Ok(Self { address, shared, stop: Some(stop), thread: Some(thread) })
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// `http://127.0.0.1:PORT`, without a trailing slash.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Replaces the script: the first plan that matches a request and is not spent serves it.
    pub fn script(&self, plans: Vec<Plan>) {
        self.shared.set_script(plans);
    }

    /// All requests since the start or the last reset, in order of arrival.
    pub fn requests(&self) -> Vec<Recorded> {
        self.shared.journal.requests()
    }

    /// What the calls so far would cost.
    pub fn bill(&self) -> Bill {
        self.shared.journal.bill()
    }

    /// Forgets script, requests and bill.
    pub fn reset(&self) {
        self.shared.reset();
    }

    /// Waits until every recorded request has ended; false if `limit` passes first.
    pub async fn all_ended(&self, limit: Duration) -> bool {
        let ended = async {
            while self.requests().iter().any(|r| r.ended.is_none()) {
                tokio::time::sleep(Duration::from_millis(2)).await;
            }
        };
        tokio::time::timeout(limit, ended).await.is_ok()
    }

    /// Blocks until the server ends, which it does not do by itself.
    pub fn join(mut self) {
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

impl Drop for MockUpstream {
    fn drop(&mut self) {
        self.stop.take();
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

/// A port of 127.0.0.1 that refuses connections for as long as this lives (F6).
#[derive(Debug)]
pub struct ClosedPort {
    address: SocketAddr,
    _bound: TcpSocket,
}

impl ClosedPort {
    /// Takes a free port without listening on it. Fails if no socket can be had.
    pub fn take() -> io::Result<Self> {
        let socket = TcpSocket::new_v4()?;
        socket.bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
        Ok(Self { address: socket.local_addr()?, _bound: socket })
    }

    /// `http://127.0.0.1:PORT`.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }
}

/// A listening socket on the loopback interface.
pub(crate) fn listen(address: SocketAddr) -> io::Result<StdListener> {
    if !address.ip().is_loopback() {
        return Err(io::Error::new(
            io::ErrorKind::InvalidInput,
            "a mock upstream listens on the loopback interface only",
        ));
    }
    let listener = StdListener::bind(address)?;
    listener.set_nonblocking(true)?;
    Ok(listener)
}

async fn until(stopped: oneshot::Receiver<()>, listener: StdListener, shared: Arc<Shared>) {
    let Ok(listener) = TcpListener::from_std(listener) else { return };
    tokio::select! {
        _ = stopped => {}
        () = serve(listener, shared) => {}
    }
}
