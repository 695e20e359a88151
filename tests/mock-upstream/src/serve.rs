//! Sockets: one task a connection, one request after another on it.

mod conn;
mod control;
mod exchange;
mod head;
mod send;

use crate::dialect::Credentials;
use crate::journal::Journal;
use crate::plan::{AcceptAction, Plan};
use crate::script::{Asked, Script};
use conn::Conn;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;

pub(crate) use conn::{Conn as Connection, Gone};
pub(crate) use head::rendered as rendered_head;

/// What all connections share.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) credentials: Credentials,
    /// Text events per stream when the plan does not say.
    pub(crate) chunks: usize,
    pub(crate) journal: Journal,
    script: Mutex<Script>,
    connections: AtomicU64,
}

impl Shared {
    pub(crate) fn new(credentials: Credentials, chunks: usize) -> Self {
        let (journal, script, connections) = (Journal::new(), Mutex::default(), AtomicU64::new(0));
        Self { credentials, chunks, journal, script, connections }
    }

    pub(crate) fn set_script(&self, plans: Vec<Plan>) {
        self.script().set(plans);
    }

    pub(crate) fn reset(&self) {
        self.set_script(vec![]);
        self.journal.reset();
    }

    fn plan_for(&self, asked: Asked<'_>) -> Plan {
        self.script().take(asked).unwrap_or_default()
    }

    fn script(&self) -> MutexGuard<'_, Script> {
        self.script.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Serves until the future is dropped.
pub(crate) async fn serve(listener: TcpListener, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    loop {
        if let Ok((stream, _)) = listener.accept().await {
            connections.spawn(connection(stream, shared.clone()));
        }
        while connections.try_join_next().is_some() {}
    }
}

async fn connection(stream: TcpStream, shared: Arc<Shared>) {
    let number = shared.connections.fetch_add(1, Ordering::Relaxed) + 1;
    let fault = shared.script().take_accept();
    let Ok(mut conn) = Conn::new(stream) else { return };
    let action = fault.map_or(AcceptAction::Serve, |f| f.action);
    tokio::time::sleep(std::time::Duration::from_millis(fault.map_or(0, |f| f.delay_ms))).await;
    match action {
        AcceptAction::Serve => while exchange::exchange(&mut conn, &shared, number).await.is_ok() {},
        AcceptAction::Close => conn.finish().await,
        AcceptAction::Reset => conn.reset().await,
        AcceptAction::Blackhole => conn.until_gone().await,
    }
}
