//! The search for Python, from the question to the report, over real interpreters and recorded answers.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test that cannot set up its world has failed")]

mod cache;
mod error_reports;
mod finding_python;
mod recorded_answers;

mod interpreters;
mod world;
