//! Children of these tests: this binary started again, with orders on its input and answers on its output.

use std::io::{BufRead, BufReader, Lines, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

/// Names what a child does. A child finds it set.
pub(crate) const TASK: &str = "PIT_TEST_TASK";
pub(crate) const FOLDER: &str = "PIT_TEST_FOLDER";

/// What an answer begins with: the test harness writes to the same output.
const MARK: char = '\u{1}';

/// A process that is killed when this value goes.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        // Both fail if it has ended already.
        let _ended = self.0.kill();
        let _known = self.0.wait();
    }
}

/// A child that runs.
pub(crate) struct Helper {
    child: Running,
    orders: ChildStdin,
    answers: Lines<BufReader<ChildStdout>>,
}

impl Helper {
    /// Starts a child and waits until it has something to say.
    pub(crate) fn start(task: &str, folder: &Path) -> Self {
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["child_process", "--exact", "--nocapture", "--test-threads=1"])
            .env(TASK, task)
            .env(FOLDER, folder)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let orders = child.stdin.take().unwrap();
        let answers = BufReader::new(child.stdout.take().unwrap()).lines();
        Self {
            child: Running(child),
            orders,
            answers,
        }
    }

    pub(crate) fn pid(&self) -> u32 {
        self.child.0.id()
    }

    pub(crate) fn order(&mut self, order: &str) {
        writeln!(self.orders, "{order}").unwrap();
    }

    /// What it says next; `None` if it is gone.
    pub(crate) fn answer(&mut self) -> Option<String> {
        loop {
            let line = self.answers.next()?.ok()?;
            if let Some((_, answer)) = line.split_once(MARK) {
                return Some(answer.to_owned());
            }
        }
    }

    pub(crate) fn expect(&mut self, answer: &str) {
        assert_eq!(self.answer().as_deref(), Some(answer));
    }

    /// Kills it, and waits until it is dead.
    pub(crate) fn kill(mut self) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
    }

    /// Kills it, and gives what it had said until then.
    pub(crate) fn kill_and_read(mut self) -> Vec<String> {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
        std::iter::from_fn(|| self.answer()).collect()
    }

    /// Kills it, and keeps the input that its own children read.
    pub(crate) fn kill_keeping_input(mut self, input: &mut Option<ChildStdin>) {
        self.child.0.kill().unwrap();
        self.child.0.wait().unwrap();
        *input = Some(self.orders);
    }

    /// Lets it end by itself.
    pub(crate) fn end(self) {
        let Self {
            mut child,
            orders,
            answers,
        } = self;
        drop(orders);
        for line in answers {
            line.unwrap();
        }
        assert!(child.0.wait().unwrap().success());
    }
}

/// For children: says something to the parent.
pub(crate) fn say(answer: &str) {
    let mut output = std::io::stdout().lock();
    writeln!(output, "\n{MARK}{answer}").unwrap();
    output.flush().unwrap();
}

/// For children: waits for an order. `None` if there will be none.
pub(crate) fn await_order() -> Option<String> {
    let mut line = String::new();
    let read = std::io::stdin().read_line(&mut line).unwrap();
    (read > 0).then(|| line.trim_end().to_owned())
}
