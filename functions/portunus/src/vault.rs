//! Providers' credentials that were handed in to a local server: files below its data folder that nobody else may read.

use async_trait::async_trait;
use domain::{
    ProviderName, Secret,
    outward::{Kept, Vault, VaultError},
};
use std::{
    collections::HashMap,
    fs::{DirBuilder, OpenOptions},
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::{Mutex, PoisonError},
};

/// The vault of a local server.
pub struct Drawer {
    /// None: they are kept in memory only.
    folder: Option<PathBuf>,
    known: Mutex<HashMap<String, Secret>>,
}

impl Drawer {
    /// Below a data folder, if there is one.
    pub fn new(data: Option<&Path>) -> Self {
        Self { folder: data.map(|data| data.join("credentials")), known: Mutex::default() }
    }

    /// A credential that is kept here.
    pub fn find(&self, kept: &Kept) -> Option<Secret> {
        let file = file(kept)?;
        if let Some(secret) = self.known().get(&file) {
            return Some(secret.clone());
        }
        let secret = Secret::new(std::fs::read_to_string(self.folder.as_ref()?.join(&file)).ok()?);
        self.known().insert(file, secret.clone());
        Some(secret)
    }

    fn known(&self) -> std::sync::MutexGuard<'_, HashMap<String, Secret>> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Vault for Drawer {
    async fn keep(&self, provider: &ProviderName, credential: &Secret) -> Result<Kept, VaultError> {
        let kept = Kept { name: provider.to_string(), version: providers::vault::version()? };
        let file = file(&kept).ok_or_else(|| VaultError("this name cannot be that of a file".to_owned()))?;
        if let Some(folder) = &self.folder {
            write(folder, &file, credential).map_err(|problem| VaultError(problem.to_string()))?;
        }
        self.known().insert(file, credential.clone());
        Ok(kept)
    }
}

/// The file of a credential: names are plain, so that none leads elsewhere.
fn file(kept: &Kept) -> Option<String> {
    let plain =
        |text: &str| !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
    (plain(&kept.name) && plain(&kept.version)).then(|| format!("{}.{}", kept.name, kept.version))
}

/// Writes a file that only this user may read, and sees it to the disk.
fn write(folder: &Path, file: &str, credential: &Secret) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let mut opened = OpenOptions::new().write(true).create_new(true).mode(0o600).open(folder.join(file))?;
    opened.write_all(credential.expose().as_bytes())?;
    opened.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    #[tokio::test]
    async fn x1_a_credential_lies_in_a_file_that_nobody_else_may_read() {
        let data = std::env::temp_dir().join(format!("portunus-vault-{}", std::process::id()));
        let drawer = Drawer::new(Some(&data));
        let kept = drawer.keep(&"openai".into(), &Secret::new("sk-one")).await.unwrap();
        let newer = drawer.keep(&"openai".into(), &Secret::new("sk-two")).await.unwrap();
        let path = data.join("credentials").join(format!("openai.{}", kept.version));
        assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        assert_eq!(std::fs::metadata(data.join("credentials")).unwrap().permissions().mode() & 0o777, 0o700);
        let reopened = Drawer::new(Some(&data));
        let found = |kept| reopened.find(kept).map(|secret| secret.expose().to_owned());
        assert_eq!((found(&kept), found(&newer)), (Some("sk-one".to_owned()), Some("sk-two".to_owned())));
        std::fs::remove_dir_all(&data).unwrap();
    }

    #[tokio::test]
    async fn e6_no_name_leads_out_of_the_folder() {
        let drawer = Drawer::new(None);
        for name in ["..", "a/b", "", "a.b"] {
            assert!(drawer.keep(&name.into(), &Secret::new("sk-one")).await.is_err(), "{name}");
            assert!(drawer.find(&Kept { name: name.to_owned(), version: "v".to_owned() }).is_none());
        }
        let kept = drawer.keep(&"openai".into(), &Secret::new("sk-one")).await.unwrap();
        assert!(drawer.find(&kept).is_some(), "without a folder it is kept in memory");
    }
}
