//! Cache points: an element after the one it marks, at most four in a request.

use crate::json::write::{self, Array};
use domain::chat::CacheMark;

/// The most cache points a request may have.
pub const MOST: usize = 4;

/// Writes cache points, the last four of a request only, or none.
#[derive(Debug)]
pub struct Marks {
    /// How many of the first are left out.
    skip: usize,
    taken: bool,
}

impl Marks {
    /// For a request with `count` marks in the order of tools, system, messages.
    pub fn new(count: usize, taken: bool) -> Self {
        Self { skip: count.saturating_sub(MOST), taken }
    }

    /// Some mark is left out.
    pub fn drops_some(&self, count: usize) -> bool {
        count > 0 && (!self.taken || self.skip > 0)
    }

    /// Writes the mark after an element.
    pub fn write(&mut self, mark: Option<&CacheMark>, out: &mut Array<'_>) {
        let Some(mark) = mark else { return };
        if self.skip > 0 {
            self.skip -= 1;
        } else if self.taken {
            out.raw(&point(mark));
        }
    }
}

fn point(mark: &CacheMark) -> String {
    write::object(|o| {
        o.object("cachePoint", |o| {
            let ttl = mark.ttl.as_deref().filter(|ttl| ["5m", "1h"].contains(ttl));
            o.string("type", "default").maybe_string("ttl", ttl);
        });
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn written(count: usize, taken: bool) -> String {
        let mut marks = Marks::new(count, taken);
        write::object(|o| {
            o.array("a", |out| {
                for at in 0..count {
                    out.raw(&at.to_string());
                    marks.write(Some(&CacheMark { ttl: Some("1h".into()) }), out);
                }
            });
        })
    }

    #[test]
    fn the_last_four_marks_stay() {
        let point = r#"{"cachePoint":{"type":"default","ttl":"1h"}}"#;
        assert_eq!(written(5, true), format!(r#"{{"a":[0,1,{point},2,{point},3,{point},4,{point}]}}"#));
        assert_eq!(written(2, false), r#"{"a":[0,1]}"#);
        assert!(Marks::new(5, true).drops_some(5) && Marks::new(1, false).drops_some(1));
        assert!(!Marks::new(4, true).drops_some(4) && !Marks::new(0, false).drops_some(0));
    }
}
