//! Asks an interpreter what it is, in a process of its own with a time limit.

use std::io::{BufRead, BufReader, Read};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::Instant;

use crate::answer::Answer;
use crate::request::Request;

const SCRIPT: &str = include_str!("probe.py");
const MARKER: &str = "symphony-python-bridge:probe:";

/// More than an interpreter says before it answers; something that is no interpreter may talk without end.
const OUTPUT_LIMIT: u64 = 256 * 1024;

/// How much of the complaint of a failed probe is worth repeating.
const COMPLAINT_LIMIT: usize = 400;

/// What happens while the process runs.
enum Event {
    Answer(String),
    OutputEnd { said: String },
    ErrorEnd { said: String },
}

/// Runs `executable` and reads its answer.
///
/// # Errors
/// Why there is none, as the rest of a sentence that begins with the path.
pub fn ask(executable: &Path, request: &Request) -> Result<Answer, String> {
    match run(executable, &["-I", "-S"], request) {
        // Python 2 has no `-I`. It shall be called too old, not broken.
        Err(reason) if reason.contains("Unknown option: -I") => run(executable, &["-E", "-S"], request),
        outcome => outcome,
    }
}

fn run(executable: &Path, flags: &[&str], request: &Request) -> Result<Answer, String> {
    let mut command = Command::new(executable);
    command
        .args(flags)
        .args(["-c", SCRIPT])
        .env_clear()
        .envs(&request.env)
        .current_dir(&request.cwd)
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    // A group of its own: a launcher script may leave a process behind that holds the pipes.
    #[cfg(unix)]
    std::os::unix::process::CommandExt::process_group(&mut command, 0);
    let mut child = command.spawn().map_err(|error| format!("cannot be started: {error}"))?;

    let (sender, events) = channel();
    if let Some(output) = child.stdout.take() {
        let sender = sender.clone();
        thread::spawn(move || read_output(output, &sender));
    }
    if let Some(errors) = child.stderr.take() {
        thread::spawn(move || read_errors(errors, &sender));
    }
    let outcome = wait(&events, request);
    let status = stop(&mut child);
    match outcome {
        Outcome::Answered(line) => {
            serde_json::from_str(&line).map_err(|error| format!("gave an answer that cannot be read: {error}"))
        }
        Outcome::TimedOut => Err(format!(
            "did not answer within {} ms and was stopped",
            request.probe_limit().as_millis()
        )),
        Outcome::Ended { output, errors } => Err(no_answer(status, &output, &errors)),
    }
}

enum Outcome {
    Answered(String),
    Ended { output: String, errors: String },
    TimedOut,
}

fn wait(events: &Receiver<Event>, request: &Request) -> Outcome {
    let deadline = Instant::now() + request.probe_limit();
    let (mut output, mut errors) = (None, None);
    loop {
        match events.recv_timeout(deadline.saturating_duration_since(Instant::now())) {
            Ok(Event::Answer(line)) => return Outcome::Answered(line),
            Ok(Event::OutputEnd { said }) => output = Some(said),
            Ok(Event::ErrorEnd { said }) => errors = Some(said),
            Err(RecvTimeoutError::Timeout) => return Outcome::TimedOut,
            Err(RecvTimeoutError::Disconnected) => {
                return Outcome::Ended {
                    output: output.unwrap_or_default(),
                    errors: errors.unwrap_or_default(),
                };
            }
        }
        if let (Some(output), Some(errors)) = (&mut output, &mut errors) {
            return Outcome::Ended {
                output: std::mem::take(output),
                errors: std::mem::take(errors),
            };
        }
    }
}

fn read_output(output: impl Read, events: &Sender<Event>) {
    let mut said = String::new();
    let mut reader = BufReader::new(output.take(OUTPUT_LIMIT));
    let mut line = Vec::new();
    while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
        let text = String::from_utf8_lossy(&line);
        if let Some(answer) = text.strip_prefix(MARKER) {
            // The receiver is gone only if it no longer waits.
            drop(events.send(Event::Answer(answer.to_owned())));
            return;
        }
        said.push_str(&text);
        line.clear();
    }
    drop(events.send(Event::OutputEnd { said }));
}

fn read_errors(errors: impl Read, events: &Sender<Event>) {
    let mut said = Vec::new();
    let complete = errors.take(OUTPUT_LIMIT).read_to_end(&mut said);
    // A broken pipe ends the text like its end does.
    drop(complete);
    drop(events.send(Event::ErrorEnd {
        said: String::from_utf8_lossy(&said).into_owned(),
    }));
}

/// Ends the process, which has answered, closed its output or used up its time, with everything it started.
///
/// The exit status of a process that ended by itself stays what it was: it is decided before its pipes close.
fn stop(child: &mut Child) -> Option<ExitStatus> {
    #[cfg(unix)]
    if let Ok(group) = i32::try_from(child.id()) {
        // SAFETY: `kill` takes two integers. The group is this child's own, and not reaped before the `wait` below.
        unsafe { libc::kill(-group, libc::SIGKILL) };
    }
    #[cfg(not(unix))]
    drop(child.kill());
    child.wait().ok()
}

fn no_answer(status: Option<ExitStatus>, output: &str, errors: &str) -> String {
    let ending = match status {
        Some(status) => match status.code() {
            Some(code) => format!("ended with exit code {code}"),
            None => format!("was ended by a {status}"),
        },
        None => String::from("ended"),
    };
    let complaint = [errors, output]
        .into_iter()
        .map(str::trim)
        .find(|text| !text.is_empty());
    match complaint {
        Some(text) => format!("is not a working Python: it {ending} and said `{}`", shortened(text)),
        None => format!("is not a working Python: it {ending} and said nothing"),
    }
}

/// The end of a text, where programs put what went wrong, on one line.
fn shortened(text: &str) -> String {
    let line = text
        .lines()
        .map(str::trim)
        .filter(|line| !line.is_empty())
        .collect::<Vec<_>>()
        .join("; ");
    let count = line.chars().count();
    if count <= COMPLAINT_LIMIT {
        return line;
    }
    let end: String = line.chars().skip(count - COMPLAINT_LIMIT).collect();
    format!("...{end}")
}
