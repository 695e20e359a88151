//! The engine's own thread: it drains its queue, works it off, makes it durable once, then answers.
//!
//! Group commit: the database runs without a sync per commit (`synchronous = NORMAL` under WAL), and the thread
//! syncs the write-ahead log once for every batch. Nobody hears of a write before it is on disk.

use super::tail::{Kept, Tail};
use dynoxide::{
    Database, DynoxideError, ImportOptions,
    actions::{
        batch_write_item::{BatchWriteItemRequest, BatchWriteItemResponse},
        create_table::{CreateTableRequest, CreateTableResponse},
        delete_item::{DeleteItemRequest, DeleteItemResponse},
        describe_table::{DescribeTableRequest, DescribeTableResponse},
        get_item::{GetItemRequest, GetItemResponse},
        put_item::{PutItemRequest, PutItemResponse},
        query::{QueryRequest, QueryResponse},
        transact_write_items::{TransactWriteItemsRequest, TransactWriteItemsResponse},
        update_item::{UpdateItemRequest, UpdateItemResponse},
        update_table::{UpdateTableRequest, UpdateTableResponse},
    },
};
use std::{
    fmt,
    fs::File,
    path::{Path, PathBuf},
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
        mpsc,
    },
    thread::JoinHandle,
};
use tokio::sync::oneshot;

/// The most jobs that share one sync.
const BATCH: usize = 512;

pub type Queue = mpsc::Sender<Job>;
type Outcome = Result<Answer, DynoxideError>;

macro_rules! operations {
    ($($name:ident: $request:ty => $response:ty, $method:ident;)+) => {
        /// A request, read.
        pub enum Operation {
            $($name($request)),+
        }

        /// What the engine answers.
        pub enum Answer {
            $($name($response)),+
        }

        fn run(database: &Database, operation: Operation) -> Outcome {
            match operation {
                $(Operation::$name(request) => database.$method(request).map(Answer::$name)),+
            }
        }
    };
}

operations! {
    BatchWriteItem: BatchWriteItemRequest => BatchWriteItemResponse, batch_write_item;
    CreateTable: CreateTableRequest => CreateTableResponse, create_table;
    DeleteItem: DeleteItemRequest => DeleteItemResponse, delete_item;
    DescribeTable: DescribeTableRequest => DescribeTableResponse, describe_table;
    GetItem: GetItemRequest => GetItemResponse, get_item;
    PutAll: PutAll => (), put_all;
    PutItem: PutItemRequest => PutItemResponse, put_item;
    Query: QueryRequest => QueryResponse, query;
    TransactWriteItems: TransactWriteItemsRequest => TransactWriteItemsResponse, transact_write_items;
    UpdateItem: UpdateItemRequest => UpdateItemResponse, update_item;
    UpdateTable: UpdateTableRequest => UpdateTableResponse, update_table;
}

/// Items to write in one transaction, whatever is there. The engine calls that an import; unlike one of DynamoDB's, it
/// is all or none.
pub struct PutAll {
    pub table: Arc<str>,
    pub items: Vec<dynoxide::Item>,
}

trait Bulk {
    fn put_all(&self, request: PutAll) -> Result<(), DynoxideError>;
}

impl Bulk for Database {
    fn put_all(&self, PutAll { table, items }: PutAll) -> Result<(), DynoxideError> {
        let options = ImportOptions { record_streams: true, ..ImportOptions::default() };
        self.import_items(&table, items, options).map(drop)
    }
}

impl Operation {
    fn writes(&self) -> bool {
        !matches!(self, Operation::DescribeTable(_) | Operation::GetItem(_) | Operation::Query(_))
    }
}

/// Work for the thread.
pub enum Job {
    /// Reads stream records of a table.
    Read {
        table: Arc<str>,
        after: i64,
        limit: u32,
        reply: oneshot::Sender<Result<Vec<Kept>, String>>,
    },
    Run {
        operation: Box<Operation>,
        reply: oneshot::Sender<Outcome>,
    },
    Stop,
    /// Forgets stream records of a table.
    Trim {
        table: Arc<str>,
        upto: i64,
        reply: oneshot::Sender<Result<(), String>>,
    },
}

/// The thread and its queue.
pub struct Engine {
    queue: Queue,
    thread: JoinHandle<()>,
}

impl fmt::Debug for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Engine")
    }
}

impl Engine {
    /// A database that dies with the process. With a stream it has a name, which a second connection finds it by.
    pub fn in_memory(streams: bool) -> Result<Self, String> {
        static NEXT: AtomicU64 = AtomicU64::new(0);
        if !streams {
            let database = Database::memory().map_err(|error| error.to_string())?;
            return Self::start(Store { database, log: None, tail: None });
        }
        let name = format!("file:portunus-{}?mode=memory&cache=shared", NEXT.fetch_add(1, Ordering::Relaxed));
        let database = Database::new(&name).map_err(|error| error.to_string())?;
        let tail = Some(Tail::open(&name).map_err(|error| error.to_string())?);
        Self::start(Store { database, log: None, tail })
    }

    pub fn on_file(directory: &Path, file: &str, streams: bool) -> Result<Self, String> {
        std::fs::create_dir_all(directory).map_err(|error| error.to_string())?;
        let path = directory.join(file);
        let text = path.to_str().ok_or("the data directory's name is not UTF-8")?;
        let database = Database::new(text).map_err(|error| error.to_string())?;
        // The only public way to `synchronous = NORMAL`: leaving bulk loading sets it.
        database.enable_bulk_loading().and_then(|()| database.disable_bulk_loading()).map_err(|e| e.to_string())?;
        let tail = streams.then(|| Tail::open(text)).transpose().map_err(|error| error.to_string())?;
        let log = Log { path: directory.join(format!("{file}-wal")), file: None };
        Self::start(Store { database, log: Some(log), tail })
    }

    fn start(store: Store) -> Result<Self, String> {
        let (queue, jobs) = mpsc::channel();
        let thread = std::thread::Builder::new().name("store".to_owned());
        let thread = thread.spawn(move || store.work(&jobs)).map_err(|error| error.to_string())?;
        Ok(Self { queue, thread })
    }

    pub fn queue(&self) -> Queue {
        self.queue.clone()
    }

    /// Waits until everything queued before is done and the database is closed.
    pub fn stop(self) {
        if self.queue.send(Job::Stop).is_ok() && self.thread.join().is_err() {
            tracing::error!("the embedded database's thread panicked");
        }
    }
}

/// What the thread owns.
struct Store {
    database: Database,
    /// The write-ahead log to sync; none in memory.
    log: Option<Log>,
    /// Where the stream is read, if there is one.
    tail: Option<Tail>,
}

impl Store {
    fn work(mut self, jobs: &mpsc::Receiver<Job>) {
        let mut done = Vec::with_capacity(BATCH);
        while let Ok(first) = jobs.recv() {
            let stop = self.batch(first, jobs, &mut done);
            self.answer(&mut done);
            if stop {
                return;
            }
        }
    }

    /// Works off what is queued, and says whether to stop afterwards.
    fn batch(&mut self, first: Job, jobs: &mpsc::Receiver<Job>, done: &mut Vec<Done>) -> bool {
        let mut next = Some(first);
        while let Some(job) = next {
            match job {
                Job::Run { operation, reply } => self.run(*operation, reply, done),
                Job::Read { table, after, limit, reply } => {
                    answer(reply, self.tail(|tail| tail.read(&table, after, limit)));
                }
                Job::Trim { table, upto, reply } => answer(reply, self.tail(|tail| tail.trim(&table, upto))),
                Job::Stop => return true,
            }
            next = if done.len() < BATCH { jobs.try_recv().ok() } else { None };
        }
        false
    }

    fn run(&self, operation: Operation, reply: oneshot::Sender<Outcome>, done: &mut Vec<Done>) {
        let wrote = operation.writes();
        let outcome = run(&self.database, operation);
        if self.log.is_none() {
            answer(reply, outcome);
        } else {
            done.push(Done { reply, outcome, wrote });
        }
    }

    fn tail<T>(&self, ask: impl FnOnce(&Tail) -> rusqlite::Result<T>) -> Result<T, String> {
        let tail = self.tail.as_ref().ok_or("the embedded database was opened without a stream")?;
        ask(tail).map_err(|error| error.to_string())
    }

    fn answer(&mut self, done: &mut Vec<Done>) {
        let wrote = done.iter().any(|done| done.wrote && done.outcome.is_ok());
        let synced = match &mut self.log {
            Some(log) if wrote => log.sync(),
            _ => Ok(()),
        };
        for Done { reply, outcome, .. } in done.drain(..) {
            match &synced {
                Ok(()) => answer(reply, outcome),
                Err(error) => answer(reply, Err(DynoxideError::InternalServerError(error.to_string()))),
            }
        }
    }
}

/// A caller that has gone away does not want its answer.
fn answer<T>(reply: oneshot::Sender<T>, outcome: T) {
    drop(reply.send(outcome));
}

struct Done {
    reply: oneshot::Sender<Outcome>,
    outcome: Outcome,
    wrote: bool,
}

/// SQLite's write-ahead log, which exists from the first write until the database is closed.
struct Log {
    path: PathBuf,
    file: Option<File>,
}

impl Log {
    fn sync(&mut self) -> std::io::Result<()> {
        if self.file.is_none() {
            self.file = Some(File::open(&self.path)?);
        }
        match &self.file {
            Some(file) => file.sync_data(),
            None => Ok(()),
        }
    }
}
