//! What a key belongs to binds it: models, budgets and blocks of its user, project, team and organization.

use domain::{
    Usd,
    group::{Group, GroupKind},
    key::VirtualKey,
};
use harness::Portunus;

const CHAT: &str =
    r#"{"model": "up-openai/gpt-4o", "max_tokens": 100, "messages": [{"role": "user", "content": "hello"}]}"#;

async fn group(portunus: &Portunus, kind: GroupKind, id: &str, change: impl FnOnce(&mut Group)) {
    let mut group = Group::named(kind, id, id, portunus.clock.now());
    change(&mut group);
    portunus.keys.groups().create(&group).await.unwrap();
}

async fn chat(portunus: &Portunus, secret: &str) -> (u16, String) {
    let bearer = format!("Bearer {secret}");
    let reply = portunus.send("/v1/chat/completions", CHAT, &[("authorization", &bearer)]).await;
    (reply.status, reply.text())
}

#[tokio::test]
async fn a_blocked_group_refuses_all_its_keys_alike() {
    let portunus = Portunus::start().await;
    for kind in GroupKind::ALL {
        group(&portunus, kind, "shut", |group| group.blocked = true).await;
        let (_, secret) = portunus.key_with(|key| belong(key, kind, "shut")).await;
        assert_eq!(chat(&portunus, &secret).await.0, 401, "{}", kind.name());
    }
}

fn belong(key: &mut VirtualKey, kind: GroupKind, id: &str) {
    let of = match kind {
        GroupKind::Organization => &mut key.organization_id,
        GroupKind::Project => &mut key.project_id,
        GroupKind::Team => &mut key.team_id,
        GroupKind::User => &mut key.user_id,
    };
    *of = Some(id.to_owned());
}

#[tokio::test]
async fn r5_a_key_reaches_only_what_everybody_above_it_may() {
    let portunus = Portunus::start().await;
    group(&portunus, GroupKind::Team, "narrow", |team| team.allowed.models = vec!["claude-*".to_owned()]).await;
    let (_, secret) = portunus.key_with(|key| key.team_id = Some("narrow".to_owned())).await;
    let (status, text) = chat(&portunus, &secret).await;
    assert!(status == 403 && text.contains("model_not_allowed"), "{text}");
}

#[tokio::test]
async fn m1_a_teams_budget_stops_a_key_that_has_none() {
    let portunus = Portunus::start().await;
    group(&portunus, GroupKind::Organization, "poor", |group| group.limits.max_budget = Some(Usd::from_pico(1))).await;
    group(&portunus, GroupKind::Team, "of_poor", |team| team.organization_id = Some("poor".to_owned())).await;
    let (_, secret) = portunus.key_with(|key| key.team_id = Some("of_poor".to_owned())).await;
    let (status, text) = chat(&portunus, &secret).await;
    assert!(status == 402 && text.contains("budget_exceeded"), "{text}");
}

#[tokio::test]
async fn an_id_that_names_no_group_is_a_label() {
    let portunus = Portunus::start().await;
    let (_, secret) = portunus.key_with(|key| key.team_id = Some("nowhere".to_owned())).await;
    assert_eq!(chat(&portunus, &secret).await.0, 200);
}

#[tokio::test]
async fn k4_a_group_that_is_deleted_takes_its_keys_along_until_it_is_made_again() {
    let portunus = Portunus::start().await;
    for kind in GroupKind::ALL {
        group(&portunus, kind, "gone", |group| group.limits.max_budget = Some(Usd::ZERO)).await;
        portunus.keys.groups().delete(kind, "gone").await.unwrap();
        let (_, secret) = portunus.key_with(|key| belong(key, kind, "gone")).await;
        assert_eq!(chat(&portunus, &secret).await.0, 401, "{} without its budget", kind.name());
        group(&portunus, kind, "gone", |_| {}).await;
        let (_, another) = portunus.key_with(|key| belong(key, kind, "gone")).await;
        assert_eq!(chat(&portunus, &another).await.0, 200, "{}", kind.name());
    }
    assert_eq!(portunus.upstream.requests().len(), GroupKind::ALL.len());
}
