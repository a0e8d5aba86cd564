//! The question: which Python, seen from which folder, with which environment variables.

use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Deserializer};

/// How long an interpreter may take to say what it is. Generous: a first start from a cold network disk takes seconds.
const PROBE_LIMIT: Duration = Duration::from_secs(10);

/// What JavaScript asks. The environment is part of the question, since `process.env` is not the environment of the process
/// in a worker thread.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// An interpreter, or a folder that holds one; nothing else is tried then.
    #[serde(default)]
    pub python: Option<String>,
    /// The working directory.
    pub cwd: PathBuf,
    /// The environment variables.
    #[serde(default)]
    pub env: HashMap<String, String>,
    /// Where answers are remembered.
    #[serde(default, deserialize_with = "cache_place")]
    pub cache: CachePlace,
    /// Milliseconds an interpreter may take to answer; ten seconds unless given.
    #[serde(default)]
    pub probe_limit: Option<u64>,
}

/// Where the answers of interpreters are remembered.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum CachePlace {
    /// The cache folder of the user.
    #[default]
    User,
    /// Nowhere (`null`).
    None,
    /// A given folder.
    Folder(PathBuf),
}

impl Request {
    /// A variable, if it is set and not empty.
    pub fn variable(&self, name: &str) -> Option<&str> {
        self.env.get(name).map(String::as_str).filter(|value| !value.is_empty())
    }

    /// The folders of `PATH`, in order. Relative ones are seen from the working directory.
    pub fn search_path(&self) -> Vec<PathBuf> {
        // Windows writes the name as `Path`, and JavaScript hands over what it sees.
        let path = self
            .variable("PATH")
            .or_else(|| self.variable("Path"))
            .unwrap_or_default();
        std::env::split_paths(path)
            .filter(|folder| !folder.as_os_str().is_empty())
            .map(|folder| self.cwd.join(folder))
            .collect()
    }

    /// `path` as seen from the working directory.
    pub fn absolute(&self, path: impl AsRef<Path>) -> PathBuf {
        self.cwd.join(path)
    }

    /// How long an interpreter may take to answer.
    pub fn probe_limit(&self) -> Duration {
        self.probe_limit.map_or(PROBE_LIMIT, Duration::from_millis)
    }

    /// The folder for remembered answers, or nothing if there is to be none.
    pub fn cache_folder(&self) -> Option<PathBuf> {
        let folder = match &self.cache {
            CachePlace::None => return None,
            CachePlace::Folder(folder) => return Some(self.absolute(folder)),
            CachePlace::User if cfg!(windows) => PathBuf::from(self.variable("LOCALAPPDATA")?),
            CachePlace::User if cfg!(target_os = "macos") => Path::new(self.variable("HOME")?).join("Library/Caches"),
            CachePlace::User => match self.variable("XDG_CACHE_HOME") {
                Some(folder) => PathBuf::from(folder),
                None => Path::new(self.variable("HOME")?).join(".cache"),
            },
        };
        // A relative XDG_CACHE_HOME is invalid by its specification.
        folder.is_absolute().then(|| folder.join("symphony-python-bridge"))
    }
}

/// `null` means none, which a plain `Option` could not tell from a missing field.
fn cache_place<'de, D: Deserializer<'de>>(deserializer: D) -> Result<CachePlace, D::Error> {
    Ok(match Option::<PathBuf>::deserialize(deserializer)? {
        Some(folder) => CachePlace::Folder(folder),
        None => CachePlace::None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str) -> Request {
        serde_json::from_str(text).unwrap()
    }

    #[test]
    fn a_missing_cache_is_the_users_and_null_is_none() {
        assert_eq!(parse(r#"{"cwd":"/"}"#).cache, CachePlace::User);
        assert_eq!(parse(r#"{"cwd":"/","cache":null}"#).cache_folder(), None);
        assert_eq!(
            parse(r#"{"cwd":"/w","cache":"c"}"#).cache_folder(),
            Some(PathBuf::from("/w/c"))
        );
    }

    #[test]
    #[cfg(target_os = "linux")]
    fn the_users_cache_follows_the_xdg_rules() {
        let folder = |env: &str| parse(&format!(r#"{{"cwd":"/","env":{env}}}"#)).cache_folder();
        assert_eq!(
            folder(r#"{"HOME":"/h"}"#),
            Some(PathBuf::from("/h/.cache/symphony-python-bridge"))
        );
        assert_eq!(
            folder(r#"{"HOME":"/h","XDG_CACHE_HOME":"/x"}"#),
            Some(PathBuf::from("/x/symphony-python-bridge"))
        );
        assert_eq!(folder(r#"{"HOME":"/h","XDG_CACHE_HOME":"x"}"#), None);
        assert_eq!(folder("{}"), None);
    }

    #[test]
    fn an_empty_variable_counts_as_unset() {
        assert_eq!(
            parse(r#"{"cwd":"/","env":{"VIRTUAL_ENV":""}}"#).variable("VIRTUAL_ENV"),
            None
        );
    }
}
