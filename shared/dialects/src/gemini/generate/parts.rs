//! Parts: what a content is made of.
//!
//! A signature on a thought is the thought's own. One on any other part becomes a thought without words before it, and
//! goes back onto whatever follows; one on an empty text stands for itself, as an encrypted thought.

mod read;
mod result;
mod write;

pub use read::{LOOSE, Piece, read, read_all};
pub use write::{Parts, Whose};
