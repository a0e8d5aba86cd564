//! What a child does wrong, and when.

use std::io::{Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::exit;
use std::sync::mpsc::channel;
use std::time::Duration;

use symphony_conductor::child::Child;
use symphony_conductor::{BootErrorKind, EXIT_BOOT};

/// The variable that says when: [`When`] in lower case, or `never`.
pub(crate) const WHEN: &str = "MISBEHAVE_WHEN";
/// The variable that says what.
pub(crate) const WHAT: &str = "MISBEHAVE_WHAT";

pub(crate) fn run(child: &Child) {
    let variable = |name| std::env::var(name).unwrap_or_default();
    let (when, what) = (variable(WHEN), variable(WHAT));
    if what.contains("deaf") {
        disposition(libc::SIGTERM, libc::SIG_IGN);
    }
    if when == "starting" {
        misbehave(child, &what);
    }
    let (connections, incoming) = channel::<OwnedFd>();
    child.on_connection(move |socket| connections.send(socket).expect("the main thread receives"));
    {
        let (child, when, what) = (child.clone(), when.clone(), what.clone());
        child.clone().on_drain(move || {
            if when == "draining" {
                misbehave(&child, &what);
            }
            exit(0);
        });
    }
    child.on_collect(|| eprintln!("collected"));
    child.ready().expect("the parent lives");
    // Every connection is an echo with orders: each byte is one.
    for socket in incoming {
        let (child, what, when) = (child.clone(), what.clone(), when.clone());
        std::thread::spawn(move || serve(&child, UnixStream::from(socket), &when, &what));
    }
}

fn serve(child: &Child, mut socket: UnixStream, when: &str, what: &str) {
    let mut order = [0];
    while socket.read_exact(&mut order).is_ok() {
        match order[0] {
            b'!' => {
                let mark = (when == "busy").then(|| child.task_started(7, "the task"));
                misbehave(child, what);
                if let Some(mark) = mark {
                    child.task_ended(mark);
                }
            }
            b't' => {
                let mark = child.task_started(1, "a task");
                child.task_ended(mark);
            }
            b'g' => child.gil_beat(),
            b'l' => child.loop_beat(),
            b'e' => exit(0),
            b'm' => {
                let memory = vec![1_u8; 64 << 20];
                std::mem::forget(memory);
            }
            b'w' => {
                println!("\nfrom out");
                std::io::stdout().flush().expect("stdout is read");
                eprintln!("from err");
            }
            _ => {}
        }
        if socket.write_all(&order).is_err() {
            return;
        }
    }
}

fn misbehave(child: &Child, what: &str) {
    // To this thread, so that it does not come past it.
    // SAFETY: what the signal does to this process is what the test wants.
    let raise = |signal| unsafe { libc::raise(signal) };
    match what.split('+').next().unwrap_or_default() {
        "kill" => drop(raise(libc::SIGKILL)),
        "segv" => {
            // Rust's own handler lets a signal pass that no access has caused.
            disposition(libc::SIGSEGV, libc::SIG_DFL);
            raise(libc::SIGSEGV);
        }
        "abort" => std::process::abort(),
        "exit0" => exit(0),
        "exit1" => exit(1),
        "exit3" => exit(EXIT_BOOT),
        "exit70" => exit(symphony_conductor::EXIT_FATAL),
        "boot" => {
            let text = "Traceback …\nModuleNotFoundError: No module named 'nowhere'";
            child
                .boot_failed(BootErrorKind::Import, text)
                .expect("the parent lives");
            exit(EXIT_BOOT);
        }
        "panic" => {
            // What an exception that nobody catches is to Python.
            let _panicked = std::thread::spawn(|| panic!("uncaught")).join();
            exit(1);
        }
        "spin" | "deaf" => loop {
            std::hint::spin_loop();
        },
        "sleep" => std::thread::sleep(Duration::from_secs(3600)),
        "close" => {
            for number in [1, 2] {
                // SAFETY: a number; nothing of this process needs the descriptor any more.
                unsafe { libc::close(number) };
            }
        }
        "noise" => {
            let line = "x".repeat(99);
            for _ in 0..100_000 {
                eprintln!("{line}");
            }
        }
        "grandchild" => {
            let spawned = std::process::Command::new("sleep")
                .arg("3600")
                .spawn()
                .expect("there is sleep");
            println!("\ngrandchild {}", spawned.id());
            std::mem::forget(spawned);
        }
        "stop" => {
            raise(libc::SIGSTOP);
            std::thread::sleep(Duration::from_secs(3600));
        }
        other => panic!("`{other}` is no misbehaviour"),
    }
    if what.ends_with("+exit1") {
        exit(1);
    }
}

fn disposition(signal: i32, disposition: libc::sighandler_t) {
    // SAFETY: neither of the two dispositions runs anything of ours.
    unsafe { libc::signal(signal, disposition) };
}
