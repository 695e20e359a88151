//! Content blocks, in requests and in answers.

mod read;
mod source;
mod write;

pub use read::{block, content, opaque, text_blocks};
pub use source::supported;
pub use write::{Fate, answer, asked, fate, is_claudes};
