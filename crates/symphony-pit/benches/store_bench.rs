//! What the artifact store costs: putting and getting 2^20 bytes, reading and changing records, finding among 100,000.
//!
//! The folder is made in `PIT_BENCH_FOLDER`, or in the system's temporary folder: what is durable costs what its disk does.

#[cfg(not(unix))]
fn main() {}

#[cfg(unix)]
fn main() {
    unix::run();
}

#[cfg(unix)]
mod unix {
    use std::hint::black_box;
    use std::sync::Arc;
    use std::time::{Duration, Instant};

    use criterion::{Criterion, Throughput};
    use symphony_pit::ArtifactId;
    use symphony_pit::domain::{AttachOptions, Domain, Durability};
    use symphony_pit::store::{
        ArtifactStore, Description, Digest, HashAlgo, Matches, PutOptions, SearchQuery, StoreOptions, Verification,
    };

    const SIZE: usize = 1 << 20;

    /// Bytes that do not compress, another content each time.
    struct Contents(Vec<u8>, u64);

    impl Contents {
        fn new(length: usize) -> Self {
            let mut state = 1_u64;
            let bytes = std::iter::repeat_with(|| {
                state ^= state << 13;
                state ^= state >> 7;
                state ^= state << 17;
                state.to_le_bytes()[0]
            });
            Self(bytes.take(length).collect(), 0)
        }

        fn next(&mut self) -> &[u8] {
            self.1 += 1;
            self.0[..8].copy_from_slice(&self.1.to_le_bytes());
            &self.0
        }
    }

    fn put(store: &ArtifactStore, bytes: &[u8], options: &PutOptions) -> ArtifactId {
        store
            .put(bytes, &Description::default(), options)
            .expect("it is put")
            .id
    }

    pub(super) fn run() {
        let mut criterion = Criterion::default()
            .sample_size(40)
            .measurement_time(Duration::from_secs(3))
            .configure_from_args();
        let parent = std::env::var_os("PIT_BENCH_FOLDER").map_or_else(std::env::temp_dir, Into::into);
        let folder = tempfile::tempdir_in(parent).expect("a folder");
        let mut options = AttachOptions::default();
        options.any_filesystem = true;
        let domain = Domain::attach(folder.path(), &options).expect("a domain");
        let store = ArtifactStore::open(&domain, &StoreOptions::default()).expect("a store");
        contents(&mut criterion, &store);
        records(&mut criterion, &store);
        search(&mut criterion, &store);
        criterion.final_summary();
    }

    fn contents(criterion: &mut Criterion, store: &Arc<ArtifactStore>) {
        let mut contents = Contents::new(SIZE);
        let mut group = criterion.benchmark_group("store 2^20 bytes");
        group.throughput(Throughput::Bytes(SIZE as u64));
        let crash_safe = PutOptions::default();
        let mut durable = PutOptions::default();
        durable.durability = Durability::Durable;
        let mut sha256 = PutOptions::default();
        sha256.algo = HashAlgo::Sha256;
        let mut zstd = PutOptions::default();
        zstd.zstd = Some(1);
        for (name, options) in [
            ("put crash-safe", &crash_safe),
            ("put durable", &durable),
            ("put SHA-256", &sha256),
            ("put zstd (incompressible)", &zstd),
        ] {
            group.bench_function(name, |bencher| bencher.iter(|| put(store, contents.next(), options)));
        }
        let known = contents.next().to_vec();
        group.bench_function("put what is there", |bencher| {
            bencher.iter(|| put(store, &known, &crash_safe));
        });
        let id = put(store, contents.next(), &crash_safe);
        group.bench_function("get", |bencher| {
            bencher.iter(|| store.get(black_box(id)).expect("it is there"));
        });
        group.bench_function("get and read all of it", |bencher| {
            bencher.iter(|| {
                let content = store.get(black_box(id)).expect("it is there");
                content.chunks(4096).map(|page| u64::from(page[0])).sum::<u64>()
            });
        });
        group.bench_function("get and verify", |bencher| {
            bencher.iter(|| store.get_with(id, Verification::Always).expect("it is sound"));
        });
        group.bench_function("get 4,096 bytes of it", |bencher| {
            bencher.iter(|| store.get_range(black_box(id), 500_000, 4096).expect("it is there"));
        });
        let text = b"some text that compresses well ".repeat(SIZE / 31);
        let packed = put(store, &text, &zstd);
        group.bench_function("get zstd", |bencher| {
            bencher.iter(|| store.get(packed).expect("it is there"));
        });
        group.finish();
    }

    fn records(criterion: &mut Criterion, store: &Arc<ArtifactStore>) {
        let id = put(store, b"small", &PutOptions::default());
        let action = Digest::of(HashAlgo::Blake3, b"action");
        store.memo_put(&action, id).expect("it is recorded");
        let mut group = criterion.benchmark_group("store records");
        group.bench_function("meta", |bencher| {
            bencher.iter(|| store.meta(black_box(id)).expect("it is there"));
        });
        group.bench_function("memo", |bencher| {
            bencher.iter(|| store.memo_get(black_box(&action)).expect("it is there"));
        });
        let mut on = false;
        group.bench_function("tag or untag", |bencher| {
            bencher.iter(|| {
                on = !on;
                if on {
                    store.tag(id, "tag")
                } else {
                    store.untag(id, "tag")
                }
                .expect("it is changed");
            });
        });
        group.bench_function("tag, 64 threads at a time, each", |bencher| {
            bencher.iter_custom(|rounds| {
                let begun = Instant::now();
                std::thread::scope(|scope| {
                    for thread in 0..64_u64 {
                        scope.spawn(move || {
                            for round in 0..rounds.div_ceil(64) {
                                let tag = format!("{thread}");
                                if round % 2 == 0 {
                                    store.tag(id, &tag)
                                } else {
                                    store.untag(id, &tag)
                                }
                                .expect("it is changed");
                            }
                        });
                    }
                });
                begun.elapsed()
            });
        });
        group.finish();
    }

    fn search(criterion: &mut Criterion, store: &Arc<ArtifactStore>) {
        const COUNT: u64 = 100_000;
        const THREADS: u64 = 64;
        std::thread::scope(|scope| {
            for thread in 0..THREADS {
                scope.spawn(move || {
                    for number in (0..COUNT).filter(|number| number % THREADS == thread) {
                        let mut description = Description::default();
                        description.tags = ["every".into(), format!("of-{}", number % 100)].into();
                        description.metadata = [("number".into(), number.to_string())].into();
                        // Few contents: what is measured is finding.
                        store
                            .put(&(number % 100).to_le_bytes(), &description, &PutOptions::default())
                            .expect("it is put");
                    }
                });
            }
        });
        let mut group = criterion.benchmark_group("store search in 100,000");
        let mut exact = SearchQuery::default();
        exact.metadata = [("number".into(), Matches::Exactly("77777".into()))].into();
        let mut rare = SearchQuery::default();
        rare.tags = ["of-7".into()].into();
        let mut both = SearchQuery::default();
        both.tags = ["every".into(), "of-7".into()].into();
        let mut every = SearchQuery::default();
        every.tags = ["every".into()].into();
        let mut unindexed = SearchQuery::default();
        unindexed.min_size = Some(9);
        for (name, query) in [
            ("one by metadata", &exact),
            ("100 of 1,000 by tag", &rare),
            ("100 of 1,000 by two tags", &both),
            ("100 of 100,000 by tag", &every),
            ("few, not indexed", &unindexed),
        ] {
            group.bench_function(name, |bencher| {
                bencher.iter(|| store.search(query).expect("it is searched"));
            });
        }
        group.finish();
    }
}
