//! Processes that are killed at any moment while they write, borrow, load and unload; what must be true afterwards.

use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use symphony_pit::Priority;
use symphony_pit::domain::{Batch, Domain, Durability, Table};
use symphony_pit::lifecycle::InstanceState;
use symphony_pit::pool::{AcquireOptions, Budget, Pool};

use crate::children::{Helper, await_order, say};
use crate::sharing::{model, pool};
use crate::{attach, await_that};

/// So many processes are killed, unless the environment says otherwise.
const KILLS: u32 = 500;
const KILLS_VARIABLE: &str = "PIT_TEST_KILLS";

const BUDGET_MB: u64 = 100;
/// Names and memory of the models that all processes want; together they do not fit.
const MODELS: [(&str, u64); 4] = [("a", 10), ("b", 20), ("c", 45), ("d", 50)];

const GENERAL: Table = Table::General;

pub(crate) fn child(task: &str, folder: &Path) {
    let domain = attach(folder);
    let pool = pool(&domain);
    // Whoever kills it may die first.
    std::thread::spawn(|| {
        while await_order().is_some() {}
        std::process::exit(1);
    });
    say("ready");
    match task {
        "write" => write(&domain),
        "borrow" => borrow(&pool),
        other => panic!("no task `{other}`"),
    }
}

/// Two counters of one process.
fn keys(process: u32) -> [[u8; 5]; 2] {
    let [a, b, c, d] = process.to_be_bytes();
    [[b'l', a, b, c, d], [b'r', a, b, c, d]]
}

/// Keeps its two counters equal, in transactions and in batches, and says how far it has surely come.
fn write(domain: &Arc<Domain>) {
    let [left, right] = keys(std::process::id());
    for count in 1_u64.. {
        let bytes = count.to_le_bytes();
        if count % 2 == 0 {
            let batch = Batch::new().put(GENERAL, left, bytes).put(GENERAL, right, bytes);
            domain.run().write(batch, Durability::CrashSafe).wait().unwrap();
        } else {
            let change = domain.run().transact(Durability::CrashSafe, move |writer| {
                let before = number(writer.get(GENERAL, &left)?);
                assert_eq!(before + 1, count, "nobody else writes it");
                writer.put(GENERAL, &left, &bytes)?;
                writer.put(GENERAL, &right, &bytes)
            });
            change.wait().unwrap();
        }
        say(&count.to_string());
    }
}

fn number(bytes: Option<&[u8]>) -> u64 {
    bytes.map_or(0, |bytes| u64::from_le_bytes(bytes.try_into().unwrap()))
}

fn borrow(pool: &Arc<Pool>) {
    let models: Vec<_> = MODELS.iter().map(|(name, _)| pool.find(name).unwrap()).collect();
    for turn in std::process::id() as usize.. {
        let model = models[turn * 7 % models.len()];
        let mut options = AcquireOptions::default();
        options.timeout = Some(Duration::from_millis(20));
        // Too long a wait is an answer, too.
        if let Ok(lease) = pool.acquire(model, options).wait() {
            drop(lease);
        }
        for model in &models {
            let held = pool.try_acquire(*model, Priority::NORMAL).unwrap();
            drop(held);
        }
    }
}

/// A number that differs from turn to turn, and not from run to run.
fn scattered(turn: u32, below: u32) -> u32 {
    (turn.wrapping_mul(2_654_435_761) >> 16) % below
}

fn check(domain: &Arc<Domain>, pool: &Arc<Pool>, dead: u32, surely_written: u64) -> u64 {
    let metrics = pool.metrics().unwrap();
    assert!(metrics.resident_mb <= BUDGET_MB, "{} MB", metrics.resident_mb);
    let processes: Vec<_> = domain.processes().unwrap().iter().map(|process| process.slot).collect();
    for instance in pool.instances().unwrap() {
        let alive = processes.contains(&instance.owner);
        // Between two looks, a process may have come.
        let known = alive
            || domain
                .processes()
                .unwrap()
                .iter()
                .any(|process| process.slot == instance.owner);
        assert!(
            known
                || pool
                    .instances()
                    .unwrap()
                    .iter()
                    .all(|now| now.instance != instance.instance),
            "{instance:?}"
        );
        assert!(instance.leases <= 1, "{instance:?}");
    }
    let [left, right] = keys(dead);
    let read = domain.run().read(|reader| {
        Ok((
            number(reader.get(GENERAL, &left)?),
            number(reader.get(GENERAL, &right)?),
        ))
    });
    let (left, right) = read.unwrap();
    assert_eq!(left, right, "half of a change is there");
    assert!(
        left >= surely_written,
        "{surely_written} was answered, and {left} is there"
    );
    assert!(
        left <= surely_written + 1,
        "{left} is there, and {surely_written} was answered"
    );
    left
}

#[test]
fn five_hundred_processes_are_killed_and_nothing_is_lost_doubled_or_left_behind() {
    let kills = std::env::var(KILLS_VARIABLE).map_or(KILLS, |kills| kills.parse().unwrap());
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let pool = pool(&domain);
    let mut budget = Budget::default();
    budget.memory_mb = Some(BUDGET_MB);
    pool.set_budget(budget).unwrap();
    let models: Vec<_> = MODELS
        .iter()
        .map(|(name, memory)| pool.register(model(name, *memory)).wait().unwrap())
        .collect();
    let start = |turn: u32| {
        Helper::start(
            if turn.is_multiple_of(2) {
                "kills: write"
            } else {
                "kills: borrow"
            },
            folder.path(),
        )
    };
    let mut running = vec![start(0), start(1)];
    let (mut written, mut reclaimed) = (0, 0);
    for turn in 0..kills {
        // The next one starts while the others run; then the oldest is killed, at a moment that is not the same twice.
        running.push(start(turn));
        let mut victim = running.remove(0);
        victim.expect("ready");
        let until = Instant::now() + Duration::from_micros(scattered(turn, 6000).into());
        while Instant::now() < until {
            // This process competes, too.
            drop(
                pool.try_acquire(models[turn as usize % models.len()], Priority::NORMAL)
                    .unwrap(),
            );
        }
        let pid = victim.pid();
        let answered = victim.kill_and_read();
        let last = answered.iter().filter_map(|answer| answer.parse::<u64>().ok()).max();
        domain.reclaim_dead().unwrap();
        written += check(&domain, &pool, pid, last.unwrap_or_default());
        reclaimed = pool.metrics().unwrap().dead_processes;
    }
    assert!(
        u64::from(kills) <= reclaimed + 1 && written > 0,
        "{reclaimed} of {kills}, {written} written"
    );
    drop(running);
    await_that("only this process is left", || {
        domain.reclaim_dead().unwrap();
        domain.processes().unwrap().len() == 1
    });
    let metrics = pool.metrics().unwrap();
    assert_eq!((metrics.leases, metrics.waiting), (0, 0));
    let own = |state| matches!(state, InstanceState::Hot | InstanceState::Cold);
    assert!(
        pool.instances()
            .unwrap()
            .iter()
            .all(|instance| instance.owner == domain.slot() && own(instance.state))
    );
    // And everything still works.
    for model in models {
        drop(pool.acquire(model, AcquireOptions::default()).wait().unwrap());
    }
    domain
        .run()
        .write(Batch::new().put(GENERAL, *b"left", *b"12345678"), Durability::CrashSafe)
        .wait()
        .unwrap();
}
