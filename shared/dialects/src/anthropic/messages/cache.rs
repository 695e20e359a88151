//! Prompt-cache marks: `cache_control` on blocks and tools, four of them at most.

use super::extras::Extras;
use crate::{
    json::{Node, write::Object},
    malformed::Malformed,
};
use domain::chat::CacheMark;
use std::cell::Cell;

/// The most marks the provider takes.
const MOST: usize = 4;

/// The mark of a block or tool, if it has one.
pub fn read(node: &Node<'_>, extras: &mut Extras) -> Result<Option<CacheMark>, Malformed> {
    extras.optional(node, "cache_control", |mark, extras| {
        extras.rest(mark.object()?, &["type", "ttl"]);
        Ok(CacheMark { ttl: mark.optional("ttl", Node::text)? })
    })
}

/// Writes a mark, if there is one and its section still has room.
pub fn write(mark: Option<&CacheMark>, room: &Room, o: &mut Object<'_>) {
    if let Some(mark) = mark.filter(|_| room.admits()) {
        o.object("cache_control", |o| {
            o.string("type", "ephemeral").maybe_string("ttl", mark.ttl.as_deref());
        });
    }
}

/// How many of the first marks of one section are left out, since later ones cover more.
#[derive(Debug, Default)]
pub struct Room {
    skip: Cell<usize>,
}

impl Room {
    fn skipping(skip: usize) -> Self {
        Self { skip: Cell::new(skip) }
    }

    fn admits(&self) -> bool {
        let skip = self.skip.get();
        self.skip.set(skip.saturating_sub(1));
        skip == 0
    }
}

/// Room for marks in the order they take effect.
pub struct Rooms {
    pub tools: Room,
    pub system: Room,
    pub messages: Room,
    /// Not every mark found room.
    pub crowded: bool,
}

/// Shares the marks a request may have: the last of the tools, the last of the system, the latest of the messages.
pub fn rooms(tools: usize, system: usize, messages: usize, supported: bool) -> Rooms {
    let most = if supported { MOST } else { 0 };
    let kept_tools = tools.min(1).min(most);
    let kept_system = system.min(1).min(most - kept_tools);
    let kept_messages = messages.min(most - kept_tools - kept_system);
    let kept_system = system.min(most - kept_tools - kept_messages);
    let kept_tools = tools.min(most - kept_system - kept_messages);
    Rooms {
        tools: Room::skipping(tools - kept_tools),
        system: Room::skipping(system - kept_system),
        messages: Room::skipping(messages - kept_messages),
        crowded: tools + system + messages > kept_tools + kept_system + kept_messages,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn skipped(tools: usize, system: usize, messages: usize, supported: bool) -> (usize, usize, usize) {
        let rooms = rooms(tools, system, messages, supported);
        (rooms.tools.skip.get(), rooms.system.skip.get(), rooms.messages.skip.get())
    }

    #[test]
    fn the_last_four_marks_are_kept() {
        assert_eq!(skipped(1, 1, 2, true), (0, 0, 0));
        assert_eq!(skipped(1, 1, 5, true), (0, 0, 3));
        assert_eq!(skipped(3, 3, 1, true), (2, 1, 0));
        assert_eq!(skipped(6, 0, 0, true), (2, 0, 0));
        assert_eq!(skipped(1, 1, 1, false), (1, 1, 1));
    }
}
