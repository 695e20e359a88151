//! The one route table: method, template, scope [R1]. Everything else is 404.

use domain::{group::GroupKind, role::Action};
use http::Method;

/// One row of the table.
#[derive(Debug)]
pub struct Route {
    pub method: Method,
    /// Path segments below `/admin/v1`; `{id}` takes one segment.
    pub template: &'static [&'static str],
    /// Who may use it: those for whom this reaches anything.
    pub scope: Action,
    pub serves: Serves,
}

/// What a route does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Serves {
    Alerts,
    Audit,
    BlockGroup(GroupKind),
    BlockKey,
    Budgets,
    ChangeGroup(GroupKind),
    ChangeKey,
    CheckConfig,
    Config,
    ConfigVersions,
    CreateGroup(GroupKind),
    CreateKey,
    DeleteGroup(GroupKind),
    Groups(GroupKind),
    Keys,
    Models,
    OneConfig,
    OneGroup(GroupKind),
    OneKey,
    OneRequest,
    Providers,
    PutConfig,
    PutCredential,
    Requests,
    RevokeKey,
    RollConfigBack,
    RotateKey,
    UnblockGroup(GroupKind),
    UnblockKey,
    Usage,
}

macro_rules! route {
    ($method:ident $($segment:literal)/+ => $serves:expr, $scope:ident) => {
        Route { method: Method::$method, template: &[$($segment),+], scope: Action::$scope, serves: $serves }
    };
}

/// The routes of one kind of thing.
static PLAIN: [Route; 23] = [
    route!(POST "keys" => Serves::CreateKey, ManageKeys),
    route!(GET "keys" => Serves::Keys, ReadKeys),
    route!(GET "keys" / "{id}" => Serves::OneKey, ReadKeys),
    route!(PATCH "keys" / "{id}" => Serves::ChangeKey, ManageKeys),
    route!(DELETE "keys" / "{id}" => Serves::RevokeKey, ManageKeys),
    route!(POST "keys" / "{id}" / "rotate" => Serves::RotateKey, ManageKeys),
    route!(POST "keys" / "{id}" / "block" => Serves::BlockKey, ManageKeys),
    route!(POST "keys" / "{id}" / "unblock" => Serves::UnblockKey, ManageKeys),
    route!(GET "usage" => Serves::Usage, ReadUsage),
    route!(GET "budgets" => Serves::Budgets, ReadUsage),
    route!(GET "models" => Serves::Models, ReadCatalog),
    route!(GET "providers" => Serves::Providers, ReadCatalog),
    route!(PUT "providers" / "{id}" / "credentials" => Serves::PutCredential, ManageProviders),
    route!(GET "requests" / "{id}" => Serves::OneRequest, ReadUsage),
    route!(GET "requests" => Serves::Requests, ReadUsage),
    route!(GET "alerts" => Serves::Alerts, ReadAlerts),
    route!(GET "audit" => Serves::Audit, ReadAudit),
    route!(GET "config" => Serves::Config, ReadSettings),
    route!(PUT "config" => Serves::PutConfig, ManageSettings),
    route!(POST "config" / "validate" => Serves::CheckConfig, ReadSettings),
    route!(POST "config" / "rollback" => Serves::RollConfigBack, ManageSettings),
    route!(GET "config" / "versions" => Serves::ConfigVersions, ReadSettings),
    route!(GET "config" / "versions" / "{id}" => Serves::OneConfig, ReadSettings),
];

macro_rules! groups {
    ($name:ident, $segment:literal, $kind:ident) => {
        static $name: [Route; 7] = [
    route!(POST $segment => Serves::CreateGroup(GroupKind::$kind), ManageGroups),
    route!(GET $segment => Serves::Groups(GroupKind::$kind), ReadGroups),
    route!(GET $segment / "{id}" => Serves::OneGroup(GroupKind::$kind), ReadGroups),
    route!(PATCH $segment / "{id}" => Serves::ChangeGroup(GroupKind::$kind), LowerLimits),
    route!(DELETE $segment / "{id}" => Serves::DeleteGroup(GroupKind::$kind), ManageGroups),
    route!(POST $segment / "{id}" / "block" => Serves::BlockGroup(GroupKind::$kind), ManageGroups),
    route!(POST $segment / "{id}" / "unblock" => Serves::UnblockGroup(GroupKind::$kind), ManageGroups),
        ];
    };
}

groups!(ORGANIZATIONS, "organizations", Organization);
groups!(PROJECTS, "projects", Project);
groups!(TEAMS, "teams", Team);
groups!(USERS, "users", User);

/// Every route of the admin plane.
pub fn routes() -> impl Iterator<Item = &'static Route> {
    [PLAIN.as_slice(), &ORGANIZATIONS, &PROJECTS, &TEAMS, &USERS].into_iter().flatten()
}

/// What a path matched.
#[derive(Debug)]
pub enum Matched {
    /// The route, and what its `{id}` held.
    Route(&'static Route, Option<String>),
    /// The path is known, the method is not.
    WrongMethod,
    Nothing,
}

/// Matches a method and a raw path against the table [R2].
pub fn matched(method: &Method, path: &str) -> Matched {
    let Some(below) = path.strip_prefix("/admin/v1/") else { return Matched::Nothing };
    let segments: Vec<&str> = below.split('/').collect();
    let mut known = false;
    for route in routes().filter(|route| fits(route.template, &segments)) {
        if route.method == *method {
            let id = route.template.iter().zip(&segments).find(|(part, _)| **part == "{id}").map(|(_, id)| *id);
            return Matched::Route(route, id.map(str::to_owned));
        }
        known = true;
    }
    if known { Matched::WrongMethod } else { Matched::Nothing }
}

/// The methods that a path takes.
pub fn methods(path: &str) -> Vec<&'static str> {
    let segments: Vec<&str> = path.strip_prefix("/admin/v1/").unwrap_or_default().split('/').collect();
    routes().filter(|route| fits(route.template, &segments)).map(|route| route.method.as_str()).collect()
}

fn fits(template: &[&str], segments: &[&str]) -> bool {
    let one = |(part, segment): (&&str, &&str)| if *part == "{id}" { is_id(segment) } else { part == segment };
    template.len() == segments.len() && template.iter().zip(segments).all(one)
}

/// Ids of ours are plain: nothing in them is ever encoded.
fn is_id(segment: &str) -> bool {
    let plain = |b: u8| b.is_ascii_alphanumeric() || b == b'_' || b == b'-';
    (1..=64).contains(&segment.len()) && segment.bytes().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn r2_a_path_matches_one_row_and_gives_its_id() {
        let Matched::Route(route, id) = matched(&Method::POST, "/admin/v1/keys/key_a/rotate") else { panic!() };
        assert_eq!((route.serves, id.as_deref()), (Serves::RotateKey, Some("key_a")));
        assert!(matches!(matched(&Method::PUT, "/admin/v1/keys"), Matched::WrongMethod));
    }

    #[test]
    fn r1_what_is_not_in_the_table_matches_nothing() {
        let paths = ["/admin/v1", "/admin/v1/", "/admin/v1/keys/", "/admin/v1//keys", "/admin/v2/keys", "/keys"];
        let climbing = ["/admin/v1/keys/..", "/admin/v1/keys/%2e%2e", "/admin/v1/keys/a%2fb", "/Admin/v1/keys"];
        for path in paths.into_iter().chain(climbing) {
            assert!(matches!(matched(&Method::GET, path), Matched::Nothing), "{path}");
        }
    }
}
