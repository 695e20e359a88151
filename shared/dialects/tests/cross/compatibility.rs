//! `docs/compatibility.md`: what the tests found, for people to read.

use super::{
    HOW_TO_UPDATE, UPDATING, features,
    kits::{self, Kit, kits},
    losses::{How, Losses, losses, questions},
};
use config::catalog;
use domain::Wire;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
};

const PATH: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/compatibility.md");

const HEAD: &str = "\
<!-- Written by the cross tests: UPDATE=1 cargo test -p dialects --test cross -->

# Compatibility

Callers speak one wire, providers another. This page says what of a request arrives on the other side. It is written by the
tests that ask for every feature on every ordered pair of wires, and it fails them when it is no longer true.

A caller whose provider speaks the caller's own wire loses nothing: the request passes through, field by field as it was written.

|  | what becomes of it |
| --- | --- |
| ✓ | It is carried. |
| ≈ | It is said in another way, which does nearly the same. The reasons are below each table. |
| ○ | It is left out, and `x-portunus-dropped` names it. |
| ✗ | The request is a 400 that names it: it can neither be carried nor left out. |

With `strict_translation: true` every ○ is a 400 as well, and so is every ≈ that names something. Each wire's words for a feature
are in `shared/dialects/tests/cross/kits`.
";

/// Held to by `citations.rs`.
const SOURCES: &str = "
## What an answer rests on

Citations of answers are told to callers of every wire, streamed and whole: their pages (address and title), documents (number, place,
title), quoted words, and the words that rest on them. What a wire has no place for:

- **Completions** have words and nothing beside them.
- **Messages**, **Converse** and **Invoke** cite for a whole block: which of its words is not said. A page that another provider found has an
  empty `encrypted_index`.
- **Chat** annotates pages alone; other sources stand in `citations`, as the provider wrote them. It says nothing of quoted words, nor
  does **Responses**, whose documents are a `file_citation`.
- **Cohere** and **Gemini** count no pages and characters of documents: they tell which document it was.
- Gemini's searches (`webSearchQueries`, `searchEntryPoint`, `urlContextMetadata`), confidences and licences go to callers of Gemini alone.

In a conversation that goes on, citations of earlier answers are ○: providers check them against sources they gave themselves.
";

impl How {
    fn sign(how: Option<How>) -> &'static str {
        match how {
            None => "✓",
            Some(How::Approximated) => "≈",
            Some(How::Dropped) => "○",
            Some(How::Refused) => "✗",
        }
    }
}

fn page() -> String {
    let losses = losses();
    let mut page = HEAD.to_owned();
    page += &pairs(&losses);
    page += "\n## Feature by feature\n\nRows are what callers of other wires ask for, columns are what the provider speaks.\n";
    for (title, names) in features::SHARED {
        let asked: BTreeSet<&str> = questions().map(|(_, _, name, _)| name).collect();
        let names: Vec<&str> = names.iter().copied().filter(|name| asked.contains(name)).collect();
        page += &format!("\n### {title}\n\n{}{}", table(&losses, &names), reasons(&losses, &names));
    }
    page += SOURCES;
    page += &owns(&losses);
    page += &providers();
    page
}

/// Wire by wire: how many features come through, and how.
fn pairs(losses: &Losses) -> String {
    let mut text =
        "\n## Wire by wire\n\nHow many features of the row's wire reach a provider that speaks the column's.\n\n"
            .to_owned();
    text += &row("asked on ↓, told on →", kits().map(|to| to.title.to_owned()));
    text += &rule(kits().count());
    for from in kits() {
        text += &row(&format!("**{}** `{}`", from.title, from.wire), kits().map(|to| counted(losses, from, to)));
    }
    text + &proof()
}

fn counted(losses: &Losses, from: &Kit, to: &Kit) -> String {
    if from.wire == to.wire {
        return "passes through".to_owned();
    }
    let mut counts = [0; 4];
    for (feature, _) in (from.features)() {
        let loss = losses.get(&(feature, from.wire.name(), to.wire.name()));
        counts[loss.map_or(0, |loss| 1 + loss.how as usize)] += 1;
    }
    let said = ["✓", "≈", "○", "✗"].iter().zip(counts).filter(|(_, count)| *count > 0);
    said.map(|(sign, count)| format!("{count} {sign}")).collect::<Vec<_>>().join(" ")
}

/// What else the tests do with each wire.
fn proof() -> String {
    let mut text = "
Beside that, what was recorded of each wire goes to every other: the requests are read by a second reader of the other wire, obey its
provider's rules and fit its published schema; the answers and streams tell the same text, tool calls, usage and reason to stop.

"
    .to_owned();
    text += &row("recorded, at least", ["requests", "answers", "streams"].map(str::to_owned));
    text += &rule(3);
    for kit in kits() {
        let least = [kit.least.requests, kit.least.answers, kit.least.streams];
        text += &row(kit.title, least.map(|count| count.to_string()));
    }
    text
}

/// Features by wires.
fn table(losses: &Losses, names: &[&str]) -> String {
    let mut text = row("", kits().map(|to| to.title.to_owned())) + &rule(kits().count());
    for name in names {
        text += &row(name, kits().map(|to| cell(losses, name, to)));
    }
    text
}

/// What becomes of a feature on its way to a wire; where that depends on the caller's, all of it.
fn cell(losses: &Losses, name: &str, to: &Kit) -> String {
    let askers = kits().filter(|kit| kit.wire != to.wire && asks(kit, name));
    let mut signs: Vec<&str> = Vec::new();
    for from in askers {
        let sign = How::sign(losses.get(&(name_of(name), from.wire.name(), to.wire.name())).map(|loss| loss.how));
        if !signs.contains(&sign) {
            signs.push(sign);
        }
    }
    // Nobody else can ask.
    if signs.is_empty() { "✓".to_owned() } else { signs.join(" ") }
}

fn asks(kit: &Kit, name: &str) -> bool {
    (kit.features)().iter().any(|(feature, _)| *feature == name)
}

/// The name as the kits have it.
fn name_of(name: &str) -> &'static str {
    features::names().into_iter().find(|known| *known == name).unwrap()
}

/// Why, each reason once, in the order of the features.
fn reasons(losses: &Losses, names: &[&str]) -> String {
    let mut lines: Vec<(String, Vec<&str>)> = Vec::new();
    for name in names {
        let mut whys: BTreeMap<(How, &str), BTreeSet<&str>> = BTreeMap::new();
        for ((_, _, to), loss) in losses.iter().filter(|((feature, ..), _)| feature == name) {
            whys.entry((loss.how, &loss.why)).or_default().insert(title(to));
        }
        for ((how, why), to) in whys {
            let to = to.into_iter().collect::<Vec<_>>().join(", ");
            let line = format!("{} to {to}. {why}", How::sign(Some(how)));
            match lines.iter_mut().find(|(known, _)| *known == line) {
                Some((_, names)) => names.push(name),
                None => lines.push((line, vec![name])),
            }
        }
    }
    let lines = lines.iter().map(|(line, names)| format!("- **{}** {line}\n", names.join("**, **")));
    format!("\n{}", lines.collect::<String>())
}

fn title(wire: &str) -> &'static str {
    kits().find(|kit| kit.wire.name() == wire).unwrap().title
}

/// What one wire alone can ask for.
fn owns(losses: &Losses) -> String {
    let mut text = "\n## What one wire alone can ask for\n".to_owned();
    for kit in kits() {
        let own: Vec<&str> =
            (kit.features)().into_iter().map(|(name, _)| name).filter(|name| features::is_own(name)).collect();
        if !own.is_empty() {
            text += &format!("\n### {}\n\n{}{}", kit.title, own_table(losses, kit, &own), reasons(losses, &own));
        }
    }
    text
}

fn own_table(losses: &Losses, kit: &Kit, own: &[&str]) -> String {
    let others: Vec<&Kit> = kits().filter(|to| to.wire != kit.wire).collect();
    let mut text = row("", others.iter().map(|to| to.title.to_owned())) + &rule(others.len());
    for name in own {
        text += &row(&format!("`{name}`"), others.iter().map(|to| cell(losses, name, to)));
    }
    text
}

/// Which provider speaks what, and where it departs from its wire.
fn providers() -> String {
    let mut text = "
## Providers

A provider takes what the wire it speaks takes, but for the fields that its row in `shared/config/catalog` names: these are left out or
renamed on their way. Models differ too; what is known of them is in `shared/config/catalog/parameters.yaml`.

"
    .to_owned();
    text += &row("provider", ["speaks", "does not take", "calls otherwise"].map(str::to_owned));
    text += &rule(3);
    for provider in catalog::rows() {
        let speaks = provider.speaks.iter().map(|wire: &Wire| format!("`{wire}`"));
        let dropped = provider.quirks.drop.iter().map(|field| format!("`{field}`"));
        let renamed = provider.quirks.rename.iter().map(|(ours, theirs)| format!("`{ours}` → `{theirs}`"));
        let name = format!("[{}]({})", provider.name, provider.docs);
        text +=
            &row(&name, [speaks.collect::<Vec<_>>(), dropped.collect(), renamed.collect()].map(|cell| cell.join(", ")));
    }
    text
}

fn row(head: &str, cells: impl IntoIterator<Item = String>) -> String {
    let cells: Vec<String> = cells.into_iter().collect();
    format!("| {head} | {} |\n", cells.join(" | "))
}

fn rule(columns: usize) -> String {
    row("---", (0..columns).map(|_| "---".to_owned()))
}

#[test]
fn the_page_of_compatibility_is_true() {
    if !kits::are_complete() {
        return println!("some wires are not on offer yet: the page is not checked");
    }
    let page = page();
    if *UPDATING {
        fs::create_dir_all(PATH.trim_end_matches("compatibility.md")).unwrap();
        return fs::write(PATH, page).unwrap();
    }
    assert!(fs::read_to_string(PATH).unwrap_or_default() == page, "docs/compatibility.md is stale; {HOW_TO_UPDATE}");
}
