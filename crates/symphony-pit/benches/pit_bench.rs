//! What the Pit's operations cost from Rust, without another process in the way.
//!
//! `cargo bench -p symphony-pit`; a filter after `--` selects, for example `-- lease`. Rows are named `group/operation`.
//! The stores write to the folder that `PIT_BENCH_DIR` names, or to the system's temporary one.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput};
use symphony_pit::domain::{AttachOptions, Batch, Domain, Durability, Table};
use symphony_pit::pool::{AcquireOptions, LoadRequest, ModelLoader, ModelRef, Pool, UnloadRequest};
use symphony_pit::{Component, KeepAlive, ModelSpec, Priority};

struct AtOnce;

impl ModelLoader for AtOnce {
    fn accepts(&self, _spec: &ModelSpec) -> bool {
        true
    }
    fn load(&self, request: LoadRequest) {
        request.loaded();
    }
    fn unload(&self, request: UnloadRequest) {
        request.done();
    }
}

fn hot_model(pool: &Arc<Pool>, concurrency: u16) -> ModelRef {
    let mut spec = ModelSpec::new(format!("of {concurrency}"), "1", "at-once");
    spec.keep_alive = KeepAlive::Forever;
    spec.max_concurrency = concurrency;
    let model = pool.register(spec).wait().expect("it can be registered");
    drop(pool.acquire(model, AcquireOptions::default()).wait().expect("it loads"));
    model
}

fn leases(criterion: &mut Criterion, pool: &Arc<Pool>) {
    let mut group = criterion.benchmark_group("lease");
    for concurrency in [1, 64] {
        let model = hot_model(pool, concurrency);
        group.bench_function(format!("try_acquire + release, {concurrency} at a time"), |bencher| {
            bencher.iter(|| {
                let lease = pool
                    .try_acquire(model, Priority::NORMAL)
                    .expect("attached")
                    .expect("free");
                pool.release(lease).expect("held");
            });
        });
        group.bench_function(
            format!("try_acquire + release by number, {concurrency} at a time"),
            |bencher| {
                bencher.iter(|| {
                    let lease = pool
                        .try_acquire(model, Priority::NORMAL)
                        .expect("attached")
                        .expect("free");
                    pool.release_id(black_box(lease.into_id())).expect("held");
                });
            },
        );
    }
    let model = hot_model(pool, 1);
    group.bench_function("acquire + release", |bencher| {
        bencher.iter(|| drop(pool.acquire(model, AcquireOptions::default()).wait().expect("free")));
    });
    let lease = pool
        .try_acquire(model, Priority::NORMAL)
        .expect("attached")
        .expect("free");
    group.bench_function("status of a lease", |bencher| {
        bencher.iter(|| lease.status().expect("held"));
    });
    group.bench_function("refused", |bencher| {
        bencher.iter(|| assert!(pool.try_acquire(model, Priority::NORMAL).expect("attached").is_none()));
    });
    drop(lease);
    group.bench_function("epoch", |bencher| {
        bencher.iter(|| pool.domain().epoch(Component::Pool).expect("attached"));
    });
    group.finish();
}

fn stores(criterion: &mut Criterion, domain: &Arc<Domain>) {
    const BATCH: u64 = 256;
    let value = [7_u8; 128];
    let mut group = criterion.benchmark_group("store");
    group.throughput(Throughput::Elements(1));
    group.bench_function("write 128 B, crash-safe, one at a time", |bencher| {
        bencher.iter(|| {
            let batch = Batch::new().put(Table::General, *b"key", value);
            domain
                .run()
                .write(batch, Durability::CrashSafe)
                .wait()
                .expect("it fits");
        });
    });
    // The time of one, when many are on their way.
    for (name, store, durability) in [
        (
            "write 128 B, crash-safe, 256 on their way",
            domain.run(),
            Durability::CrashSafe,
        ),
        (
            "write 128 B, durable, 256 on their way",
            domain.keep(),
            Durability::Durable,
        ),
    ] {
        group.bench_function(name, |bencher| {
            bencher.iter_custom(|iterations| {
                let begun = Instant::now();
                let mut left = iterations;
                while left > 0 {
                    let count = left.min(BATCH);
                    let pending: Vec<_> = (0..count)
                        .map(|key| store.write(Batch::new().put(Table::General, key.to_be_bytes(), value), durability))
                        .collect();
                    for pending in pending {
                        pending.wait().expect("it fits");
                    }
                    left -= count;
                }
                begun.elapsed()
            });
        });
    }
    group.bench_function("write 128 B, crash-safe, one of 256 of a batch", |bencher| {
        bencher.iter_custom(|iterations| {
            let begun = Instant::now();
            let mut left = iterations;
            while left > 0 {
                let count = left.min(BATCH);
                let batch = (0..count).fold(Batch::new(), |batch, key| {
                    batch.put(Table::General, key.to_be_bytes(), value)
                });
                domain
                    .run()
                    .write(batch, Durability::CrashSafe)
                    .wait()
                    .expect("it fits");
                left -= count;
            }
            begun.elapsed()
        });
    });
    group.bench_function("read 128 B", |bencher| {
        bencher.iter(|| {
            let length = domain
                .run()
                .read(|reader| Ok(reader.get(Table::General, &1_u64.to_be_bytes())?.map(<[u8]>::len)));
            assert_eq!(length.expect("attached"), Some(128));
        });
    });
    group.finish();
}

fn main() {
    let parent = std::env::var_os("PIT_BENCH_DIR").map_or_else(std::env::temp_dir, Into::into);
    let folder = tempfile::tempdir_in(parent).expect("a folder can be made");
    let mut options = AttachOptions::default();
    options.any_filesystem = true;
    let domain = Domain::attach(folder.path(), &options).expect("it can be attached");
    let pool = Pool::of(&domain);
    pool.add_loader(Arc::new(AtOnce));
    let mut criterion = Criterion::default()
        .sample_size(40)
        .warm_up_time(Duration::from_millis(500))
        .measurement_time(Duration::from_secs(2))
        .configure_from_args();
    leases(&mut criterion, &pool);
    stores(&mut criterion, &domain);
    criterion.final_summary();
}
