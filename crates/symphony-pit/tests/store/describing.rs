//! What is said of artifacts: found by it, changed, versions, lineages, protection, memos; and what is refused.

use std::collections::BTreeSet;

use symphony_pit::domain::Domain;
use symphony_pit::store::{
    ArtifactStore, DedupStats, Description, Digest, Direction, HashAlgo, Hold, Matches, NewVersion, Order, Parent,
    PutOptions, SearchQuery, StoreOptions,
};
use symphony_pit::{ArtifactId, Component, PitCode};

use crate::fixture::{Fixture, code, noise};

fn plain() -> PutOptions {
    PutOptions::default()
}

fn described(change: impl FnOnce(&mut Description)) -> Description {
    let mut description = Description::default();
    change(&mut description);
    description
}

fn query(change: impl FnOnce(&mut SearchQuery)) -> SearchQuery {
    let mut query = SearchQuery::default();
    change(&mut query);
    query
}

fn found(store: &ArtifactStore, query: &SearchQuery) -> Vec<ArtifactId> {
    store.search(query).unwrap().into_iter().map(|meta| meta.id).collect()
}

#[test]
fn versions_are_numbered_and_stay_when_their_artifacts_are_deleted() {
    let store = Fixture::new();
    assert_eq!(store.head("report").unwrap(), 0);
    assert_eq!(code(store.version("report", None)), PitCode::NotFound);
    let version = |number: u32| {
        let new = NewVersion::of("report")
            .after(number - 1)
            .because(format!("number {number}"));
        store
            .new_version(&new, &noise(number.into(), 10), &Description::default(), &plain())
            .unwrap()
    };
    let results: Vec<_> = (1..=300).map(version).collect();
    assert!(results.iter().map(|result| result.version).eq((1..=300).map(Some)));
    store.delete(results[1].id).unwrap();
    let versions = store.versions("report").unwrap();
    assert_eq!(versions.len(), 300, "in order, past a byte's worth");
    for (version, result) in versions.iter().zip(&results) {
        assert_eq!(Some(version.version), result.version);
        assert_eq!((version.id, version.digest), (result.id, result.digest));
        assert_eq!(version.message, Some(format!("number {}", version.version)));
        assert_eq!(version.deleted.is_some(), version.version == 2);
    }
    assert_eq!(store.version("report", None).unwrap(), versions[299]);
    assert_eq!(store.version("report", Some(256)).unwrap(), versions[255]);
    assert_eq!(
        code(store.get(store.version("report", Some(2)).unwrap().id)),
        PitCode::NotFound
    );
    let error = store.version("report", Some(301)).unwrap_err();
    assert!(error.message().contains("1 to 300, not 301"), "{error}");
    let place = store.meta(results[4].id).unwrap().version.unwrap();
    assert_eq!((place.line.as_str(), place.version), ("report", 5));
    let line = query(|query| {
        query.line = Some("report".into());
        query.order = Order::Oldest;
        query.limit = 2;
    });
    assert_eq!(found(&store, &line), [results[0].id, results[2].id]);
}

#[test]
fn a_version_that_follows_another_than_expected_is_refused_and_leaves_nothing() {
    let store = Fixture::new();
    let put = |new: &NewVersion| store.new_version(new, b"x", &Description::default(), &plain());
    put(&NewVersion::of("a").after(0)).unwrap();
    let before = store.dedup_stats().unwrap();
    let error = put(&NewVersion::of("a").after(0)).unwrap_err();
    assert_eq!((error.code(), error.component()), (PitCode::Conflict, Component::Store));
    assert!(error.is_retryable());
    assert_eq!(code(put(&NewVersion::of("a").after(2))), PitCode::Conflict);
    assert_eq!(store.dedup_stats().unwrap(), before);
    assert_eq!(
        put(&NewVersion::of("a")).unwrap().version,
        Some(2),
        "any, if none is expected"
    );
    let threads: Vec<_> = (0..8)
        .map(|_| {
            let store = store.clone();
            std::thread::spawn(move || {
                let mut won = 0;
                while won < 10 {
                    let new = NewVersion::of("a").after(store.head("a").unwrap());
                    match store.new_version(&new, b"y", &Description::default(), &plain()) {
                        Ok(result) => {
                            won += 1;
                            assert_eq!(result.version, new.expect_head.map(|head| head + 1));
                        }
                        Err(error) => assert_eq!(error.code(), PitCode::Conflict),
                    }
                }
            })
        })
        .collect();
    for thread in threads {
        thread.join().unwrap();
    }
    assert_eq!(store.head("a").unwrap(), 82);
    let ids: BTreeSet<_> = store.versions("a").unwrap().iter().map(|version| version.id).collect();
    assert_eq!(ids.len(), 82);
}

#[test]
fn lines_are_listed_by_how_their_names_begin() {
    let store = Fixture::new();
    for line in ["b", "a/2", "a/1", "a", "ä", "b"] {
        store
            .new_version(&NewVersion::of(line), b"", &Description::default(), &plain())
            .unwrap();
    }
    let names = |beginning| -> Vec<_> {
        let lines = store.lines(beginning).unwrap();
        lines.into_iter().map(|line| (line.name, line.head)).collect()
    };
    let expected =
        |names: &[(&str, u32)]| -> Vec<_> { names.iter().map(|(name, head)| ((*name).to_owned(), *head)).collect() };
    assert_eq!(
        names(""),
        expected(&[("a", 1), ("a/1", 1), ("a/2", 1), ("b", 2), ("ä", 1)])
    );
    assert_eq!(names("a/"), expected(&[("a/1", 1), ("a/2", 1)]));
    assert!(names("c").is_empty());
}

#[test]
fn lineages_go_both_ways_so_far_and_through_deleted_artifacts_and_circles() {
    let store = Fixture::new();
    let child = |bytes: &[u8], parents: &[ArtifactId]| {
        let description = described(|it| {
            it.parents = parents
                .iter()
                .map(|id| Parent {
                    relation: "derived-from".into(),
                    id: *id,
                })
                .collect();
        });
        store.put(bytes, &description, &plain()).map(|result| result.id)
    };
    let top = child(b"top", &[]).unwrap();
    let (left, right) = (child(b"left", &[top]).unwrap(), child(b"right", &[top]).unwrap());
    let bottom = child(b"bottom", &[left, right]).unwrap();
    let up = store.lineage(bottom, Direction::Ancestors, u32::MAX).unwrap();
    assert_eq!(up.artifacts, [bottom, left, right, top]);
    assert_eq!(up.edges.len(), 4);
    let down = store.lineage(top, Direction::Descendants, 1).unwrap();
    assert_eq!(down.artifacts, [top, left, right]);
    assert!(
        down.edges
            .iter()
            .all(|edge| edge.parent == top && edge.relation == "derived-from")
    );
    store.delete(left).unwrap();
    assert_eq!(store.lineage(bottom, Direction::Ancestors, u32::MAX).unwrap(), up);
    store.relate(top, "reviewed-with", bottom).unwrap();
    store.relate(top, "reviewed-with", bottom).unwrap();
    let around = store.lineage(top, Direction::Ancestors, u32::MAX).unwrap();
    assert_eq!(around.artifacts, [top, bottom, left, right]);
    assert_eq!(around.edges.len(), 5);
    assert!(!around.truncated);
    let before = store.dedup_stats().unwrap();
    assert_eq!(code(child(b"orphan", &[ArtifactId::new()])), PitCode::NotFound);
    assert_eq!(store.dedup_stats().unwrap(), before);
    assert_eq!(code(store.relate(top, "x", ArtifactId::new())), PitCode::NotFound);
    assert_eq!(code(store.relate(top, "x", top)), PitCode::InvalidArgument);
    assert_eq!(code(store.relate(top, "", bottom)), PitCode::InvalidArgument);
    assert_eq!(
        code(store.lineage(ArtifactId::new(), Direction::Ancestors, 1)),
        PitCode::NotFound
    );
}

#[test]
fn what_is_protected_is_not_deleted_and_what_is_deleted_leaves_a_tombstone() {
    let store = Fixture::new();
    let (id, twin) = (store.add(b"bytes"), store.add(b"bytes"));
    store.pin(id).unwrap();
    assert_eq!(code(store.delete(id)), PitCode::Held);
    store.unpin(id).unwrap();
    assert_eq!(store.hold(id, Hold::Legal).unwrap(), Hold::None);
    store.pin(id).unwrap();
    assert_eq!(code(store.unpin(id)), PitCode::Held);
    let error = store.delete(id).unwrap_err();
    assert!(error.message().contains("legal hold"), "{error}");
    assert_eq!(store.hold(id, Hold::None).unwrap(), Hold::Legal);

    let tombstone = store.delete(id).unwrap();
    assert_eq!((tombstone.id, tombstone.references), (id, 1));
    assert_eq!(store.delete(id).unwrap(), tombstone, "twice changes nothing");
    assert_eq!(store.meta(id).unwrap().deleted, Some(tombstone.deleted));
    let error = store.get(id).unwrap_err();
    assert_eq!(error.code(), PitCode::NotFound);
    assert!(error.message().contains("was deleted"), "{error}");
    assert_eq!(&*store.get(twin).unwrap(), b"bytes");
    assert_eq!(store.delete(twin).unwrap().references, 0);
    assert_eq!(code(store.get(tombstone.digest)), PitCode::NotFound);
    assert_eq!(store.exists(&[tombstone.digest]).unwrap(), [false]);
    let stats = store.dedup_stats().unwrap();
    assert_eq!((stats.artifacts, stats.deleted, stats.unreferenced), (0, 2, 1));
    assert_eq!(stats.unreferenced_bytes, 5);
    let back = store.put(b"bytes", &Description::default(), &plain()).unwrap();
    assert!(!back.newly_stored, "its bytes were still there");
    assert_eq!(store.dedup_stats().unwrap().unreferenced, 0);
    assert_eq!(code(store.delete(ArtifactId::new())), PitCode::NotFound);
    assert_eq!(code(store.pin(id)), PitCode::NotFound);
}

#[test]
fn a_memo_gives_the_result_of_an_action_while_there_is_one() {
    let store = Fixture::new();
    let action = Digest::of(HashAlgo::Blake3, b"resize 10 10 picture");
    assert_eq!(store.memo_get(&action).unwrap(), None);
    let (first, second) = (store.add(b"small"), store.add(b"smaller"));
    store.memo_put(&action, first).unwrap();
    let memo = store.memo_put(&action, second).unwrap();
    assert_eq!(store.memo_get(&action).unwrap(), Some(memo));
    assert_eq!((memo.id, memo.digest), (second, store.meta(second).unwrap().digest));
    store.delete(second).unwrap();
    assert_eq!(store.memo_get(&action).unwrap(), None);
    assert_eq!(code(store.memo_put(&action, second)), PitCode::NotFound);
    assert_eq!(code(store.memo_put(&action, ArtifactId::new())), PitCode::NotFound);
    assert!(store.memo_forget(&action).unwrap());
    assert!(!store.memo_forget(&action).unwrap());
}

#[test]
fn what_is_not_there_is_refused_by_name() {
    let store = Fixture::new();
    let mut options = StoreOptions::default();
    options.encryption = Some("aes-256-gcm".into());
    let error = ArtifactStore::open(store.domain(), &options).unwrap_err();
    assert_eq!(error.code(), PitCode::InvalidArgument);
    assert!(error.message().contains("`encryption`"), "{error}");
    let mut options = StoreOptions::default();
    options.remote = Some("s3://bucket".into());
    let error = ArtifactStore::open(store.domain(), &options).unwrap_err();
    assert!(error.message().contains("`remote`"), "{error}");
    let error = store.search(&query(|it| it.text = Some("words".into()))).unwrap_err();
    assert!(error.message().contains("`text`"), "{error}");
}

#[test]
fn descriptions_that_cannot_be_kept_are_refused_and_nothing_is_stored() {
    let store = Fixture::new();
    let refused = |what: &str, change: &dyn Fn(&mut Description)| {
        let error = store.put(b"x", &described(change), &plain()).unwrap_err();
        assert_eq!(error.code(), PitCode::InvalidArgument);
        assert!(error.message().contains(what), "{what}: {error}");
    };
    refused("`name`", &|it| it.name = Some(String::new()));
    refused("255 bytes, not 256", &|it| it.name = Some("n".repeat(256)));
    refused("U+0000", &|it| it.name = Some("a\0b".into()));
    refused("`content_type`", &|it| it.content_type = Some(String::new()));
    refused("a tag", &|it| it.tags = ["t".repeat(129)].into());
    refused("a name of metadata", &|it| {
        it.metadata = [(String::new(), String::new())].into();
    });
    refused("`metadata.a`", &|it| {
        it.metadata = [("a".into(), "x".repeat(65_537))].into();
    });
    refused("1024 tags", &|it| {
        it.tags = (0..1025).map(|number| number.to_string()).collect();
    });
    refused("`quality.utility`", &|it| it.quality.utility = f32::NAN);
    refused("`quality.structure`", &|it| it.quality.structure = 1.5);
    for line in [String::new(), "l".repeat(256), "a\0".into()] {
        let put = store.new_version(&NewVersion::of(line), b"x", &Description::default(), &plain());
        assert_eq!(code(put), PitCode::InvalidArgument);
    }
    assert_eq!(store.dedup_stats().unwrap(), DedupStats::default());
    let largest = described(|it| {
        it.name = Some("n".repeat(255));
        it.tags = ["t".repeat(128)].into();
        it.metadata = [("m".repeat(128), "v".repeat(65_536))].into();
    });
    let id = store
        .new_version(&NewVersion::of("l".repeat(255)), b"x", &largest, &plain())
        .unwrap()
        .id;
    let longest = query(|it| it.metadata = [("m".repeat(128), Matches::Exactly("v".repeat(65_536)))].into());
    assert_eq!(found(&store, &longest), [id]);
}

#[test]
fn a_store_whose_domain_was_left_says_so() {
    let store = Fixture::new();
    let id = store.add(b"x");
    store.domain().close();
    assert_eq!(code(store.get(id)), PitCode::NotAttached);
    assert_eq!(code(store.search(&SearchQuery::default())), PitCode::NotAttached);
    assert_eq!(
        code(store.put(b"x", &Description::default(), &plain())),
        PitCode::NotAttached
    );
    assert_eq!(code(store.delete(id)), PitCode::NotAttached);
    assert_eq!(code(store.writer(&plain())), PitCode::NotAttached);
    assert_eq!(
        code(ArtifactStore::open(store.domain(), &StoreOptions::default())),
        PitCode::NotAttached
    );
    assert!(Domain::attached().is_none_or(|domain| domain.folder() != store.folder()));
}

#[test]
fn every_change_is_seen_by_the_component_s_epoch() {
    let store = Fixture::new();
    let epoch = || store.domain().epoch(Component::Store).unwrap();
    let before = epoch();
    let id = store.add(b"x");
    let put = epoch();
    assert!(put > before);
    store.tag(id, "t").unwrap();
    assert!(epoch() > put);
}
