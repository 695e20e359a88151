//! The shape of the tree, held by reading it.

use std::{
    fs,
    path::{Path, PathBuf},
};

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

fn sources(folder: &str) -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut folders = vec![root().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_some_and(|name| name != "target") {
                folders.push(path);
            } else if path.extension().is_some_and(|ending| ending == "rs") {
                let name = path.strip_prefix(root()).unwrap().display().to_string();
                found.push((name, fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "nothing in {folder}");
    found
}

/// The dependencies a manifest names, dev-dependencies left out.
fn dependencies(manifest: &str) -> Vec<String> {
    let text = fs::read_to_string(root().join(manifest)).unwrap();
    let section = text.split("\n[dependencies]\n").nth(1).unwrap_or("");
    let section = section.split("\n[").next().unwrap_or("");
    section
        .lines()
        .filter_map(|line| line.split(['.', ' ', '=']).next())
        .map(str::to_owned)
        .filter(|n| !n.is_empty())
        .collect()
}

#[test]
fn crates_import_in_one_direction() {
    let ours = ["admin", "config", "dialects", "domain", "gateway", "identity", "providers", "stores"];
    let allowed: [(&str, &[&str]); 8] = [
        ("domain", &[]),
        ("config", &["domain"]),
        ("dialects", &["domain"]),
        ("providers", &["domain", "config", "dialects"]),
        ("stores", &["domain"]),
        ("identity", &["domain", "config", "providers"]),
        ("gateway", &["domain", "config", "dialects", "identity", "providers", "stores"]),
        ("admin", &["domain", "config", "identity", "stores"]),
    ];
    for (name, may) in allowed {
        let named = dependencies(&format!("shared/{name}/Cargo.toml"));
        let wrong: Vec<_> = named.iter().filter(|d| ours.contains(&d.as_str()) && !may.contains(&d.as_str())).collect();
        assert!(wrong.is_empty(), "{name} must not import {wrong:?}");
    }
}

#[test]
fn the_inner_crates_know_no_runtime() {
    for name in ["domain", "dialects", "config"] {
        let named = dependencies(&format!("shared/{name}/Cargo.toml"));
        let wrong: Vec<_> = named
            .iter()
            .filter(|d| ["tokio", "hyper", "reqwest", "axum", "http"].contains(&d.as_str()) || d.starts_with("aws"))
            .collect();
        assert!(wrong.is_empty(), "{name} must not know {wrong:?}");
    }
}

#[test]
fn the_stages_of_a_call_do_not_import_each_other() {
    let stages = ["identity", "routing", "admission", "relay", "settlement"];
    for (file, text) in sources("shared/gateway/src") {
        let stage =
            stages.iter().find(|s| file.contains(&format!("src/{s}.rs")) || file.contains(&format!("src/{s}/")));
        let Some(stage) = stage else { continue };
        let body = text.split("#[cfg(test)]").next().unwrap_or("");
        for other in stages.iter().filter(|other| *other != stage) {
            assert!(!body.contains(&format!("crate::{other}")), "{file} imports the stage {other}");
        }
    }
}

#[test]
fn e8_only_the_dialer_makes_an_http_client() {
    for folder in ["shared", "functions"] {
        for (file, text) in sources(folder) {
            let makes =
                ["reqwest::Client", "hyper_util::client", "hyper::client", "HttpsConnector", "Client::builder("];
            if file.contains("providers/src/dialer") || file.contains("/tests/") {
                continue;
            }
            assert!(!makes.iter().any(|m| text.contains(m)), "{file} makes an HTTP client of its own");
        }
    }
}

#[test]
fn nothing_is_spawned_outside_the_places_that_say_why() {
    for folder in ["shared", "functions"] {
        for (file, text) in sources(folder) {
            if file.contains("/tests/") || file.contains("/examples/") {
                continue;
            }
            let body = text.split("#[cfg(test)]").next().unwrap_or("");
            if body.contains("tokio::spawn(") || body.contains("task::spawn(") {
                assert!(body.contains("disallowed_methods, reason"), "{file} spawns and does not say why");
            }
        }
    }
}

#[test]
fn every_module_says_what_it_is_for() {
    for folder in ["shared", "functions", "tests"] {
        for (file, text) in sources(folder) {
            assert!(text.starts_with("//!"), "{file} does not begin with //!");
        }
    }
}

#[test]
fn no_leftovers() {
    for folder in ["shared", "functions", "tests"] {
        for (file, text) in sources(folder) {
            if file.ends_with("tidy.rs") {
                continue;
            }
            for word in ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "#[ignore"] {
                assert!(!text.contains(word), "{file} still holds {word}");
            }
        }
    }
}

#[test]
fn files_stay_readable() {
    // Longer files say here why they are one room.
    let reasons: [(&str, usize); 0] = [];
    for folder in ["shared", "functions"] {
        for (file, text) in sources(folder) {
            if file.contains("/tests/") {
                continue;
            }
            let lines = text.split("#[cfg(test)]").next().unwrap_or("").lines().count();
            let most = reasons.iter().find(|(name, _)| file.ends_with(name)).map_or(500, |(_, most)| *most);
            assert!(lines <= most, "{file} has {lines} production lines; split it or give a reason here");
        }
    }
}
