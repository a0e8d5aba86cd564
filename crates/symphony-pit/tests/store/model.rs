//! The store against a simple model of it: random puts, versions, tags, pins, deletions and memos give the same answers.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use symphony_pit::store::{
    Description, Digest, Direction, HashAlgo, Hold, NewVersion, Order, Parent, PutOptions, SearchQuery,
};
use symphony_pit::{ArtifactId, PitCode};

use crate::fixture::{Fixture, code, noise};

const TAGS: [&str; 3] = ["red", "green", "blue"];
const LINES: [&str; 2] = ["one", "two"];

#[derive(Debug, Clone)]
enum Operation {
    Put {
        content: usize,
        tags: BTreeSet<usize>,
        zstd: bool,
        parent: Option<usize>,
        /// The line, and how far the expected head is off; nothing is expected at 3.
        version: Option<(usize, u32)>,
    },
    Tag(usize, usize),
    Untag(usize, usize),
    Pin(usize),
    Unpin(usize),
    Delete(usize),
    Memo(usize, usize),
    Reopen,
    Restart,
}

fn operations() -> impl Strategy<Value = Operation> {
    let artifact = 0..40_usize;
    prop_oneof![
        6 => (
            0..6_usize,
            prop::collection::btree_set(0..3_usize, 0..3),
            any::<bool>(),
            prop::option::of(artifact.clone()),
            prop::option::of((0..2_usize, 0..4_u32)),
        )
            .prop_map(|(content, tags, zstd, parent, version)| Operation::Put { content, tags, zstd, parent, version }),
        2 => (artifact.clone(), 0..3_usize).prop_map(|(artifact, tag)| Operation::Tag(artifact, tag)),
        2 => (artifact.clone(), 0..3_usize).prop_map(|(artifact, tag)| Operation::Untag(artifact, tag)),
        1 => artifact.clone().prop_map(Operation::Pin),
        1 => artifact.clone().prop_map(Operation::Unpin),
        3 => artifact.clone().prop_map(Operation::Delete),
        1 => (0..3_usize, artifact).prop_map(|(action, artifact)| Operation::Memo(action, artifact)),
        1 => Just(Operation::Reopen),
        1 => Just(Operation::Restart),
    ]
}

#[derive(Debug)]
struct Artifact {
    id: ArtifactId,
    content: usize,
    tags: BTreeSet<usize>,
    pinned: bool,
    deleted: bool,
    parent: Option<usize>,
}

#[derive(Debug, Default)]
struct Model {
    artifacts: Vec<Artifact>,
    lines: BTreeMap<usize, Vec<usize>>,
    contents: BTreeSet<usize>,
    memos: BTreeMap<usize, usize>,
}

fn bytes(content: usize) -> Vec<u8> {
    match content {
        0 => Vec::new(),
        content if content % 2 == 0 => vec![u8::try_from(content).unwrap(); content * 1000],
        content => noise(content as u64, content * 1000),
    }
}

fn action(action: usize) -> Digest {
    Digest::of(HashAlgo::Sha256, &[u8::try_from(action).unwrap()])
}

impl Model {
    /// Does the same to both. An artifact is the one of this number, counted round.
    fn apply(&mut self, store: Fixture, operation: Operation) -> Fixture {
        let count = self.artifacts.len();
        let chosen = |number: usize| number.checked_rem(count);
        match operation {
            Operation::Reopen => return store.reopen(),
            Operation::Restart => return store.restart(),
            Operation::Put {
                content,
                tags,
                zstd,
                parent,
                version,
            } => {
                let parent = parent.and_then(chosen);
                let mut description = Description::default();
                description.tags = tags.iter().map(|tag| TAGS[*tag].to_owned()).collect();
                description.parents = parent
                    .iter()
                    .map(|parent| Parent {
                        relation: "from".into(),
                        id: self.artifacts[*parent].id,
                    })
                    .collect();
                let mut options = PutOptions::default();
                options.zstd = zstd.then_some(1);
                let result = if let Some((line, off)) = version {
                    let head = u32::try_from(self.lines.get(&line).map_or(0, Vec::len)).unwrap();
                    let mut new = NewVersion::of(LINES[line]);
                    if off < 3 {
                        new = new.after(head + off);
                    }
                    let result = store.new_version(&new, &bytes(content), &description, &options);
                    if (1..3).contains(&off) {
                        assert_eq!(code(result), PitCode::Conflict);
                        return store;
                    }
                    self.lines.entry(line).or_default().push(count);
                    let result = result.unwrap();
                    assert_eq!(result.version, Some(head + 1));
                    result
                } else {
                    store.put(&bytes(content), &description, &options).unwrap()
                };
                assert_eq!(result.newly_stored, self.contents.insert(content));
                self.artifacts.push(Artifact {
                    id: result.id,
                    content,
                    tags,
                    pinned: false,
                    deleted: false,
                    parent,
                });
            }
            Operation::Tag(number, tag) => self.change(number, |artifact| {
                let result = store.tag(artifact.id, TAGS[tag]);
                if !artifact.deleted {
                    artifact.tags.insert(tag);
                }
                result
            }),
            Operation::Untag(number, tag) => self.change(number, |artifact| {
                let result = store.untag(artifact.id, TAGS[tag]);
                if !artifact.deleted {
                    artifact.tags.remove(&tag);
                }
                result
            }),
            Operation::Pin(number) => self.change(number, |artifact| {
                artifact.pinned |= !artifact.deleted;
                store.pin(artifact.id)
            }),
            Operation::Unpin(number) => self.change(number, |artifact| {
                artifact.pinned &= artifact.deleted;
                store.unpin(artifact.id)
            }),
            Operation::Delete(number) => {
                if let Some(number) = chosen(number) {
                    let artifact = &mut self.artifacts[number];
                    let result = store.delete(artifact.id);
                    if artifact.pinned {
                        assert_eq!(code(result), PitCode::Held);
                    } else {
                        result.unwrap();
                        artifact.deleted = true;
                    }
                }
            }
            Operation::Memo(number, artifact) => {
                if let Some(artifact) = chosen(artifact) {
                    let result = store.memo_put(&action(number), self.artifacts[artifact].id);
                    if self.artifacts[artifact].deleted {
                        assert_eq!(code(result), PitCode::NotFound);
                    } else {
                        result.unwrap();
                        self.memos.insert(number, artifact);
                    }
                }
            }
        }
        store
    }

    fn change(&mut self, number: usize, change: impl FnOnce(&mut Artifact) -> symphony_pit::Result<()>) {
        let Some(number) = number.checked_rem(self.artifacts.len()) else {
            return;
        };
        let artifact = &mut self.artifacts[number];
        let deleted = artifact.deleted;
        match change(artifact) {
            Ok(()) => assert!(!deleted),
            Err(error) => assert!(deleted && error.code() == PitCode::NotFound, "{error}"),
        }
    }

    fn check(&self, store: &Fixture) {
        let present = || self.artifacts.iter().filter(|artifact| !artifact.deleted);
        for artifact in &self.artifacts {
            let meta = store.meta(artifact.id).unwrap();
            let tags: BTreeSet<_> = artifact.tags.iter().map(|tag| TAGS[*tag].to_owned()).collect();
            assert_eq!(meta.tags, tags);
            assert_eq!(meta.hold == Hold::Pinned, artifact.pinned);
            assert_eq!(meta.deleted.is_some(), artifact.deleted);
            match store.get(artifact.id) {
                Ok(content) => assert!(!artifact.deleted && *content == *bytes(artifact.content)),
                Err(error) => assert!(artifact.deleted && error.code() == PitCode::NotFound, "{error}"),
            }
            let lineage = store.lineage(artifact.id, Direction::Ancestors, 1).unwrap();
            let parents: Vec<_> = artifact
                .parent
                .iter()
                .map(|parent| self.artifacts[*parent].id)
                .collect();
            assert_eq!(lineage.artifacts[1..], parents);
        }
        for (tag, name) in TAGS.iter().enumerate() {
            let mut query = SearchQuery::default();
            query.tags = [(*name).to_owned()].into();
            query.order = Order::Oldest;
            let found: Vec<_> = store.search(&query).unwrap().into_iter().map(|meta| meta.id).collect();
            let expected: Vec<_> = present()
                .filter(|artifact| artifact.tags.contains(&tag))
                .map(|artifact| artifact.id)
                .collect();
            assert_eq!(found, expected);
        }
        for (line, name) in LINES.iter().enumerate() {
            let expected = self.lines.get(&line).map(Vec::as_slice).unwrap_or_default();
            let versions = store.versions(name).unwrap();
            assert_eq!(versions.len(), expected.len());
            assert_eq!(store.head(name).unwrap() as usize, expected.len());
            for (place, (version, artifact)) in versions.iter().zip(expected).enumerate() {
                assert_eq!(version.version as usize, place + 1);
                assert_eq!(version.id, self.artifacts[*artifact].id);
            }
        }
        for number in 0..3 {
            let expected = self.memos.get(&number).map(|artifact| &self.artifacts[*artifact]);
            let expected = expected
                .filter(|artifact| !artifact.deleted)
                .map(|artifact| artifact.id);
            let memo = store.memo_get(&action(number)).unwrap();
            assert_eq!(memo.map(|memo| memo.id), expected);
        }
        let (stats, references) = store.count_anew().unwrap();
        assert_eq!(store.dedup_stats().unwrap(), stats);
        let size = |content: &usize| bytes(*content).len() as u64;
        assert_eq!(stats.artifacts, present().count() as u64);
        assert_eq!(stats.contents, self.contents.len() as u64);
        assert_eq!(stats.unique_bytes, self.contents.iter().map(size).sum::<u64>());
        let logical: u64 = present().map(|artifact| size(&artifact.content)).sum();
        assert_eq!(stats.logical_bytes, logical);
        for (digest, count) in references {
            assert_eq!(store.info(digest.into()).unwrap().references, count);
        }
        let report = store.verify_all().unwrap();
        assert_eq!((report.damaged.len(), report.orphans), (0, 0));
        assert_eq!(report.contents, stats.contents);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 16, max_shrink_iters: 200, ..ProptestConfig::default() })]

    #[test]
    fn the_store_does_what_a_simple_model_does(operations in prop::collection::vec(operations(), 1..50)) {
        let mut model = Model::default();
        let mut store = Fixture::new();
        for operation in operations {
            store = model.apply(store, operation);
        }
        model.check(&store);
        model.check(&store.restart());
    }
}
