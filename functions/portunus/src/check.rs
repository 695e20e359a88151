//! `portunus check FILE`: validates a configuration, prints which model goes where, and every fault with its place.

use config::{Config, Lookup, Prices};
use domain::Secret;
use std::{path::Path, process::ExitCode};

/// Exit code 0 if nothing is wrong with the file, else 1 and a line per problem.
pub fn run(file: &Path) -> ExitCode {
    let name = file.display().to_string();
    let text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(problem) => {
            eprintln!("{name}: {problem}");
            return ExitCode::FAILURE;
        }
    };
    match config::load(&name, &text, &Offline) {
        Ok(config) => {
            show(&config);
            ExitCode::SUCCESS
        }
        Err(problems) => {
            problems.iter().for_each(|problem| eprintln!("{problem}"));
            ExitCode::FAILURE
        }
    }
}

fn show(config: &Config) {
    config.warnings.iter().for_each(|warning| eprintln!("warning: {warning}"));
    let rows = config::resolved_table(config, &Prices::builtin());
    rows.iter().for_each(|row| println!("{row}"));
    if config.direct_models {
        let names: Vec<&str> = config.providers.iter().map(|provider| provider.name.as_str()).collect();
        println!("and any model of {} as provider/model", names.join(", "));
    }
}

/// The environment as it is; secrets are not fetched to check a file, so each passes as present.
struct Offline;

impl Lookup for Offline {
    fn env(&self, name: &str) -> Option<String> {
        config::ProcessEnv.env(name)
    }

    fn secret(&self, _name: &str, _field: Option<&str>) -> Option<Secret> {
        Some(Secret::new("not fetched"))
    }
}
