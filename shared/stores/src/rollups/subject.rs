//! What counters count, and under which sort keys they lie.

use crate::calls::CallItem;
use domain::{KeyId, Timestamp, time::Period};
use std::collections::BTreeSet;

/// The most tags of one call that are counted by name.
const TAGS_OF_A_CALL: usize = 10;
/// The longest part of a sort key that somebody else chose, in bytes: sort keys end at 1,024.
const LONGEST: usize = 120;

/// What a counter counts. A call counts under each of them; one without a team counts under the team
/// whose name is empty, so that every kind but tags adds up to the same.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Subject {
    /// Everything but tags at once, of a day: whatever sums anybody may want can be had from these.
    Cell(Box<Cell>),
    Key(KeyId),
    /// A provider and its name of a model; both empty for a call nobody spoke for.
    Model {
        provider: String,
        model: String,
    },
    Organization(String),
    Project(String),
    /// One tag; `None` for those that found no room among the day's names.
    Tag(Option<(String, String)>),
    Team(String),
    User(String),
}

/// Who called, and who answered. Names that the call did not carry are empty.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Cell {
    pub key: String,
    pub organization: String,
    pub team: String,
    pub project: String,
    pub user: String,
    pub provider: String,
    pub model: String,
}

/// A kind of subject.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dimension {
    Cell,
    Key,
    Model,
    Organization,
    Project,
    Tag,
    Team,
    User,
}

/// How long a counter counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Span {
    Day,
    Hour,
}

impl Span {
    /// The partition of the span that `at` lies in: `ROLL#D#2026-11-21`, `ROLL#H#2026-11-21T03`.
    pub(super) fn partition(self, at: Timestamp) -> String {
        let day = Period::Daily.window(at);
        match self {
            Span::Day => format!("ROLL#D#{day}"),
            Span::Hour => format!("ROLL#H#{day}T{:02}", at.secs() % 86_400 / 3600),
        }
    }
}

impl Dimension {
    const ALL: [Dimension; 8] = [
        Dimension::Cell,
        Dimension::Key,
        Dimension::Model,
        Dimension::Organization,
        Dimension::Project,
        Dimension::Tag,
        Dimension::Team,
        Dimension::User,
    ];

    /// What the sort keys of its counters begin with.
    pub(super) fn prefix(self) -> &'static str {
        match self {
            Dimension::Cell => "CELL#",
            Dimension::Key => "KEY#",
            Dimension::Model => "MODEL#",
            Dimension::Organization => "ORG#",
            Dimension::Project => "PROJECT#",
            Dimension::Tag => "TAG#",
            Dimension::Team => "TEAM#",
            Dimension::User => "USER#",
        }
    }
}

impl Subject {
    /// The kind of this subject.
    pub fn dimension(&self) -> Dimension {
        match self {
            Subject::Cell(_) => Dimension::Cell,
            Subject::Key(_) => Dimension::Key,
            Subject::Model { .. } => Dimension::Model,
            Subject::Organization(_) => Dimension::Organization,
            Subject::Project(_) => Dimension::Project,
            Subject::Tag(_) => Dimension::Tag,
            Subject::Team(_) => Dimension::Team,
            Subject::User(_) => Dimension::User,
        }
    }

    pub(super) fn sort_key(&self) -> String {
        let name = match self {
            Subject::Cell(cell) => cell.text(),
            Subject::Key(key) => key.to_string(),
            Subject::Model { provider, model } => format!("{provider}/{}", cut(model)),
            Subject::Organization(name) | Subject::Project(name) | Subject::Team(name) | Subject::User(name) => {
                cut(name).to_owned()
            }
            Subject::Tag(None) => String::new(),
            // A name's own sign of equality is written %3D, so the first one ends the name.
            Subject::Tag(Some((name, value))) => {
                format!("{}={}", cut(name).replace('%', "%25").replace('=', "%3D"), cut(value))
            }
        };
        format!("{}{name}", self.dimension().prefix())
    }

    pub(super) fn parse(sort_key: &str) -> Option<Self> {
        let cut = |dimension: &Dimension| Some((*dimension, sort_key.strip_prefix(dimension.prefix())?));
        let (dimension, name) = Dimension::ALL.iter().find_map(cut)?;
        Some(match dimension {
            Dimension::Cell => Subject::Cell(Box::new(Cell::parse(name)?)),
            Dimension::Key => Subject::Key(KeyId::from(name)),
            Dimension::Model => {
                let (provider, model) = name.split_once('/')?;
                Subject::Model { provider: provider.to_owned(), model: model.to_owned() }
            }
            Dimension::Organization => Subject::Organization(name.to_owned()),
            Dimension::Project => Subject::Project(name.to_owned()),
            Dimension::Tag if name.is_empty() => Subject::Tag(None),
            Dimension::Tag => {
                let (name, value) = name.split_once('=')?;
                Subject::Tag(Some((name.replace("%3D", "=").replace("%25", "%"), value.to_owned())))
            }
            Dimension::Team => Subject::Team(name.to_owned()),
            Dimension::User => Subject::User(name.to_owned()),
        })
    }

    /// Everything a call counts under, its tags by name.
    pub(super) fn of_call(call: &CallItem) -> BTreeSet<Subject> {
        let cell = Cell::of_call(call);
        let mut subjects = BTreeSet::from([
            Subject::Key(call.key.clone()),
            Subject::Model { provider: cell.provider.clone(), model: cell.model.clone() },
            Subject::Organization(cell.organization.clone()),
            Subject::Project(cell.project.clone()),
            Subject::Team(cell.team.clone()),
            Subject::User(cell.user.clone()),
            Subject::Cell(Box::new(cell)),
        ]);
        let tags = &call.record.tags;
        subjects.extend(tags.iter().take(TAGS_OF_A_CALL).cloned().map(|tag| Subject::Tag(Some(tag))));
        if tags.len() > TAGS_OF_A_CALL {
            subjects.insert(Subject::Tag(None));
        }
        subjects
    }
}

impl Cell {
    fn of_call(call: &CallItem) -> Self {
        let record = &call.record;
        let some = |name: &Option<String>| cut(name.as_deref().unwrap_or_default()).to_owned();
        Self {
            key: call.key.to_string(),
            organization: some(&record.organization_id),
            team: some(&record.team_id),
            project: some(&record.project_id),
            user: some(&record.user_id),
            provider: record.provider.clone(),
            model: cut(&record.model).to_owned(),
        }
    }

    /// Whether it is of this team. A name that was cut may stand for several, and is taken for none of them.
    pub fn is_of_team(&self, team: &str) -> bool {
        is_whole(team) && self.team == team
    }

    /// Whether it is of this user, as for teams.
    pub fn is_of_user(&self, user: &str) -> bool {
        is_whole(user) && self.user == user
    }

    fn fields(&self) -> [&str; 7] {
        [&self.key, &self.organization, &self.team, &self.project, &self.user, &self.provider, &self.model]
    }

    /// A JSON list of the names, in this order.
    fn text(&self) -> String {
        serde_json::to_string(&self.fields()).unwrap_or_default()
    }

    fn parse(text: &str) -> Option<Self> {
        let [key, organization, team, project, user, provider, model] = serde_json::from_str(text).ok()?;
        Some(Self { key, organization, team, project, user, provider, model })
    }
}

/// Is a name surely as it was written? What was cut is at most three bytes shorter than there is room for.
fn is_whole(name: &str) -> bool {
    (1..LONGEST - 3).contains(&name.len())
}

/// The beginning of a name, if it is longer than a sort key has room for.
fn cut(name: &str) -> &str {
    name.get(..name.floor_char_boundary(LONGEST)).unwrap_or(name)
}
