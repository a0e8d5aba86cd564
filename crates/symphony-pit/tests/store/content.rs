//! Content: kept once, read as it was put, damage noticed and repaired, nothing half.

use std::fs;
use std::io::{Cursor, Read};
use std::path::Path;

use symphony_pit::PitCode;
use symphony_pit::domain::Durability;
use symphony_pit::store::{
    ContentDiff, DedupStats, Description, Digest, Encoding, HashAlgo, PutOptions, Source, Verification,
};

use crate::fixture::{Fixture, code, damage, files, noise};

fn options(change: impl FnOnce(&mut PutOptions)) -> PutOptions {
    let mut options = PutOptions::default();
    change(&mut options);
    options
}

fn plain() -> Description {
    Description::default()
}

#[test]
fn the_same_bytes_twice_are_one_content_and_two_artifacts() {
    let store = Fixture::new();
    let first = store.put(b"hello", &plain(), &PutOptions::default()).unwrap();
    let second = store.put(b"hello", &plain(), &PutOptions::default()).unwrap();
    assert!(first.newly_stored && !second.newly_stored);
    assert_ne!(first.id, second.id);
    assert_eq!(first.digest, Digest::of(HashAlgo::Blake3, b"hello"));
    assert_eq!(files(&store.folder().join("cas")).len(), 1);
    let stats = store.dedup_stats().unwrap();
    assert_eq!((stats.artifacts, stats.contents), (2, 1));
    assert_eq!(
        (stats.logical_bytes, stats.unique_bytes, stats.stored_bytes),
        (10, 5, 5)
    );
    assert!((stats.saved() - 0.5).abs() < 1e-9);
    assert_eq!(store.info(first.digest.into()).unwrap().references, 2);
    for id in [first.id, second.id] {
        assert_eq!(&*store.get(id).unwrap(), b"hello");
    }
}

#[test]
fn content_is_read_as_it_was_put_whichever_way_it_came_and_is_kept() {
    let store = Fixture::new();
    let from = tempfile::tempdir().unwrap();
    let text = b"a line that repeats\n".repeat(200_000);
    let contents = [vec![], vec![7], noise(1, 4096), noise(2, (3 << 20) + 1), text];
    for algo in [HashAlgo::Blake3, HashAlgo::Sha256] {
        for zstd in [None, Some(1), Some(19)] {
            for durability in [Durability::CrashSafe, Durability::Durable] {
                for bytes in &contents[..if zstd == Some(19) { 3 } else { 5 }] {
                    let options = options(|options| {
                        options.algo = algo;
                        options.zstd = zstd;
                        options.durability = durability;
                    });
                    let path = from.path().join("file");
                    fs::write(&path, bytes).unwrap();
                    let mut writer = store.writer(&options).unwrap();
                    for piece in bytes.chunks(100_000) {
                        writer.write(piece).unwrap();
                    }
                    let stream = Source::Stream(Box::new(Cursor::new(bytes)));
                    let results = [
                        writer.finish(&plain(), None).unwrap(),
                        store.put(bytes, &plain(), &options).unwrap(),
                        store.put(path.as_path(), &plain(), &options).unwrap(),
                        store.put(stream, &plain(), &options).unwrap(),
                    ];
                    for result in results {
                        assert_eq!(result.digest, Digest::of(algo, bytes));
                        assert_eq!(&*store.get(result.id).unwrap(), bytes.as_slice());
                        let info = store.info(result.id.into()).unwrap();
                        assert!(info.durable || durability == Durability::CrashSafe);
                    }
                }
            }
        }
    }
    let report = store.verify_all().unwrap();
    assert_eq!((report.contents, report.orphans), (10, 0));
    assert!(report.damaged.is_empty());
    assert!(files(&store.folder().join("cas/new")).is_empty());
}

#[test]
fn what_compresses_takes_less_space_and_what_does_not_is_kept_as_it_is() {
    let store = Fixture::new();
    let zstd = options(|options| options.zstd = Some(1));
    let text = b"to be or not to be ".repeat(50_000);
    let packed = store.put(&text, &plain(), &zstd).unwrap();
    let info = store.info(packed.id.into()).unwrap();
    assert_eq!(info.encoding, Encoding::Zstd);
    assert!(info.stored_size < info.size / 100);
    assert_eq!(
        packed.digest,
        Digest::of(HashAlgo::Blake3, &text),
        "of the bytes as given"
    );
    assert!(!store.put(&text, &plain(), &PutOptions::default()).unwrap().newly_stored);
    let content = store.get(packed.id).unwrap();
    assert!(!content.is_mapped());
    assert_eq!(&*content, text.as_slice());
    let noise = noise(3, 100_000);
    let kept = store.put(&noise, &plain(), &zstd).unwrap();
    assert_eq!(store.info(kept.id.into()).unwrap().encoding, Encoding::Raw);
    assert!(store.get(kept.id).unwrap().is_mapped());
    for level in [0, 20, 255] {
        let level = options(|options| options.zstd = Some(level));
        assert_eq!(code(store.put(b"x", &plain(), &level)), PitCode::InvalidArgument);
    }
}

#[test]
fn parts_are_read_from_mapped_and_from_compressed_content() {
    let store = Fixture::new();
    let text: Vec<u8> = (0..300_000_u32).flat_map(u32::to_le_bytes).collect();
    for zstd in [None, Some(3)] {
        let algo = if zstd.is_some() {
            HashAlgo::Sha256
        } else {
            HashAlgo::Blake3
        };
        let options = options(|options| {
            options.zstd = zstd;
            options.algo = algo;
        });
        let id = store.put(&text, &plain(), &options).unwrap().id;
        for (offset, length) in [
            (0_u64, 10_u64),
            (999_999, 1000),
            (1_199_999, 50),
            (1_200_000, 1),
            (5, 0),
            (0, u64::MAX),
        ] {
            let start = usize::try_from(offset).unwrap();
            let end = usize::try_from(offset.saturating_add(length)).unwrap().min(text.len());
            let part = store.get_range(id, offset, length).unwrap();
            assert_eq!(&*part, &text[start..end]);
        }
        assert_eq!(code(store.get_range(id, 1_200_001, 1)), PitCode::InvalidArgument);
    }
}

#[test]
fn damage_is_an_error_of_that_content_alone_and_putting_it_again_repairs_it() {
    for zstd in [None, Some(1)] {
        let store = Fixture::new();
        let options = options(|options| options.zstd = zstd);
        let bytes = b"precious ".repeat(10_000);
        let good = store.add(b"other");
        let put = store.put(&bytes, &plain(), &options).unwrap();
        let path = store.file(&put.digest);
        let kept = fs::read(&path).unwrap();
        let mut flipped = kept.clone();
        flipped[kept.len() / 2] ^= 1;
        for found in [flipped, kept[..kept.len() - 1].to_vec(), Vec::new()] {
            damage(&path, &found);
            for result in [
                store.get(put.id),
                store.get(put.digest),
                store.get_range(put.id, 0, 10),
                store.get_with(put.id, Verification::Always),
            ] {
                let error = result.unwrap_err();
                assert!(
                    matches!(error.code(), PitCode::HashMismatch | PitCode::Corrupted),
                    "{error}"
                );
                assert!(error.message().contains(path.to_str().unwrap()), "{error}");
            }
            assert!(store.verify(put.id).is_err());
            let report = store.verify_all().unwrap();
            assert_eq!((report.contents, report.damaged.len()), (2, 1));
            assert_eq!(report.damaged[0].artifacts, [put.id]);
            assert_eq!(&*store.get(good).unwrap(), b"other", "the rest goes on");

            let repaired = store.put(&bytes, &plain(), &PutOptions::default()).unwrap();
            assert_eq!(&*store.get(put.id).unwrap(), bytes.as_slice());
            assert!(store.verify_all().unwrap().damaged.is_empty());
            store.delete(repaired.id).unwrap();
            // The next round damages what was repaired, in the first way of keeping it.
            let path = store.file(&put.digest);
            assert_eq!(path.extension().unwrap(), "blake3", "as the last put said");
            assert_eq!(store.dedup_stats().unwrap(), store.count_anew().unwrap().0);
            if zstd.is_some() {
                break;
            }
        }
    }
}

#[test]
fn damage_that_happened_before_this_process_came_is_noticed_at_the_first_look() {
    let store = Fixture::new();
    let id = store.add(b"precious");
    let path = store.file(&store.meta(id).unwrap().digest);
    let times = fs::metadata(&path).unwrap().modified().unwrap();
    damage(&path, b"preciouz");
    fs::File::options()
        .write(true)
        .open(&path)
        .unwrap()
        .set_modified(times)
        .unwrap();
    let store = store.reopen();
    assert_eq!(code(store.get(id)), PitCode::HashMismatch);
    assert_eq!(
        &*store.get_with(id, Verification::Never).unwrap(),
        b"preciouz",
        "as asked for"
    );
    fs::remove_file(&path).unwrap();
    assert_eq!(code(store.get(id)), PitCode::Corrupted);
    assert_eq!(store.exists(&[store.meta(id).unwrap().digest]).unwrap(), [false]);
    store.add(b"precious");
    assert_eq!(&*store.get(id).unwrap(), b"precious");
}

#[test]
fn what_is_mapped_stays_when_its_artifact_is_deleted_and_its_file_removed() {
    let store = Fixture::new();
    let bytes = noise(4, 1 << 20);
    let put = store.put(&bytes, &plain(), &PutOptions::default()).unwrap();
    let part = store.get(put.id).unwrap().slice(100, 1000);
    store.delete(put.id).unwrap();
    fs::remove_file(store.file(&put.digest)).unwrap();
    drop(store);
    assert_eq!(&*part, &bytes[100..1100]);
}

#[test]
fn content_that_is_not_what_was_expected_is_not_stored() {
    let store = Fixture::new();
    let mut description = plain();
    description.expect = Some(Digest::of(HashAlgo::Blake3, b"something else"));
    assert_eq!(
        code(store.put(b"this", &description, &PutOptions::default())),
        PitCode::HashMismatch
    );
    let stream = Source::Stream(Box::new(Cursor::new(b"this")));
    assert_eq!(
        code(store.put(stream, &description, &PutOptions::default())),
        PitCode::HashMismatch
    );
    assert!(files(&store.folder().join("cas")).is_empty());
    description.expect = Some(Digest::of(HashAlgo::Blake3, b"this"));
    store.put(b"this", &description, &PutOptions::default()).unwrap();
}

#[test]
fn a_stream_that_breaks_off_and_a_writer_that_is_dropped_leave_nothing() {
    struct Breaks(usize);
    impl Read for Breaks {
        fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
            self.0 += 1;
            match self.0 {
                1 => Ok(buffer.len()),
                2 => Err(std::io::ErrorKind::Interrupted.into()),
                _ => Err(std::io::Error::other("the wire was cut")),
            }
        }
    }
    let store = Fixture::new();
    let error = store
        .put(Source::Stream(Box::new(Breaks(0))), &plain(), &PutOptions::default())
        .unwrap_err();
    assert_eq!(error.code(), PitCode::Cancelled);
    assert!(error.message().contains("the wire was cut"), "{error}");
    let mut writer = store.writer(&PutOptions::default()).unwrap();
    writer.write(&noise(5, 1 << 20)).unwrap();
    assert_eq!(files(&store.folder().join("cas/new")).len(), 1);
    drop(writer);
    assert!(files(&store.folder().join("cas")).is_empty());
    assert_eq!(store.dedup_stats().unwrap(), DedupStats::default());
    let missing = Path::new("/does/not/exist");
    assert_eq!(
        code(store.put(missing, &plain(), &PutOptions::default())),
        PitCode::NotFound
    );
    let folder = store.folder().to_owned();
    assert_eq!(
        code(store.put(folder, &plain(), &PutOptions::default())),
        PitCode::InvalidArgument
    );
}

#[test]
fn files_that_no_record_names_are_removed_and_others_stay() {
    let store = Fixture::new();
    let (kept, lost) = (store.add(b"kept"), store.add(b"forgotten by all"));
    let orphan = Digest::of(HashAlgo::Blake3, b"orphan");
    let folder = store.folder().join("cas");
    fs::write(
        folder.join(&orphan.hex()[..2]).join(format!("{}.blake3", orphan.hex())),
        b"orphan",
    )
    .unwrap();
    fs::write(folder.join("new/left-by-a-dead-one"), b"half").unwrap();
    let mut writing = store.writer(&PutOptions::default()).unwrap();
    writing.write(b"still being written").unwrap();
    store.delete(lost).unwrap();
    assert_eq!(store.verify_all().unwrap().orphans, 1);
    let report = store.sweep().unwrap();
    assert_eq!((report.temporaries, report.orphans), (1, 1));
    let written = writing.finish(&plain(), None).unwrap();
    assert_eq!(&*store.get(written.id).unwrap(), b"still being written");
    assert_eq!(&*store.get(kept).unwrap(), b"kept");
    assert_eq!(
        store.dedup_stats().unwrap().unreferenced,
        1,
        "waits for whoever reclaims space"
    );
    assert_eq!(store.verify_all().unwrap().contents, 3);
}

#[test]
fn an_orphan_is_used_if_it_is_sound_and_replaced_if_not() {
    for found in [b"orphan", b"OrPhAn"] {
        let store = Fixture::new();
        let orphan = Digest::of(HashAlgo::Blake3, b"orphan");
        let folder = store.folder().join("cas").join(&orphan.hex()[..2]);
        fs::write(folder.join(format!("{}.blake3", orphan.hex())), found).unwrap();
        let put = store.put(b"orphan", &plain(), &PutOptions::default()).unwrap();
        assert!(put.newly_stored);
        assert_eq!(&*store.get(put.id).unwrap(), b"orphan");
        assert!(store.verify_all().unwrap().damaged.is_empty());
    }
}

#[test]
fn texts_are_compared_by_lines_and_everything_else_by_bytes() {
    let store = Fixture::new();
    let diff = |old: &[u8], new: &[u8]| store.diff(store.add(old), store.add(new)).unwrap();
    let same = diff(b"a\n", b"a\n");
    assert!(same.same_content);
    assert_eq!(same.content, ContentDiff::Same);
    let text = diff(b"one\ntwo\nthree\n", "one\nzwei\nthree\nvier\n".as_bytes());
    let ContentDiff::Text {
        unified,
        added,
        removed,
    } = text.content
    else {
        panic!("a text");
    };
    assert_eq!((added, removed), (2, 1));
    assert_eq!(
        unified,
        "--- old\n+++ new\n@@ -1,3 +1,4 @@\n one\n-two\n+zwei\n three\n+vier\n"
    );
    let bytes = diff(b"\0\x01\x02", b"\0\x01\xff\xff");
    assert_eq!(bytes.content, ContentDiff::Bytes { first_difference: 2 });
    let bytes = diff(b"text", b"text\xff");
    assert_eq!(bytes.content, ContentDiff::Bytes { first_difference: 4 });
    let sha = options(|options| options.algo = HashAlgo::Sha256);
    let twin = store.put(b"text", &plain(), &sha).unwrap().id;
    let twins = store.diff(twin, store.add(b"text")).unwrap();
    assert!(twins.same_content && twins.old != twins.new);
}
