//! Finds the Python that a Node process embeds, asks it where its library is, and opens that library.
//!
//! The loader has no Python symbols, so it loads where no Python is. Its answer is a [`report::Report`]: what was tried, in
//! order, what was chosen and why, or what to do about it.
//!
//! Reading order: [`request`] is the question, [`locate`] the search over [`candidates`] (with [`pyenv`]), [`probe`] asks one
//! interpreter for its [`answer`] (remembered by [`cache`]), [`verdict`] and [`libpython`] judge that answer, [`remedy`] names
//! the command that would help, [`malloc`] decides on `RTLD_DEEPBIND`, [`open`] opens the library, [`node`] is what JavaScript calls.

#[cfg(all(target_os = "linux", target_env = "gnu", target_pointer_width = "64"))]
mod copied_data;
pub mod request;

pub mod locate;

pub mod candidates;
pub mod pyenv;

pub mod answer;
pub mod cache;
pub mod probe;

pub mod libpython;
pub mod remedy;
pub mod verdict;

pub mod malloc;
pub mod open;

pub mod report;

pub mod node;
