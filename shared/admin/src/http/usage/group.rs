//! What a line of the answer is about: the names that were asked for.

use super::super::query::wrong;
use domain::{Error, Timestamp, time::Period};
use serde::{Serialize, Serializer, ser::SerializeMap};
use stores::rollups::{Cell, Dimension, Subject};

/// A name that usage can be asked for by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Name {
    Day,
    Organization,
    Team,
    Project,
    User,
    Key,
    Provider,
    Model,
    Tag,
}

impl Name {
    /// In the order of columns.
    pub const ALL: [Name; 9] = [
        Name::Day,
        Name::Organization,
        Name::Team,
        Name::Project,
        Name::User,
        Name::Key,
        Name::Provider,
        Name::Model,
        Name::Tag,
    ];

    pub fn text(self) -> &'static str {
        match self {
            Name::Day => "day",
            Name::Organization => "organization",
            Name::Team => "team",
            Name::Project => "project",
            Name::User => "user",
            Name::Key => "key",
            Name::Provider => "provider",
            Name::Model => "model",
            Name::Tag => "tag",
        }
    }

    fn named(text: &str) -> Option<Name> {
        Self::ALL.into_iter().find(|name| name.text() == text)
    }

    /// Its place among the columns.
    fn place(self) -> usize {
        Self::ALL.iter().position(|name| *name == self).unwrap_or_default()
    }
}

/// The names asked for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct By([bool; Name::ALL.len()]);

/// The names a line carries: one place for each that was asked for, empty where the calls carried none.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group([Option<String>; Name::ALL.len()]);

impl By {
    /// Reads `day,team`.
    ///
    /// # Errors
    /// 400 naming what is supported.
    pub fn read(text: &str) -> Result<Self, Error> {
        let mut by = Self::default();
        for name in text.split(',') {
            let name = Name::named(name.trim()).ok_or_else(unsupported)?;
            if let Some(wanted) = by.0.get_mut(name.place()) {
                *wanted = true;
            }
        }
        let others = by.names().filter(|name| !matches!(name, Name::Day | Name::Tag)).count();
        if by.has(Name::Tag) && others > 0 { Err(unsupported()) } else { Ok(by) }
    }

    pub fn has(self, name: Name) -> bool {
        self.0.get(name.place()).copied().unwrap_or_default()
    }

    /// The names asked for, in the order of columns.
    pub fn names(self) -> impl Iterator<Item = Name> {
        Name::ALL.into_iter().filter(move |name| self.has(*name))
    }

    /// The counters that tell: the fewest.
    pub fn counters(self) -> Dimension {
        let names: Vec<Name> = self.names().filter(|name| *name != Name::Day).collect();
        match names.as_slice() {
            [] | [Name::Organization] => Dimension::Organization,
            [Name::Key] => Dimension::Key,
            [Name::Model] | [Name::Provider] | [Name::Provider, Name::Model] => Dimension::Model,
            [Name::Project] => Dimension::Project,
            [Name::Tag] => Dimension::Tag,
            [Name::Team] => Dimension::Team,
            [Name::User] => Dimension::User,
            _ => Dimension::Cell,
        }
    }

    /// The group that a counter belongs to.
    pub fn group(self, day: Timestamp, subject: &Subject) -> Group {
        let mut group = Group::default();
        for name in self.names() {
            if let Some(place) = group.0.get_mut(name.place()) {
                *place = Some(value(name, day, subject));
            }
        }
        group
    }
}

impl Group {
    /// What a line carries under a name; empty where the calls carried none.
    pub fn value(&self, name: Name) -> &str {
        self.0.get(name.place()).and_then(Option::as_deref).unwrap_or_default()
    }
}

/// Names that nobody carried are null.
impl Serialize for Group {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(None)?;
        for (name, value) in Name::ALL.iter().zip(&self.0) {
            if let Some(value) = value {
                map.serialize_entry(name.text(), &Some(value).filter(|value| !value.is_empty()))?;
            }
        }
        map.end()
    }
}

fn value(name: Name, day: Timestamp, subject: &Subject) -> String {
    let text = match (name, subject) {
        (Name::Day, _) => return Period::Daily.window(day),
        (Name::Key, Subject::Key(key)) => key.as_str(),
        (Name::Model, Subject::Model { model, .. }) => model,
        (Name::Organization, Subject::Organization(name))
        | (Name::Project, Subject::Project(name))
        | (Name::Team, Subject::Team(name))
        | (Name::User, Subject::User(name)) => name,
        (Name::Provider, Subject::Model { provider, .. }) => provider,
        (Name::Tag, Subject::Tag(Some((name, value)))) => return format!("{name}={value}"),
        (Name::Tag, Subject::Tag(None)) => "other",
        (name, Subject::Cell(cell)) => of_cell(name, cell),
        _ => "",
    };
    text.to_owned()
}

fn of_cell(name: Name, cell: &Cell) -> &str {
    match name {
        Name::Key => &cell.key,
        Name::Model => &cell.model,
        Name::Organization => &cell.organization,
        Name::Project => &cell.project,
        Name::Provider => &cell.provider,
        Name::Team => &cell.team,
        Name::User => &cell.user,
        Name::Day | Name::Tag => "",
    }
}

fn unsupported() -> Error {
    let known = Name::ALL.map(Name::text).join(", ");
    wrong("group_by", format_args!("is not supported so; supported: {known}, with commas between; tag with day only"))
        .with_code("not_supported")
}
