//! The configuration changed while it serves, and the admin API from a terminal.

use crate::process::{Folder, Process, statuses};
use mock_upstream::MockUpstream;
use std::{
    io::Write,
    os::unix::fs::PermissionsExt,
    process::{Command, Stdio},
    time::{Duration, Instant},
};

/// What `portunus …` printed, and whether it ended well.
fn portunus(process: &Process, words: &[&str]) -> (bool, String, String) {
    let admin = process.banner.split("PORTUNUS_ADMIN_KEY=").nth(1).unwrap().split_whitespace().next().unwrap();
    let run = Command::new(env!("CARGO_BIN_EXE_portunus"))
        .args(words)
        .args(["--url", &format!("http://{}", process.address)])
        .env("PORTUNUS_ADMIN_KEY", admin)
        .output()
        .unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    (run.status.success(), text(run.stdout), text(run.stderr))
}

fn done(process: &Process, words: &[&str]) -> String {
    let (good, out, log) = portunus(process, words);
    assert!(good, "{words:?}: {out}{log}");
    out
}

#[test]
fn a_configuration_put_by_an_admin_serves_within_ten_seconds_and_outlives_a_restart() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let first = Process::start(&folder, &upstream);
    let asked = |process: &Process| statuses(&process.raw(process.chat("parrot", false).as_bytes()));
    assert_eq!(asked(&first), [404]);
    let file = folder.0.join("portunus.yaml");
    let old = std::fs::read_to_string(&file).unwrap();
    let new = folder.0.join("new.yaml");
    let model = "models:\n  - { name: parrot, targets: [{ provider: echo, model: echo }] }\n";
    std::fs::write(&new, format!("{old}{model}")).unwrap();
    assert!(done(&first, &["config", "validate", new.to_str().unwrap()]).contains("nothing is wrong"));
    let put = done(&first, &["config", "put", new.to_str().unwrap()]);
    assert!(put.contains("overrides_file  true") && put.contains("version         2"), "{put}");
    let (begun, mut seen) = (Instant::now(), asked(&first));
    while seen != [200] && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(100));
        seen = asked(&first);
    }
    assert_eq!(seen, [200]);
    let shown = done(&first, &["config", "get"]);
    assert!(
        shown.contains("parrot") && shown.contains("hidden-sha256-") && !shown.contains("api_key: \"k\""),
        "{shown}"
    );
    std::fs::write(&new, "models: 1").unwrap();
    let (good, _, log) = portunus(&first, &["config", "put", new.to_str().unwrap()]);
    assert!(!good && log.contains("1:9"), "{log}");
    done(&first, &["config", "rollback", "1"]);
    let versions = done(&first, &["config", "versions"]);
    assert!(versions.contains("rollback") && versions.contains("admin") && versions.contains("file"), "{versions}");
    first.terminate();
    assert!(first.ended(Duration::from_secs(20)).0.success());
}

#[test]
fn x1_a_credential_handed_in_from_a_terminal_is_used_within_ten_seconds() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let first = Process::start(&folder, &upstream);
    let old = std::fs::read_to_string(folder.0.join("portunus.yaml")).unwrap();
    let mine = format!("providers:\n  mine: {{ kind: openai, base_url: \"{}/v1\" }}\n", upstream.url());
    let new = folder.0.join("new.yaml");
    std::fs::write(&new, old.replacen("providers:\n", &mine, 1)).unwrap();
    done(&first, &["config", "put", new.to_str().unwrap()]);
    let handed_in = hand_in(&first, "mine", "sk-canary-0123456789");
    assert!(handed_in.contains("sha256:") && !handed_in.contains("sk-canary"), "{handed_in}");
    let listed = done(&first, &["providers", "list"]);
    assert!(listed.lines().any(|line| line.starts_with("mine") && line.contains("handed_in")), "{listed}");
    let shown = |process: &Process| {
        process.raw(process.chat("mine/gpt-4o", false).as_bytes());
        let requests = upstream.requests();
        let headers = requests.last().map(|request| request.headers.clone()).unwrap_or_default();
        headers.into_iter().find(|(name, _)| name == "authorization").map(|(_, value)| value)
    };
    let (begun, mut seen) = (Instant::now(), None);
    while seen.is_none() && begun.elapsed() < Duration::from_secs(10) {
        std::thread::sleep(Duration::from_millis(100));
        seen = shown(&first);
    }
    assert_eq!(seen.as_deref(), Some("Bearer sk-canary-0123456789"));
    first.terminate();
    assert!(first.ended(Duration::from_secs(20)).0.success());
    let kept = std::fs::read_dir(folder.0.join("data/credentials")).unwrap().next().unwrap().unwrap();
    assert_eq!(kept.metadata().unwrap().permissions().mode() & 0o777, 0o600);
}

/// Hands a credential in on standard input.
fn hand_in(process: &Process, name: &str, credential: &str) -> String {
    let admin = process.banner.split("PORTUNUS_ADMIN_KEY=").nth(1).unwrap().split_whitespace().next().unwrap();
    let mut run = Command::new(env!("CARGO_BIN_EXE_portunus"))
        .args(["providers", "credential", name, "--url", &format!("http://{}", process.address)])
        .env("PORTUNUS_ADMIN_KEY", admin)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    run.stdin.take().unwrap().write_all(format!("{credential}\n").as_bytes()).unwrap();
    let output = run.wait_with_output().unwrap();
    assert!(output.status.success());
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn budgets_of_the_operator_and_their_alerts_from_a_terminal() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let process = Process::start(&folder, &upstream);
    assert_eq!(done(&process, &["budgets"]), "none\n");
    let old = std::fs::read_to_string(folder.0.join("portunus.yaml")).unwrap();
    let new = folder.0.join("new.yaml");
    let budget = "budget: { scopes: [{ scope: provider, id: up, max_budget_usd: 7.5, budget_period: daily }] }\n";
    std::fs::write(&new, format!("{old}{budget}")).unwrap();
    done(&process, &["config", "put", new.to_str().unwrap()]);
    let shown = done(&process, &["budgets"]);
    let line = shown.lines().nth(1).unwrap_or_default();
    assert!(shown.starts_with("scope ") && line.contains("up") && line.contains("7.5"), "{shown}");
    let json: serde_json::Value = serde_json::from_str(&done(&process, &["budgets", "--json"])).unwrap();
    assert_eq!(json["data"][0]["remaining_usd"], "7.5");
    assert_eq!(done(&process, &["alerts"]), "none\n");
}

#[test]
fn keys_teams_usage_and_the_audit_from_a_terminal() {
    let (folder, upstream) = (Folder::new(), MockUpstream::start().unwrap());
    let process = Process::start(&folder, &upstream);
    done(&process, &["teams", "create", "id=red", "name=Red team", "max_budget_usd=5"]);
    let made = done(&process, &["keys", "create", "name=ci", "team_id=red", "models=[\"echo*\"]", "--json"]);
    let made: serde_json::Value = serde_json::from_str(&made).unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!((&made["team_id"], &made["models"]), (&serde_json::json!("red"), &serde_json::json!(["echo*"])));
    let listed = done(&process, &["keys", "list"]);
    assert!(listed.starts_with("id ") && listed.contains(id) && !listed.contains("sk-ptn-"), "{listed}");
    assert!(done(&process, &["keys", "update", id, "max_parallel=3"]).contains("max_parallel"));
    assert!(done(&process, &["keys", "rotate", id]).contains("sk-ptn-"));
    assert!(done(&process, &["keys", "block", id]).contains("blocked          true"));
    assert_eq!(statuses(&process.raw(process.chat("echo/echo", false).as_bytes())), [200]);
    std::thread::sleep(Duration::from_millis(2_500));
    assert!(done(&process, &["usage"]).contains("cost_usd"));
    assert!(done(&process, &["requests"]).contains("echo"), "the call is not listed");
    done(&process, &["keys", "delete", id]);
    let audit = done(&process, &["audit", "--object", "key"]);
    for action in ["key.create", "key.update", "key.rotate", "key.block", "key.revoke"] {
        assert!(audit.contains(action), "{action}: {audit}");
    }
    let (good, _, log) = portunus(&process, &["keys", "get", id]);
    assert!(!good && log.contains("there is no key with this id"), "{log}");
    let (good, _, log) = portunus(&process, &["keys", "create", "nonsense=1"]);
    assert!(!good && log.contains("nonsense"), "{log}");
}
