//! Blocks one after another, though the items of a stream may come at the same time: what belongs to a later block waits
//! until the one before it is closed.

use domain::event::{Delta, Event, Open};
use std::collections::BTreeMap;

/// The place of a block: its item's, and its own in the item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    pub item: u64,
    pub slot: Slot,
}

/// The place of a block in its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Slot {
    /// The item is one block: a call, or something only this wire knows.
    Whole,
    Summary(u64),
    Content(u64),
    /// What encrypts the thoughts before it.
    Seal,
}

#[derive(Debug)]
enum Piece {
    Open(Open),
    Delta(Delta),
    Close,
}

/// A block that was opened.
#[derive(Debug, Default)]
struct Seen {
    closed: bool,
    /// Bytes of it so far.
    said: usize,
    citations: usize,
}

#[derive(Debug, Default)]
pub struct Order {
    seen: BTreeMap<Place, Seen>,
    blocks: u32,
    live: Option<(Place, u32)>,
    waiting: Vec<(Place, Piece)>,
}

impl Order {
    pub fn is_seen(&self, place: Place) -> bool {
        self.seen.contains_key(&place)
    }

    /// Whether any block of the item was.
    pub fn knows(&self, item: u64) -> bool {
        self.of(item).next().is_some()
    }

    /// Places of an item that are still open.
    pub fn open_of(&self, item: u64) -> Vec<Place> {
        self.of(item).filter(|(_, seen)| !seen.closed).map(|(place, _)| *place).collect()
    }

    /// Every place of an item, in order.
    pub fn places_of(&self, item: u64) -> Vec<Place> {
        self.of(item).map(|(place, _)| *place).collect()
    }

    fn of(&self, item: u64) -> impl Iterator<Item = (&Place, &Seen)> {
        self.seen.range(Place { item, slot: Slot::Whole }..=Place { item, slot: Slot::Seal })
    }

    /// Bytes and citations of a block so far.
    pub fn said(&self, place: Place) -> (usize, usize) {
        self.seen.get(&place).map_or((0, 0), |seen| (seen.said, seen.citations))
    }

    /// Opens a block, once.
    pub fn open(&mut self, place: Place, block: Open, events: &mut Vec<Event>) {
        if !self.is_seen(place) {
            self.seen.insert(place, Seen::default());
            self.take(place, Piece::Open(block), events);
        }
    }

    /// Adds to an open block; what comes after its end is lost.
    pub fn grow(&mut self, place: Place, delta: Delta, events: &mut Vec<Event>) {
        let Some(seen) = self.seen.get_mut(&place).filter(|seen| !seen.closed) else { return };
        match &delta {
            Delta::Arguments(text) | Delta::Reasoning(text) | Delta::Refusal(text) | Delta::Text(text) => {
                seen.said += text.len();
            }
            Delta::Citation(_) => seen.citations += 1,
            Delta::Other(_) | Delta::Signature(_) => {}
        }
        self.take(place, Piece::Delta(delta), events);
    }

    pub fn close(&mut self, place: Place, events: &mut Vec<Event>) {
        if let Some(seen) = self.seen.get_mut(&place).filter(|seen| !seen.closed) {
            seen.closed = true;
            self.take(place, Piece::Close, events);
        }
    }

    /// Closes everything.
    pub fn end(&mut self, events: &mut Vec<Event>) {
        let open: Vec<Place> = self.seen.iter().filter(|(_, seen)| !seen.closed).map(|(place, _)| *place).collect();
        // The live one first: what waits is said after it.
        let live = self.live.map(|(place, _)| place);
        live.into_iter().chain(open).for_each(|place| self.close(place, events));
    }

    fn take(&mut self, place: Place, piece: Piece, events: &mut Vec<Event>) {
        if self.live.is_some_and(|(live, _)| live != place) {
            self.waiting.push((place, piece));
            return;
        }
        self.say(place, piece, events);
        // Says what waited, block by block, until one of them is not closed yet.
        while self.live.is_none()
            && let Some(next) = self.waiting.first().map(|(place, _)| *place)
        {
            let waiting = std::mem::take(&mut self.waiting);
            let (mine, others) = waiting.into_iter().partition(|(place, _)| *place == next);
            self.waiting = others;
            let mine: Vec<(Place, Piece)> = mine;
            mine.into_iter().for_each(|(place, piece)| self.say(place, piece, events));
        }
    }

    /// Says a piece of the live block, which it becomes by being opened.
    fn say(&mut self, place: Place, piece: Piece, events: &mut Vec<Event>) {
        let index = match self.live {
            Some((_, index)) => index,
            None => {
                self.blocks += 1;
                self.blocks - 1
            }
        };
        self.live = Some((place, index));
        match piece {
            Piece::Open(block) => events.push(Event::Open { index, choice: 0, block }),
            Piece::Delta(delta) => events.push(Event::Delta { index, delta }),
            Piece::Close => {
                events.push(Event::Close { index });
                self.live = None;
            }
        }
    }
}
