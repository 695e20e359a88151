//! The binary people run: the whole gateway in one process, and what goes with it.

use clap::{Args, Parser, Subcommand};
use std::process::ExitCode;

/// Verifies the archive of call records.
mod audit;
/// Validates a configuration and shows what it means.
mod check;
/// The admin API from a terminal.
mod client;
/// Which configuration is in force.
mod configuration;
/// What reads the stream of call records.
mod jobs;
/// The listener: connections in, limits on them, a graceful end.
mod listen;
/// What a local server makes for itself once.
mod local;
/// Logs.
mod log;
/// Two applications on one port.
mod planes;
/// Reads on what callers abandon.
mod pump;
/// The whole gateway on one port.
mod serve;
/// Alerts as the configuration in force has them.
mod telling;
/// Credentials that were handed in.
mod vault;
/// One runtime a core.
mod workers;

/// Measured: a third less processor time a call than with the system's. Without huge pages, which would keep 10 MB more.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// A gateway to every LLM provider, with keys, budgets and an exact ledger.
#[derive(Parser)]
#[command(name = "portunus", version, about)]
struct Cli {
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Subcommand)]
enum Command {
    /// Run the gateway (the default).
    Serve(serve::Options),
    /// Validate a configuration file and print which model goes where.
    Check {
        /// The configuration file.
        file: std::path::PathBuf,
    },
    /// Print the JSON Schema of the configuration.
    Schema,
    /// Virtual keys of a running gateway.
    Keys(client::Keys),
    /// Teams of a running gateway.
    Teams(client::Groups),
    /// Users of a running gateway.
    Users(client::Groups),
    /// Organizations of a running gateway.
    Organizations(client::Groups),
    /// Projects of a running gateway.
    Projects(client::Groups),
    /// Who answers, and credentials for them.
    Providers(client::Providers),
    /// Models as configured.
    Models(client::Models),
    /// What everybody together may spend and has spent, as configured.
    Budgets(client::Budgets),
    /// What was used and what it cost.
    Usage(client::Usage),
    /// Calls, newest first, or one of them.
    Requests(client::Requests),
    /// What was told about budgets, newest first.
    Alerts(client::Alerts),
    /// What admins changed, newest first; or whether the archive of call records is whole.
    Audit(Audited),
    /// The configuration in force.
    Config(client::Config),
}

/// Without a command of its own it lists changes.
#[derive(Args)]
#[command(args_conflicts_with_subcommands = true)]
struct Audited {
    #[command(subcommand)]
    archive: Option<audit::Archived>,
    #[command(flatten)]
    changes: client::Audit,
}

fn main() -> ExitCode {
    let outcome = match Cli::parse().command.unwrap_or(Command::Serve(serve::Options::from_environment())) {
        Command::Serve(options) => serve::run(options),
        Command::Check { file } => return check::run(&file),
        Command::Schema => {
            println!("{}", config::schema());
            Ok(())
        }
        Command::Keys(command) => client::objects("keys", command).map_err(Into::into),
        Command::Teams(command) => client::objects("teams", command).map_err(Into::into),
        Command::Users(command) => client::objects("users", command).map_err(Into::into),
        Command::Organizations(command) => client::objects("organizations", command).map_err(Into::into),
        Command::Projects(command) => client::objects("projects", command).map_err(Into::into),
        Command::Providers(command) => client::providers(command).map_err(Into::into),
        Command::Models(command) => client::models(command).map_err(Into::into),
        Command::Budgets(command) => client::budgets(command).map_err(Into::into),
        Command::Alerts(command) => client::alerts(command).map_err(Into::into),
        Command::Usage(command) => client::usage(command).map_err(Into::into),
        Command::Requests(command) => client::requests(command).map_err(Into::into),
        Command::Audit(Audited { archive: Some(archive), .. }) => return audit::run(&archive),
        Command::Audit(Audited { changes, .. }) => client::audit(changes).map_err(Into::into),
        Command::Config(command) => client::config(command).map_err(Into::into),
    };
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            eprintln!("portunus: {problem}");
            ExitCode::FAILURE
        }
    }
}
