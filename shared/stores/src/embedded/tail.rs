//! The engine's stream of the usage table, read and trimmed on a second connection to the same database.
//!
//! The engine writes a stream record in the transaction that writes the item, but never removes one, and looks through
//! all of them for the next number. So there is an index, and what a consumer has dealt with is deleted. The engine's
//! own thread owns this connection, too: it is used between the engine's transactions and never meets one.

use rusqlite::{Connection, params};
use std::time::Duration;

/// Stream records of one table, oldest first.
pub struct Tail {
    connection: Connection,
}

/// One stream record as the engine keeps it. Images are JSON of DynamoDB's kind.
pub struct Kept {
    /// Goes up with every record, also over a restart.
    pub id: i64,
    pub event: String,
    pub new: Option<String>,
    pub old: Option<String>,
    pub number: String,
}

impl Tail {
    /// Opens the connection, and makes the index if there is none.
    pub fn open(database: &str) -> rusqlite::Result<Self> {
        let connection = Connection::open(database)?;
        connection.busy_timeout(Duration::from_secs(5))?;
        connection.execute_batch(
            "PRAGMA synchronous = NORMAL;
             CREATE INDEX IF NOT EXISTS portunus_stream ON _stream_records (table_name, CAST(sequence_number AS INTEGER));",
        )?;
        Ok(Self { connection })
    }

    /// At most so many records after one of that id.
    pub fn read(&self, table: &str, after: i64, limit: u32) -> rusqlite::Result<Vec<Kept>> {
        let mut query = self.connection.prepare_cached(
            "SELECT id, event_name, new_image, old_image, sequence_number FROM _stream_records
             WHERE id > ?1 AND table_name = ?2 ORDER BY id LIMIT ?3",
        )?;
        let kept = query.query_map(params![after, table, limit], |row| {
            Ok(Kept { id: row.get(0)?, event: row.get(1)?, new: row.get(2)?, old: row.get(3)?, number: row.get(4)? })
        })?;
        kept.collect()
    }

    /// Forgets records up to one of that id.
    pub fn trim(&self, table: &str, upto: i64) -> rusqlite::Result<()> {
        let mut delete =
            self.connection.prepare_cached("DELETE FROM _stream_records WHERE id <= ?1 AND table_name = ?2")?;
        delete.execute(params![upto, table]).map(drop)
    }
}
