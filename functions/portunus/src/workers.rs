//! One runtime a core, each on a thread of its own: a connection, its calls and their connections to providers stay on
//! the core that took them, so no call waits for another thread to wake.

use std::{
    io,
    num::NonZero,
    sync::atomic::{AtomicUsize, Ordering},
    thread::{JoinHandle, available_parallelism},
};
use tokio::{
    runtime::{Builder, Handle},
    sync::oneshot,
};

/// Threads that serve until they are stopped.
pub struct Workers {
    workers: Vec<Worker>,
    taken: AtomicUsize,
}

struct Worker {
    runtime: Handle,
    stop: oneshot::Sender<()>,
    thread: JoinHandle<()>,
}

impl Workers {
    /// Starts one a core.
    ///
    /// # Errors
    /// The operating system gives no thread, or no event queue.
    pub fn start() -> io::Result<Self> {
        let cores = available_parallelism().map_or(1, NonZero::get);
        let workers = (0..cores).map(|_| Worker::start()).collect::<io::Result<_>>()?;
        Ok(Self { workers, taken: AtomicUsize::new(0) })
    }

    /// The runtime whose turn it is.
    pub fn next(&self) -> Option<&Handle> {
        let turn = self.taken.fetch_add(1, Ordering::Relaxed) % self.workers.len().max(1);
        self.workers.get(turn).map(|worker| &worker.runtime)
    }

    /// Ends them, and what they still do.
    pub fn stop(self) {
        for Worker { stop, thread, .. } in self.workers {
            if stop.send(()).is_ok() && thread.join().is_err() {
                tracing::error!("a worker's thread panicked");
            }
        }
    }
}

impl Worker {
    fn start() -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let handle = runtime.handle().clone();
        let (stop, stopped) = oneshot::channel();
        let work = move || drop(runtime.block_on(stopped));
        let thread = std::thread::Builder::new().name("worker".to_owned()).spawn(work)?;
        Ok(Self { runtime: handle, stop, thread })
    }
}
