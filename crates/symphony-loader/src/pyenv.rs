//! Resolves pyenv shims without running them.
//!
//! Every command of every pyenv version is one shell script, whose meaning depends on `PYENV_VERSION`, on `.python-version`
//! files and on the working directory. Running it costs more than starting the interpreter, and its answer must not be
//! remembered under its path. So the rules of `pyenv which` are followed here; where they leave doubt the shim is run.

use std::fs;
use std::path::{Path, PathBuf};

use crate::candidates::is_executable;
use crate::request::Request;

/// What a command of the search path is.
#[derive(Debug, PartialEq, Eq)]
pub enum Command {
    /// Not a shim of pyenv, or one whose meaning only pyenv can tell.
    Plain,
    /// A shim that stands for this executable.
    Shim(PathBuf),
    /// A shim that means: the next one on the search path.
    System,
}

/// Says what `command`, an absolute path, stands for.
pub fn resolve(command: &Path, request: &Request) -> Command {
    let Some((root, name)) = shim_parts(command) else {
        return Command::Plain;
    };
    let selected = selected_versions(root, request);
    let mut missing = false;
    for version in &selected {
        if version == "system" {
            return Command::System;
        }
        match installed(root, version) {
            Some(folder) => {
                let executable = folder.join("bin").join(name);
                if is_executable(&executable) {
                    return Command::Shim(executable);
                }
            }
            None => missing = true,
        }
    }
    // With a version that is not installed, releases of pyenv differ: some fail, some take the system's. It shall say so itself.
    if missing { Command::Plain } else { Command::System }
}

/// The root and the command name, if this file is a shim.
fn shim_parts(command: &Path) -> Option<(&Path, &Path)> {
    let folder = command.parent()?;
    let root = folder.parent()?;
    let is_shim = folder.file_name()? == "shims"
        && root.join("versions").is_dir()
        && fs::read_to_string(command).is_ok_and(|script| script.starts_with("#!") && script.contains("pyenv"));
    is_shim.then_some((root, Path::new(command.file_name()?)))
}

fn selected_versions(root: &Path, request: &Request) -> Vec<String> {
    if let Some(versions) = request.variable("PYENV_VERSION") {
        return versions
            .split(':')
            .filter(|version| !version.is_empty())
            .map(String::from)
            .collect();
    }
    let starts = request
        .variable("PYENV_DIR")
        .map(PathBuf::from)
        .into_iter()
        .chain([request.cwd.clone()]);
    let file = starts
        .flat_map(|start| {
            start
                .ancestors()
                .map(|folder| folder.join(".python-version"))
                .collect::<Vec<_>>()
        })
        .find(|file| file.is_file())
        .unwrap_or_else(|| root.join("version"));
    let versions = fs::read_to_string(file).map(|text| words(&text)).unwrap_or_default();
    if versions.is_empty() {
        vec![String::from("system")]
    } else {
        versions
    }
}

/// The first word of every line that has one and is not a comment.
fn words(text: &str) -> Vec<String> {
    text.lines()
        .filter_map(|line| line.split_whitespace().next())
        .filter(|word| !word.starts_with('#'))
        .map(String::from)
        .collect()
}

/// The folder of a version: by its name, or by the newest installed release that a prefix such as `3.12` stands for.
fn installed(root: &Path, version: &str) -> Option<PathBuf> {
    if version.contains(['/', '\\']) || version == ".." {
        return None;
    }
    let versions = root.join("versions");
    let number = version.strip_prefix("python-").unwrap_or(version);
    for name in [version, number] {
        let folder = versions.join(name);
        if folder.is_dir() {
            return Some(folder);
        }
    }
    let wanted = release(number)?;
    let newest = fs::read_dir(&versions)
        .ok()?
        .filter_map(|entry| release(entry.ok()?.file_name().to_str()?))
        .filter(|found| found.starts_with(&wanted))
        .max()?;
    Some(versions.join(newest.iter().map(u32::to_string).collect::<Vec<_>>().join(".")))
}

/// `3.12.1` as numbers; nothing for names that are not plain release numbers.
fn release(name: &str) -> Option<Vec<u32>> {
    name.split('.').map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn version_files_give_the_first_word_of_each_line() {
        assert_eq!(words("# ours\n\n 3.12.1 extra\r\n3.11.7\n"), ["3.12.1", "3.11.7"]);
    }

    #[test]
    fn only_plain_numbers_are_releases() {
        assert_eq!(release("3.12"), Some(vec![3, 12]));
        assert_eq!(release("3.13t"), None);
        assert_eq!(release("3.14-dev"), None);
        assert_eq!(release("pypy3.10-7.3.15"), None);
    }
}
