//! Organizations, teams, projects and users: made, read, changed, listed, deleted.

use crate::{
    audit::{Entry, Trail},
    journal::ListError,
    keys::{Peppers, public_id},
    listing::Listing,
    policy,
    retry::Backoff,
    table::{Delete, Get, Item, Key, Names, Put, Table, TableError, Write, labels},
};
use domain::{
    Json, Timestamp,
    group::{Group, GroupKind},
    key::VirtualKey,
};
use futures::future::try_join_all;
use std::sync::Arc;

const ROUNDS: u32 = 12;

/// The store of groups.
#[derive(Clone)]
pub struct Groups {
    table: Arc<dyn Table>,
    names: Names,
    /// Signs cursors.
    peppers: Peppers,
    /// Makes the entries that are written with changes.
    trail: Option<Arc<dyn Trail<Group>>>,
}

/// A page of groups, newest first.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct GroupPage {
    pub groups: Vec<Group>,
    /// Asks for the next page; `None` on the last.
    pub next: Option<String>,
}

/// Why a group could not be made, changed or listed.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum GroupError {
    #[error("there is no such group")]
    NotFound,
    #[error("the group was changed by somebody else meanwhile: read it again")]
    Conflict,
    #[error("there is a group with this id already")]
    Taken,
    #[error("the cursor does not belong to this list")]
    UnknownCursor,
    #[error("the operating system gives no random numbers: no id can be made")]
    NoRandomness,
    #[error(transparent)]
    Store(#[from] TableError),
}

impl From<ListError> for GroupError {
    fn from(error: ListError) -> Self {
        match error {
            ListError::UnknownCursor => Self::UnknownCursor,
            ListError::Store(error) => Self::Store(error),
        }
    }
}

impl Groups {
    pub fn new(table: Arc<dyn Table>, names: Names, peppers: Peppers) -> Self {
        Self { table, names, peppers, trail: None }
    }

    /// The same store; what is changed through it leaves an entry in the audit, in the same transaction [A4].
    #[must_use]
    pub fn leaving(self, trail: Arc<dyn Trail<Group>>) -> Self {
        Self { trail: Some(trail), ..self }
    }

    /// An id for a new group: `team_` and 16 characters.
    ///
    /// # Errors
    /// [`GroupError::NoRandomness`].
    pub fn new_id(&self, kind: GroupKind) -> Result<String, GroupError> {
        let public = public_id().map_err(|_| GroupError::NoRandomness)?;
        Ok(format!("{}_{public}", kind.name()))
    }

    /// Makes a group under the id it has.
    ///
    /// # Errors
    /// [`GroupError::Taken`], [`GroupError::Store`].
    pub async fn create(&self, group: &Group) -> Result<(), GroupError> {
        let main = Put::new(&self.names.keys, item(group, main_key(group.kind, &group.id)));
        let main = main.when("attribute_not_exists(pk) OR gone = :gone").value(":gone", true);
        let listed = Put::new(&self.names.keys, item(group, listed_key(group)));
        let entry = self.entry(None, Some(group));
        match self.write(vec![Write::Put(main), Write::Put(listed)], entry.clone()).await {
            Err(GroupError::Conflict) if self.was_made(group, entry.as_ref()).await? => Ok(()),
            Err(GroupError::Conflict) => Err(GroupError::Taken),
            done => done,
        }
    }

    /// A repetition of our own, its first answer lost? The same group made twice on purpose is told apart by its entry.
    async fn was_made(&self, group: &Group, entry: Option<&Entry>) -> Result<bool, GroupError> {
        let kept = match entry {
            Some(entry) => entry.is_kept(&*self.table, &self.names).await?,
            None => true,
        };
        Ok(kept && self.get(group.kind, &group.id).await?.as_ref() == Some(group))
    }

    /// One group.
    ///
    /// # Errors
    /// As the table.
    pub async fn get(&self, kind: GroupKind, id: &str) -> Result<Option<Group>, TableError> {
        match self.item(kind, id).await?.filter(|item| !is_gone(item)) {
            None => Ok(None),
            Some(item) => read(kind, &item).map(Some).ok_or_else(unreadable),
        }
    }

    /// A group as those stand to it who name it: one that was deleted lets nobody pass.
    async fn standing(&self, kind: GroupKind, id: &str) -> Result<Option<Group>, TableError> {
        match self.item(kind, id).await? {
            None => Ok(None),
            Some(item) if is_gone(&item) => {
                Ok(Some(Group { blocked: true, ..Group::named(kind, id.to_owned(), "", Timestamp::default()) }))
            }
            Some(item) => read(kind, &item).map(Some).ok_or_else(unreadable),
        }
    }

    async fn item(&self, kind: GroupKind, id: &str) -> Result<Option<Item>, TableError> {
        self.table.get(&Get::consistent(&self.names.keys, main_key(kind, id))).await
    }

    /// What a key belongs to: its user, project and team, and the organization of any of them. Ids that never named a
    /// group are labels; a group that was deleted is there as one that is blocked, so that nothing that belonged to it
    /// goes on without its limits.
    ///
    /// # Errors
    /// As the table.
    pub async fn above(&self, key: &VirtualKey) -> Result<Vec<Group>, TableError> {
        let named = [
            (GroupKind::User, &key.user_id),
            (GroupKind::Project, &key.project_id),
            (GroupKind::Team, &key.team_id),
            (GroupKind::Organization, &key.organization_id),
        ];
        let reads = named.into_iter().filter_map(|(kind, id)| Some(self.standing(kind, id.as_deref()?)));
        let mut found: Vec<Group> = try_join_all(reads).await?.into_iter().flatten().collect();
        for kind in [GroupKind::Team, GroupKind::Organization] {
            if found.iter().all(|group| group.kind != kind) {
                let parents = found.iter().filter_map(|group| group.parent(kind)).map(str::to_owned).next();
                if let Some(id) = parents {
                    found.extend(self.standing(kind, &id).await?);
                }
            }
        }
        Ok(found)
    }

    /// Groups of a kind, newest first, at most `limit` (1 to 200) of them.
    ///
    /// # Errors
    /// As [`Groups::find`].
    pub async fn list(&self, kind: GroupKind, limit: u32, cursor: Option<&str>) -> Result<GroupPage, GroupError> {
        self.find(kind, limit, cursor, |_| true).await
    }

    /// Groups of a kind that somebody wants, newest first, at most `limit` (1 to 200) of them.
    ///
    /// # Errors
    /// [`GroupError::UnknownCursor`] for one that this list did not give out; [`GroupError::Store`].
    pub async fn find(
        &self,
        kind: GroupKind,
        limit: u32,
        cursor: Option<&str>,
        wants: impl Fn(&Group) -> bool,
    ) -> Result<GroupPage, GroupError> {
        let partition = list_pk(kind);
        let listing =
            Listing { table: &*self.table, name: &self.names.keys, partition: &partition, peppers: &self.peppers };
        let keep = |item: &Item| read(kind, item).filter(|group| wants(group));
        let (groups, next) = listing.page(limit, cursor, keep).await?;
        Ok(GroupPage { groups, next })
    }

    /// Stores `group`, which was read at its `version`, and answers it at the next.
    ///
    /// # Errors
    /// [`GroupError::Conflict`] if the stored group has another version [D7], [`GroupError::NotFound`],
    /// [`GroupError::Store`].
    pub async fn update(&self, group: Group) -> Result<Group, GroupError> {
        let stored = self.get(group.kind, &group.id).await?.ok_or(GroupError::NotFound)?;
        let seen = group.version;
        let group = Group { created_at: stored.created_at, version: seen + 1, ..group };
        let main = Put::new(&self.names.keys, item(&group, main_key(group.kind, &group.id)));
        let main = main.when("v = :seen").value(":seen", seen);
        let listed = Put::new(&self.names.keys, item(&group, listed_key(&group)));
        let entry = self.entry(Some(&stored), Some(&group));
        match self.write(vec![Write::Put(main), Write::Put(listed)], entry).await {
            Ok(()) => Ok(group),
            // A repetition of our own, its first answer lost.
            Err(GroupError::Conflict) if self.get(group.kind, &group.id).await?.as_ref() == Some(&group) => Ok(group),
            Err(error) => Err(error),
        }
    }

    /// Removes a group. Its spending and the call records of its keys stay, and so does a mark, so that nobody who belonged
    /// to it goes on until it is made again.
    ///
    /// # Errors
    /// As [`Groups::update`].
    pub async fn delete(&self, kind: GroupKind, id: &str) -> Result<(), GroupError> {
        let group = self.get(kind, id).await?.ok_or(GroupError::NotFound)?;
        let main = Put::new(&self.names.keys, mark(main_key(kind, id))).when("v = :v").value(":v", group.version);
        let listed = Delete::new(&self.names.keys, listed_key(&group));
        match self.write(vec![Write::Put(main), Write::Delete(listed)], self.entry(Some(&group), None)).await {
            // A repetition of our own, its first answer lost.
            Err(GroupError::Conflict) if self.get(kind, id).await?.is_none() => Ok(()),
            done => done,
        }
    }

    fn entry(&self, before: Option<&Group>, after: Option<&Group>) -> Option<Entry> {
        self.trail.as_ref().map(|trail| trail.entry(before, after, None))
    }

    /// A transaction with its entry, tried again while others are at work on the same items.
    async fn write(&self, mut writes: Vec<Write>, entry: Option<Entry>) -> Result<(), GroupError> {
        writes.extend(entry.as_ref().map(|entry| entry.write(&self.names)));
        let mut backoff = Backoff::of(ROUNDS);
        loop {
            match self.table.transact(&writes).await {
                Ok(()) => break,
                Err(TableError::TransactionCancelled { .. }) => return Err(GroupError::Conflict),
                Err(error) if error.is_contention() && backoff.again().await => {}
                Err(error) => return Err(error.into()),
            }
        }
        if let (Some(trail), Some(entry)) = (&self.trail, &entry) {
            trail.kept(entry);
        }
        Ok(())
    }
}

fn main_key(kind: GroupKind, id: &str) -> Key {
    Key::new(format!("GROUP#{}#{id}", kind.name()), "GROUP")
}

fn list_pk(kind: GroupKind) -> String {
    format!("GROUPS#{}", kind.name())
}

fn listed_key(group: &Group) -> Key {
    Key::new(list_pk(group.kind), format!("{:014}#{}", group.created_at.millis(), group.id))
}

/// What is left of a group that was deleted.
fn mark(place: Key) -> Item {
    Item::at(place.pk, place.sk).with("gone", true)
}

fn is_gone(item: &Item) -> bool {
    item.flag("gone")
}

/// A group that cannot be read keeps its limits: whoever asks is told that the store failed.
fn unreadable() -> TableError {
    TableError::Invalid("a group cannot be read".to_owned())
}

fn item(group: &Group, place: Key) -> Item {
    let item = Item::at(place.pk, place.sk)
        .with("id", group.id.as_str())
        .with("name", group.name.as_str())
        .with_some("organization_id", group.organization_id.as_deref())
        .with_some("team_id", group.team_id.as_deref())
        .with_some("role", group.role.as_deref())
        .with_some("service", group.is_service_account.then_some(true))
        .with_some("blocked", group.blocked.then_some(true))
        .with_some("tags", labels(&group.tags))
        .with_some("metadata", group.metadata.as_ref().map(Json::as_str))
        .with("created_at", group.created_at)
        .with("v", group.version);
    policy::onto(item, &group.allowed, &group.limits)
}

fn read(kind: GroupKind, item: &Item) -> Option<Group> {
    let text = |name| item.text(name).map(str::to_owned);
    let created_at: Timestamp = item.moment("created_at")?;
    Some(Group {
        kind,
        id: text("id")?,
        name: text("name")?,
        organization_id: text("organization_id"),
        team_id: text("team_id"),
        role: text("role"),
        is_service_account: item.flag("service"),
        allowed: policy::allowed(item)?,
        limits: policy::limits(item)?,
        blocked: item.flag("blocked"),
        tags: item.labels("tags"),
        metadata: text("metadata").map(Json::verbatim),
        created_at,
        version: item.count("v")?,
    })
}
