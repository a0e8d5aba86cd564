//! The rules that make a domain safe, each as a test.

use std::fs::{self, File};
use std::ops::Bound;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::channel;
use std::time::Duration;

use proptest::prelude::*;
use symphony_pit::domain::{Batch, Domain, Durability, Table, layout};
use symphony_pit::{Component, PitCode};

use crate::children::{Helper, await_order, say};
use crate::{attach, await_that, options};

const GENERAL: Table = Table::General;

pub(crate) fn child(task: &str, folder: &Path) {
    if task == "attach" {
        match Domain::attach(folder, &options()) {
            Ok(domain) => {
                say(&domain.slot().0.to_string());
                await_order();
            }
            Err(error) => say(error.code().name()),
        }
        return;
    }
    let domain = attach(folder);
    match task {
        "write until told" => {
            let writing = domain.run().transact(Durability::CrashSafe, |writer| {
                writer.put(GENERAL, b"half", b"done")?;
                say("writing");
                await_order();
                Ok(())
            });
            writing.wait().unwrap();
            say("written");
            await_order();
        }
        "read until told" => domain
            .run()
            .read(|_| {
                say("reading");
                await_order();
                Ok(())
            })
            .unwrap(),
        "fork" => fork(&domain),
        other => panic!("no task `{other}`"),
    }
}

/// Forks a child that tries to use what it has inherited, says what happened, and stays.
fn fork(domain: &Arc<Domain>) {
    // SAFETY: the child uses nothing that another thread might have locked: what it calls looks at one flag and gives up,
    // and its output is locked by nobody.
    match unsafe { libc::fork() } {
        0 => {
            let codes = [
                domain.epoch(Component::Domain).err(),
                domain.processes().err(),
                domain.run().read(|_| Ok(())).err(),
                domain.run().write(Batch::new(), Durability::CrashSafe).wait().err(),
                domain.run().transact(Durability::CrashSafe, |_| Ok(())).wait().err(),
                domain.flush().wait().err(),
                Domain::attach(domain.folder(), &options()).err(),
            ];
            let forked = codes.iter().all(|error| {
                error
                    .as_ref()
                    .is_some_and(|error| error.code() == PitCode::ForkedHandle)
            });
            say(if forked && Domain::attached().is_none() {
                "refused"
            } else {
                "not refused"
            });
            // Leaving drops what the parent uses, which must not hurt it.
            await_order();
            // SAFETY: always allowed.
            unsafe { libc::_exit(0) };
        }
        pid => {
            assert!(pid > 0);
            say(&pid.to_string());
            // The order is the grandchild's.
            std::thread::park();
        }
    }
}

fn get(domain: &Domain, key: &[u8]) -> Option<Vec<u8>> {
    domain
        .run()
        .read(|reader| Ok(reader.get(GENERAL, key)?.map(<[u8]>::to_vec)))
        .unwrap()
}

fn put(domain: &Domain, key: &[u8], value: &[u8]) -> symphony_pit::Pending<()> {
    domain
        .run()
        .write(Batch::new().put(GENERAL, key, value), Durability::CrashSafe)
}

#[test]
fn a_folder_is_attached_once_and_shared_by_all_who_ask() {
    let folder = tempfile::tempdir().unwrap();
    let first = attach(folder.path());
    let link = folder
        .path()
        .parent()
        .unwrap()
        .join(format!("link-{}", std::process::id()));
    std::os::unix::fs::symlink(folder.path(), &link).unwrap();
    let second = attach(&link);
    fs::remove_file(link).unwrap();
    assert!(Arc::ptr_eq(&first, &second));
    assert_eq!(first.processes().unwrap().len(), 1);
    assert!(Domain::attached().is_some());
    assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o777, 0o700);
}

#[test]
fn a_second_copy_of_the_library_in_one_process_is_refused_by_name() {
    let folder = tempfile::tempdir().unwrap();
    drop(attach(folder.path()));
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let ticks = stat.rsplit_once(')').unwrap().1.split_whitespace().nth(19).unwrap();
    let live = folder.path().join(format!("live/{}-{ticks}", std::process::id()));
    assert!(!live.exists(), "the first one has left");
    let copy = File::create(&live).unwrap();
    rustix::fs::flock(&copy, rustix::fs::FlockOperation::LockExclusive).unwrap();
    let error = Domain::attach(folder.path(), &options()).unwrap_err();
    assert_eq!(error.code(), PitCode::AlreadyExists);
    assert!(error.to_string().contains("another copy of the library"), "{error}");
    drop(copy);
    attach(folder.path());
}

#[test]
fn a_process_that_has_left_can_come_back_and_finds_what_it_kept() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    put(&domain, b"key", b"value").wait().unwrap();
    domain.close();
    domain.close();
    assert_eq!(domain.epoch(Component::Pool).unwrap_err().code(), PitCode::NotAttached);
    assert_eq!(
        put(&domain, b"key", b"other").wait().unwrap_err().code(),
        PitCode::NotAttached
    );
    drop(domain);
    assert_eq!(get(&attach(folder.path()), b"key").unwrap(), b"value");
}

#[test]
fn a_write_never_makes_its_caller_wait_for_another_process() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let mut helper = Helper::start("write until told", folder.path());
    helper.expect("writing");
    let write = put(&domain, b"mine", b"1");
    assert!(!write.is_ready(), "the other process holds the lock");
    assert_eq!(
        get(&domain, b"half"),
        None,
        "what is not committed is not seen, and reading does not wait"
    );
    helper.order("go on");
    helper.expect("written");
    write.wait().unwrap();
    assert_eq!(get(&domain, b"half").unwrap(), b"done");
    helper.end();
}

#[test]
fn a_writer_that_is_killed_in_the_middle_leaves_nothing_and_blocks_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let mut helper = Helper::start("write until told", folder.path());
    helper.expect("writing");
    let write = put(&domain, b"mine", b"1");
    helper.kill();
    write.wait().unwrap();
    assert_eq!(get(&domain, b"half"), None);
    assert_eq!(get(&domain, b"mine").unwrap(), b"1");
}

#[test]
fn a_reader_that_was_killed_does_not_make_the_store_grow() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let mut helper = Helper::start("read until told", folder.path());
    helper.expect("reading");
    helper.kill();
    domain.reclaim_dead().unwrap();
    let grow = |writes: u32| {
        for write in 0..writes {
            put(&domain, b"key", &vec![0; 10_000 + write as usize % 7])
                .wait()
                .unwrap();
        }
        domain.run().size().unwrap()
    };
    // The keeper looks once a second.
    let mut size = grow(50);
    await_that("the dead reader is gone", || {
        let before = std::mem::replace(&mut size, grow(50));
        size == before
    });
    assert!(grow(500) < size + 200_000, "the pages are used again");
}

#[test]
fn a_panic_in_a_change_is_its_error_alone() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let change = domain.run().transact(Durability::CrashSafe, |writer| {
        writer.put(GENERAL, b"half", b"done")?;
        assert!(writer.get(GENERAL, b"half")?.is_none(), "in the middle");
        Ok(())
    });
    assert_eq!(change.wait().unwrap_err().code(), PitCode::Internal);
    put(&domain, b"next", b"1").wait().unwrap();
    assert_eq!(get(&domain, b"half"), None);
}

#[test]
fn changes_are_seen_together_and_in_order() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let count = |writer: &mut symphony_pit::domain::Writer<'_>| {
        let before = writer.get(GENERAL, b"count")?.map_or(0, <[u8]>::len);
        writer.put(GENERAL, b"count", &vec![1; before + 1])?;
        Ok(before)
    };
    let pending: Vec<_> = (0..100)
        .map(|_| domain.run().transact(Durability::CrashSafe, count))
        .collect();
    let counts: Vec<_> = pending.into_iter().map(|pending| pending.wait().unwrap()).collect();
    assert_eq!(counts, (0..100).collect::<Vec<_>>());
    let batch = Batch::new()
        .put(GENERAL, *b"a", *b"1")
        .put(GENERAL, *b"b", *b"2")
        .delete(GENERAL, *b"count");
    domain.keep().write(batch.clone(), Durability::Durable).wait().unwrap();
    domain.run().write(batch, Durability::Durable).wait().unwrap();
    let mut seen = Vec::new();
    domain
        .run()
        .read(|reader| {
            assert_eq!(reader.len(GENERAL)?, 2);
            reader.scan(GENERAL, Bound::Unbounded, |key, value| {
                seen.push((key.to_vec(), value.to_vec()));
                Ok(true)
            })
        })
        .unwrap();
    assert_eq!(seen, [(b"a".to_vec(), b"1".to_vec()), (b"b".to_vec(), b"2".to_vec())]);
    let error = put(&domain, b"", b"1").wait().unwrap_err();
    assert_eq!(error.to_string(), "a key has 1 to 511 bytes, not 0");
}

#[test]
fn a_dead_process_is_known_by_its_lock_and_its_place_is_free() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let mut helper = Helper::start("attach", folder.path());
    helper.expect("1");
    let live = |pid| {
        let names = fs::read_dir(folder.path().join("live")).unwrap();
        names
            .flatten()
            .any(|name| name.file_name().to_string_lossy().starts_with(&format!("{pid}-")))
    };
    let pid = helper.pid();
    assert!(live(pid));
    assert!(domain.reclaim_dead().unwrap().is_empty(), "it lives");
    helper.kill();
    await_that("the dead process's place is free", || {
        domain.reclaim_dead().unwrap();
        domain.processes().unwrap().len() == 1
    });
    assert!(!live(pid));
    let mut helper = Helper::start("attach", folder.path());
    helper.expect("1");
    helper.end();
    assert_eq!(
        domain.processes().unwrap().len(),
        1,
        "who leaves in order is gone at once"
    );
}

#[test]
fn a_forked_child_is_refused_everything_and_keeps_no_dead_parent_alive() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let mut helper = Helper::start("fork", folder.path());
    let mut answers = [helper.answer().unwrap(), helper.answer().unwrap()];
    answers.sort_by_key(|answer| answer.parse::<u32>().is_err());
    let [grandchild, verdict] = answers;
    assert_eq!(verdict, "refused");
    assert_eq!(domain.processes().unwrap().len(), 2, "the parent is still attached");
    let mut orders = None;
    helper.kill_keeping_input(&mut orders);
    await_that("the parent's place is free", || {
        domain.reclaim_dead().unwrap();
        domain.processes().unwrap().len() == 1
    });
    assert!(
        Path::new("/proc").join(&grandchild).exists(),
        "the grandchild still lives"
    );
    drop(orders);
    await_that("the grandchild has ended", || {
        !Path::new("/proc").join(&grandchild).exists()
    });
}

#[test]
fn a_full_store_says_so_and_goes_on_with_what_fits() {
    let folder = tempfile::tempdir().unwrap();
    let mut options = options();
    options.map_size = 1 << 20;
    let domain = Domain::attach(folder.path(), &options).unwrap();
    let large = put(&domain, b"large", &vec![0; 2 << 20]);
    let small = put(&domain, b"small", b"1");
    let error = large.wait().unwrap_err();
    assert_eq!(error.code(), PitCode::StorageFull, "{error}");
    assert!(error.is_retryable());
    small.wait().unwrap();
    assert_eq!(get(&domain, b"small").unwrap(), b"1");
}

/// Changes a file of a domain that nobody uses, and gives the error of attaching.
fn attach_to_damaged(file: &str, damage: impl FnOnce(&mut Vec<u8>)) -> symphony_pit::PitError {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    for store in [domain.run(), domain.keep()] {
        let batch = Batch::new().put(GENERAL, *b"key", vec![7; 10_000]);
        store.write(batch, Durability::Durable).wait().unwrap();
    }
    drop(domain);
    let path = folder.path().join(file);
    let mut bytes = fs::read(&path).unwrap();
    damage(&mut bytes);
    fs::write(&path, bytes).unwrap();
    let error = Domain::attach(folder.path(), &options()).unwrap_err();
    assert!(fs::read_dir(folder.path().join("live")).unwrap().next().is_none() || error.code() != PitCode::Internal);
    error
}

#[test]
fn another_version_of_a_domain_is_refused() {
    for (file, byte) in [("meta", 8), ("meta", 12), ("hot.map", 8)] {
        let error = attach_to_damaged(file, |bytes| bytes[byte] += 1);
        assert_eq!(error.code(), PitCode::DomainVersion, "{error}");
        assert!(error.to_string().contains("another version"), "{error}");
    }
}

#[test]
fn damaged_files_are_named_with_what_can_be_done() {
    type Damage = fn(&mut Vec<u8>);
    let cases: [(&str, Damage); 6] = [
        ("meta", |bytes| bytes[30] ^= 1),
        ("meta", |bytes| bytes.truncate(20)),
        ("hot.map", |bytes| bytes[0] ^= 1),
        ("hot.map", |bytes| bytes.truncate(layout::HOT_BYTES - 64)),
        ("hot.map", |bytes| bytes[layout::PROCESSES * 64] = 99),
        ("keep/data.mdb", |bytes| bytes.fill(0xaa)),
    ];
    for (file, damage) in cases {
        let error = attach_to_damaged(file, damage);
        assert_eq!(error.code(), PitCode::Corrupted, "{file}: {error}");
        assert!(error.to_string().contains("delete"), "{error}");
    }
}

#[test]
fn after_a_restart_of_the_machine_the_volatile_state_is_gone_and_the_rest_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    for store in [domain.run(), domain.keep()] {
        store
            .write(Batch::new().put(GENERAL, *b"key", *b"value"), Durability::Durable)
            .wait()
            .unwrap();
    }
    let id = domain.id();
    drop(domain);
    // The map of another run of the machine.
    let path = folder.path().join("hot.map");
    let header = layout::HotHeader {
        boot: symphony_pit::BootId([9; 16]),
        domain: id,
    };
    let mut bytes = fs::read(&path).unwrap();
    for (place, word) in header.to_words().iter().enumerate() {
        bytes[place * 8..][..8].copy_from_slice(&word.to_le_bytes());
    }
    fs::write(&path, bytes).unwrap();
    let domain = attach(folder.path());
    assert_eq!(domain.id(), id);
    assert_eq!(get(&domain, b"key"), None);
    let kept = domain
        .keep()
        .read(|reader| Ok(reader.get(GENERAL, b"key")?.map(<[u8]>::to_vec)))
        .unwrap();
    assert_eq!(kept.unwrap(), b"value");
}

#[test]
fn processes_attach_while_others_come_and_go() {
    let folder = tempfile::tempdir().unwrap();
    let mut helpers: Vec<_> = (0..6).map(|_| Helper::start("attach", folder.path())).collect();
    let mut places: Vec<_> = helpers.iter_mut().map(|helper| helper.answer().unwrap()).collect();
    places.sort();
    assert_eq!(places, ["0", "1", "2", "3", "4", "5"]);
    helpers.into_iter().for_each(Helper::end);
    assert_eq!(attach(folder.path()).slot().0, 0);
}

#[test]
fn a_store_is_written_by_many_threads_and_nothing_is_lost() {
    let folder = tempfile::tempdir().unwrap();
    let domain = attach(folder.path());
    let (sender, receiver) = channel();
    std::thread::scope(|scope| {
        for thread in 0_u8..4 {
            let (domain, sender) = (&domain, sender.clone());
            scope.spawn(move || {
                for number in 0_u8..200 {
                    sender.send(put(domain, &[1, thread, number], &[number])).unwrap();
                }
            });
        }
    });
    drop(sender);
    for pending in receiver {
        pending.wait_for(Duration::from_secs(60)).unwrap().unwrap();
    }
    assert_eq!(domain.run().read(|reader| reader.len(GENERAL)).unwrap(), 800);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    /// Words anywhere in the tables, with values near those that mean something.
    #[test]
    fn a_map_that_is_damaged_anywhere_is_refused_or_answers_without_harm(
        patches in prop::collection::vec(
            (layout::PROCESSES..layout::CELLS, 0_usize..8, prop_oneof![any::<u64>(), 0_u64..4, (0_u64..7).prop_map(|state| 1 << 24 | state)]),
            1..12,
        ),
        near in prop::collection::vec((0_usize..40, 0_usize..8, any::<u64>()), 0..12),
    ) {
        let folder = tempfile::tempdir().unwrap();
        let domain = attach(folder.path());
        let pool = crate::sharing::pool(&domain);
        let model = pool.register(crate::sharing::model("m", 1)).wait().unwrap();
        drop(pool.acquire(model, symphony_pit::pool::AcquireOptions::default()).wait().unwrap());
        // Closed first: the keeper may be using the pool, and then would be the last to leave.
        domain.close();
        drop(pool);
        drop(domain);
        let path = folder.path().join("hot.map");
        let mut bytes = fs::read(&path).unwrap();
        // Where the one model was, too.
        let near = near.into_iter().map(|(cell, word, value)| {
            let first = [layout::INSTANCES, layout::MODELS, layout::LEASES, layout::EVENTS][cell % 4];
            (first + cell / 4, word, value)
        });
        for (cell, word, value) in patches.into_iter().chain(near) {
            bytes[cell * layout::CELL_BYTES + word * 8..][..8].copy_from_slice(&value.to_le_bytes());
        }
        fs::write(&path, bytes).unwrap();
        match Domain::attach(folder.path(), &options()) {
            Err(error) => prop_assert_eq!(error.code(), PitCode::Corrupted),
            Ok(domain) => {
                let pool = crate::sharing::pool(&domain);
                let _answers = (pool.instances(), pool.metrics(), pool.status(model), pool.history(model.id(), 10));
                for instance in pool.instances().unwrap() {
                    let _answer = pool.health(instance.instance);
                }
                drop(pool.try_acquire(model, symphony_pit::Priority::NORMAL));
                for slot in 0..32 {
                    let _answer = pool.release_id(symphony_pit::LeaseId::from_number(slot));
                }
                domain.reclaim_dead().unwrap();
                domain.close();
            }
        }
    }
}
