//! Embeds the catalogue: every `catalog/*.yaml` but the rules of parameters becomes a line of `FILES`, so a provider is one file.

use std::{env, error::Error, fs, path::Path};

#[allow(clippy::disallowed_methods, reason = "a build script is told by Cargo through the environment")]
fn main() -> Result<(), Box<dyn Error>> {
    let folder = Path::new(&env::var("CARGO_MANIFEST_DIR")?).join("catalog");
    println!("cargo::rerun-if-changed={}", folder.display());
    let mut files = Vec::new();
    for entry in fs::read_dir(&folder)? {
        let path = entry?.path();
        let is_rules = path.file_stem().is_some_and(|stem| stem == "parameters");
        if path.extension().is_some_and(|extension| extension == "yaml") && !is_rules {
            files.push(path);
        }
    }
    files.sort();
    let mut rows = String::from("const FILES: &[(&str, &str)] = &[\n");
    for path in &files {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        rows.push_str(&format!("    ({name:?}, include_str!({:?})),\n", path.display().to_string()));
    }
    rows.push_str("];\n");
    fs::write(Path::new(&env::var("OUT_DIR")?).join("catalog.rs"), rows)?;
    Ok(())
}
