//! `portunus audit verify`: is the archive of calls and of what admins changed still what it was?

use admin::archive::verify::{Report, verify};
use clap::Subcommand;
use config::{ProcessEnv, egress::Egress};
use domain::outward::Objects;
use providers::{Aws, Bucket, Dialer};
use std::{error::Error, path::Path, process::ExitCode};
use stores::objects::Folder;

#[derive(Subcommand)]
pub enum Archived {
    /// Walk the chain of hourly digests, read every object it names, and say what is missing or changed.
    Verify {
        /// A local server's data folder, or s3://bucket as the stack's output AuditBucket names it.
        place: String,
    },
}

/// Prints what was found; fails if anything is missing or changed.
pub fn run(command: &Archived) -> ExitCode {
    let Archived::Verify { place } = command;
    match report(place) {
        Ok(report) => told(&report),
        Err(problem) => {
            eprintln!("portunus: {problem}");
            ExitCode::from(2)
        }
    }
}

fn report(place: &str) -> Result<Report, Box<dyn Error>> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async { Ok(verify(&*objects(place).await?).await?) })
}

async fn objects(place: &str) -> Result<Box<dyn Objects>, Box<dyn Error>> {
    if !place.starts_with("s3://") {
        return folder(Path::new(place));
    }
    let dialer = Dialer::new(&Egress::default())?;
    let aws = Aws::new(&dialer, &ProcessEnv)?;
    match Bucket::open(place, &dialer, &aws).await {
        Some(bucket) => Ok(Box::new(bucket)),
        None => Err(format!("{place} cannot be read: write s3://bucket, and set AWS_REGION and credentials").into()),
    }
}

/// The data folder, also if what lies in it was named.
fn folder(path: &Path) -> Result<Box<dyn Objects>, Box<dyn Error>> {
    let data = if path.join("audit").is_dir() { Some(path) } else { path.parent().filter(|_| path.ends_with("audit")) };
    match data {
        Some(data) if path.is_dir() => Ok(Box::new(Folder::new(data))),
        _ => {
            Err(format!("{} holds no archive: name the folder that `serve` was given as --data-dir", path.display())
                .into())
        }
    }
}

fn told(report: &Report) -> ExitCode {
    let Report { digests, objects, records, .. } = report;
    println!("{digests} digests name {objects} objects with {records} records that are as they were");
    if let Some(last) = &report.last {
        println!("the last digest is {} with the SHA-256 {}", last.name, last.sha256);
    }
    if !report.unnamed.is_empty() {
        println!("{} objects are named by no digest yet", report.unnamed.len());
    }
    report.problems.iter().for_each(|problem| println!("{problem}"));
    if report.is_sound() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
