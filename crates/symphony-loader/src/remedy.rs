//! Names one command that would give the user a Python that can be embedded, on the system at hand.

use std::fs;
use std::path::{Path, PathBuf};

use crate::answer::Answer;
use crate::candidates::is_executable;
use crate::request::Request;
use crate::verdict::virtual_environment;

/// The release that is recommended where one has to be named: the newest that most packages on PyPI have wheels for.
const RECOMMENDED: &str = "3.13";

/// What would help, before it is known how that is done on this system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Remedy {
    /// Python has to be installed.
    Install,
    /// The interpreter that gave this answer needs its shared library.
    Library(Box<Answer>),
    /// Another interpreter has to take the place of the one that gave this answer.
    Replacement(Box<Answer>),
    /// The virtual environment in this folder has to be made anew.
    NewEnvironment(PathBuf),
    /// Only the user can know, for instance what was meant by a path.
    Unknown,
}

impl Remedy {
    /// The command, on this system.
    pub fn command(&self, system: System, exists: &dyn Fn(&str) -> bool) -> Option<String> {
        match self {
            Self::Install => Some(install(system)),
            Self::Library(answer) => Some(library(system, answer, exists)),
            Self::Replacement(answer) => Some(replacement(system, answer, exists)),
            Self::NewEnvironment(folder) => Some(new_environment(system, folder)),
            Self::Unknown => None,
        }
    }
}

/// How software is installed here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct System {
    /// The package manager.
    pub packages: Packages,
    /// Whether `uv` is on the search path.
    pub uv: bool,
}

/// The package managers that are known here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[expect(missing_docs, reason = "each is the name of a program")]
pub enum Packages {
    Apt,
    Dnf,
    Apk,
    Pacman,
    Zypper,
    Brew,
    Winget,
    Unknown,
}

impl System {
    /// The system of this process.
    pub fn of(request: &Request) -> Self {
        let packages = if cfg!(windows) {
            Packages::Winget
        } else if cfg!(target_os = "macos") {
            Packages::Brew
        } else {
            Packages::of_linux(&fs::read_to_string("/etc/os-release").unwrap_or_default())
        };
        let command = if cfg!(windows) { "uv.exe" } else { "uv" };
        let uv = request
            .search_path()
            .iter()
            .any(|folder| is_executable(&folder.join(command)));
        Self { packages, uv }
    }
}

impl Packages {
    /// The package manager of the Linux distribution with this `/etc/os-release`.
    pub fn of_linux(os_release: &str) -> Self {
        let value = |name: &str| {
            let line = os_release
                .lines()
                .find_map(|line| line.strip_prefix(name)?.strip_prefix('='))?;
            Some(line.trim_matches('"').to_owned())
        };
        let names = format!(
            "{} {}",
            value("ID").unwrap_or_default(),
            value("ID_LIKE").unwrap_or_default()
        );
        names
            .split_whitespace()
            .find_map(|name| match name {
                "debian" | "ubuntu" => Some(Self::Apt),
                "fedora" | "rhel" | "centos" => Some(Self::Dnf),
                "alpine" => Some(Self::Apk),
                "arch" => Some(Self::Pacman),
                "suse" | "opensuse" => Some(Self::Zypper),
                _ => None,
            })
            .unwrap_or(Self::Unknown)
    }
}

/// Installs Python where there is none.
fn install(system: System) -> String {
    match system.packages {
        // libpython3-dev is the one package of every release that depends on the library of the default version.
        Packages::Apt => String::from("apt install python3 libpython3-dev"),
        Packages::Dnf => String::from("dnf install python3"),
        Packages::Apk => String::from("apk add python3"),
        Packages::Pacman => String::from("pacman -S python"),
        Packages::Zypper => String::from("zypper install python3"),
        Packages::Brew => format!("brew install python@{RECOMMENDED}"),
        Packages::Winget => format!("winget install Python.Python.{RECOMMENDED}"),
        Packages::Unknown => with_uv(system, &format!("venv --python {RECOMMENDED}")),
    }
}

/// Gives an interpreter without a shared library its library.
fn library(system: System, answer: &Answer, exists: &dyn Fn(&str) -> bool) -> String {
    let [major, minor, _] = answer.version;
    let version = answer.version_text();
    match Origin::of(answer) {
        Origin::Conda => format!(
            "conda install --prefix {} --force-reinstall python",
            quoted(&answer.base_prefix)
        ),
        Origin::Pyenv => format!("PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --force {version}"),
        Origin::Uv => format!("uv python install --reinstall {major}.{minor}"),
        Origin::System => match system.packages {
            Packages::Apt => format!("apt install libpython{major}.{minor}"),
            Packages::Dnf => format!("dnf install 'libpython{major}.{minor}.so.1.0()(64bit)'"),
            Packages::Apk => String::from("apk add python3"),
            Packages::Pacman => String::from("pacman -S python"),
            Packages::Zypper => format!("zypper install libpython{major}_{minor}-1_0"),
            Packages::Brew | Packages::Winget | Packages::Unknown => replacement(system, answer, exists),
        },
        Origin::Other => replacement(system, answer, exists),
    }
}

/// Puts another interpreter in the place of one that cannot be used.
fn replacement(system: System, answer: &Answer, exists: &dyn Fn(&str) -> bool) -> String {
    if let Some(folder) = virtual_environment(&answer.executable, exists) {
        let folder = quoted(&folder);
        return if Origin::of(answer) == Origin::Pyenv && !system.uv {
            format!(
                "PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --skip-existing {RECOMMENDED} && \
                 PYENV_VERSION={RECOMMENDED} pyenv exec python -m venv --clear {folder}"
            )
        } else {
            with_uv(system, &format!("venv --clear --python {RECOMMENDED} {folder}"))
        };
    }
    match (Origin::of(answer), system.packages) {
        (Origin::Conda, _) => {
            format!(
                "conda install --prefix {} python={RECOMMENDED}",
                quoted(&answer.base_prefix)
            )
        }
        (Origin::Pyenv, _) => format!(
            "PYTHON_CONFIGURE_OPTS=--enable-shared pyenv install --skip-existing {RECOMMENDED} && pyenv local {RECOMMENDED}"
        ),
        (Origin::System, Packages::Dnf) => String::from("dnf install python3.12 && python3.12 -m venv .venv"),
        (_, Packages::Brew | Packages::Winget) => install(system),
        _ => with_uv(system, &format!("venv --python {RECOMMENDED}")),
    }
}

/// Makes a virtual environment anew whose interpreter has gone.
fn new_environment(system: System, folder: &Path) -> String {
    let folder = quoted(&folder.to_string_lossy());
    match (system.uv, system.packages) {
        (true, _) => format!("uv venv --clear {folder}"),
        (false, Packages::Winget) => format!("py -m venv --clear {folder}"),
        (false, _) => format!("python3 -m venv --clear {folder}"),
    }
}

/// Who installed an interpreter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Origin {
    Conda,
    Pyenv,
    Uv,
    System,
    Other,
}

impl Origin {
    fn of(answer: &Answer) -> Self {
        let executable = answer.base_executable();
        if answer.conda {
            Self::Conda
        } else if executable.contains("pyenv/versions/") {
            Self::Pyenv
        } else if executable.contains("/uv/python/") || executable.contains("\\uv\\python\\") {
            Self::Uv
        } else if answer.base_prefix == "/usr" {
            Self::System
        } else {
            Self::Other
        }
    }
}

fn with_uv(system: System, arguments: &str) -> String {
    match (system.uv, system.packages) {
        (true, _) => format!("uv {arguments}"),
        (false, Packages::Brew) => format!("brew install uv && uv {arguments}"),
        (false, Packages::Winget) => format!("winget install astral-sh.uv && uv {arguments}"),
        (false, _) => format!("curl -LsSf https://astral.sh/uv/install.sh | sh && ~/.local/bin/uv {arguments}"),
    }
}

/// A path for a shell: quoted only if it has to be.
fn quoted(path: &str) -> String {
    let plain = path
        .chars()
        .all(|character| character.is_ascii_alphanumeric() || "/\\._-+:@".contains(character));
    if plain { path.to_owned() } else { format!("\"{path}\"") }
}
