//! Objects in a folder: what a local server writes once and keeps. On AWS it is a bucket.

use async_trait::async_trait;
use domain::outward::{ObjectError, Objects};
use std::{
    fs, io,
    io::Write,
    path::{Component, Path, PathBuf},
};

/// A folder, its objects as files.
#[derive(Clone, Debug)]
pub struct Folder(PathBuf);

impl Folder {
    /// The folder is made with its first object.
    pub fn new(path: impl Into<PathBuf>) -> Self {
        Self(path.into())
    }

    fn path(&self, name: &str) -> io::Result<PathBuf> {
        let sound = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
        if !sound || name.is_empty() {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a name must stay within the folder"));
        }
        Ok(self.0.join(name))
    }

    /// Runs where blocking holds up no call.
    async fn run<T: Send + 'static>(
        &self,
        name: &str,
        job: impl FnOnce(&Folder, &str) -> io::Result<T> + Send + 'static,
    ) -> Result<T, ObjectError> {
        let (folder, asked) = (self.clone(), name.to_owned());
        let done = tokio::task::spawn_blocking(move || job(&folder, &asked)).await;
        let done = done.map_err(io::Error::other).and_then(|outcome| outcome);
        done.map_err(|problem| ObjectError { name: name.to_owned(), reason: problem.to_string() })
    }

    /// A reader sees all of the object or nothing, also after a crash.
    fn write(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let path = self.path(name)?;
        let folder = path.parent().unwrap_or(&self.0);
        fs::create_dir_all(folder)?;
        let beside = path.with_extension("part");
        let mut file = fs::File::create(&beside)?;
        file.write_all(bytes)?;
        file.sync_all()?;
        fs::rename(&beside, &path)?;
        fs::File::open(folder)?.sync_all()
    }

    fn read(&self, name: &str) -> io::Result<Option<Vec<u8>>> {
        match fs::read(self.path(name)?) {
            Ok(bytes) => Ok(Some(bytes)),
            Err(problem) if problem.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(problem) => Err(problem),
        }
    }

    fn names(&self, prefix: &str) -> io::Result<Vec<String>> {
        let (mut found, mut folders) = (Vec::new(), vec![self.0.clone()]);
        while let Some(folder) = folders.pop() {
            let entries = match fs::read_dir(&folder) {
                Ok(entries) => entries,
                Err(problem) if problem.kind() == io::ErrorKind::NotFound => continue,
                Err(problem) => return Err(problem),
            };
            for entry in entries {
                let path = entry?.path();
                if path.is_dir() {
                    folders.push(path);
                } else if let Some(name) = path.strip_prefix(&self.0).ok().and_then(Path::to_str) {
                    found.push(name.to_owned());
                }
            }
        }
        found.retain(|name| name.starts_with(prefix) && !name.ends_with(".part"));
        found.sort();
        Ok(found)
    }
}

#[async_trait]
impl Objects for Folder {
    async fn put(&self, name: &str, bytes: Vec<u8>) -> Result<(), ObjectError> {
        self.run(name, move |folder, name| folder.write(name, &bytes)).await
    }

    async fn get(&self, name: &str) -> Result<Option<Vec<u8>>, ObjectError> {
        self.run(name, Folder::read).await
    }

    async fn list(&self, prefix: &str) -> Result<Vec<String>, ObjectError> {
        self.run(prefix, Folder::names).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn objects_are_read_as_they_were_written_and_stay_within_their_folder() {
        let folder = Folder::new(std::env::temp_dir().join(format!("portunus-objects-{}", std::process::id())));
        assert_eq!(folder.list("").await, Ok(Vec::new()));
        for (name, text) in [("a/b/1", "one"), ("a/b/1", "two"), ("a/c", "three")] {
            folder.put(name, text.into()).await.unwrap();
        }
        assert_eq!(folder.get("a/b/1").await, Ok(Some(b"two".to_vec())));
        assert_eq!(folder.get("a/b/2").await, Ok(None));
        assert_eq!(folder.list("a/").await, Ok(vec!["a/b/1".to_owned(), "a/c".to_owned()]));
        for name in ["../x", "/etc/passwd", "a/../../x", ""] {
            assert!(folder.get(name).await.is_err(), "{name}");
        }
        fs::remove_dir_all(folder.0).unwrap();
    }
}
