//! Finding artifacts by what is said of them.

use symphony_pit::store::{Description, LabelChange, Matches, Order, PutOptions, QualityScore, SearchQuery};
use symphony_pit::{ArtifactId, PitCode};

use crate::fixture::{Fixture, code, noise};

/// Twenty artifacts, of which different things are said.
struct Library {
    store: Fixture,
    ids: Vec<ArtifactId>,
}

/// Longer than what the index has of a text.
fn long() -> String {
    "x".repeat(300)
}

fn query(change: impl FnOnce(&mut SearchQuery)) -> SearchQuery {
    let mut query = SearchQuery::default();
    change(&mut query);
    query
}

fn tagged(tag: &str) -> SearchQuery {
    query(|it| it.tags = [tag.into()].into())
}

fn with_metadata(name: &str, matches: Matches) -> SearchQuery {
    query(|it| it.metadata = [(name.to_owned(), matches)].into())
}

impl Library {
    fn new() -> Self {
        let store = Fixture::new();
        let put = |number: usize| {
            let mut description = Description::default();
            description.name = Some(format!("file-{}", number % 3));
            description.content_type = number.is_multiple_of(2).then(|| "text/plain".into());
            description.tags = [format!("mod{}", number % 4), "all".into()].into();
            description.metadata = [
                ("number".into(), number.to_string()),
                ("long".into(), format!("{}{number}", long())),
                ("zero".into(), format!("\0{number}")),
            ]
            .into();
            let bytes = noise(number as u64, number);
            store.put(&bytes, &description, &PutOptions::default()).unwrap().id
        };
        let ids = (0..20).map(put).collect();
        Self { store, ids }
    }

    fn found(&self, query: &SearchQuery) -> Vec<ArtifactId> {
        let found = self.store.search(query).unwrap();
        found.into_iter().map(|meta| meta.id).collect()
    }

    /// Finds these, in both orders.
    fn expect(&self, what: &str, query: &SearchQuery, numbers: &[usize]) {
        let mut expected: Vec<_> = numbers.iter().map(|number| self.ids[*number]).collect();
        let mut oldest = query.clone();
        oldest.order = Order::Oldest;
        assert_eq!(self.found(&oldest), expected, "{what}, the oldest first");
        expected.reverse();
        assert_eq!(self.found(query), expected, "{what}");
    }
}

#[test]
fn artifacts_are_found_by_tags_and_metadata() {
    let library = Library::new();
    let every: Vec<_> = (0..20).collect();
    library.expect("all", &SearchQuery::default(), &every);
    library.expect("a tag", &tagged("mod1"), &[1, 5, 9, 13, 17]);
    library.expect(
        "all of some tags",
        &query(|it| it.tags = ["all".into(), "mod2".into()].into()),
        &[2, 6, 10, 14, 18],
    );
    library.expect(
        "one of some tags, without others",
        &query(|it| {
            it.any_tags = ["mod1".into(), "all".into()].into();
            it.without_tags = ["mod0".into(), "mod2".into(), "mod3".into()].into();
        }),
        &[1, 5, 9, 13, 17],
    );
    library.expect("not the beginning of a tag", &tagged("mod"), &[]);
    let exactly = |name, text: &str| with_metadata(name, Matches::Exactly(text.into()));
    let beginning = |name, text: &str| with_metadata(name, Matches::Beginning(text.into()));
    library.expect("a text", &exactly("number", "1"), &[1]);
    library.expect(
        "how it begins",
        &beginning("number", "1"),
        &[1, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19],
    );
    library.expect("any text", &with_metadata("number", Matches::Anything), &every);
    library.expect("no such name", &with_metadata("numbe", Matches::Anything), &[]);
    library.expect("a long text", &exactly("long", &format!("{}7", long())), &[7]);
    library.expect(
        "how a long one begins",
        &beginning("long", &format!("{}19", long())),
        &[19],
    );
    library.expect("a text with a zero", &exactly("zero", "\u{0}4"), &[4]);
    library.expect("not a part of it", &exactly("zero", ""), &[]);
}

#[test]
fn artifacts_are_found_by_name_type_content_size_and_time() {
    let library = Library::new();
    let store = &library.store;
    let name = |name| query(|it| it.name = Some(name));
    library.expect(
        "a name",
        &name(Matches::Exactly("file-2".into())),
        &[2, 5, 8, 11, 14, 17],
    );
    let every: Vec<_> = (0..20).collect();
    library.expect("names", &name(Matches::Beginning("file-".into())), &every);
    library.expect("any name", &name(Matches::Anything), &every);
    library.expect(
        "a type and sizes",
        &query(|it| {
            it.content_type = Some(Matches::Exactly("text/plain".into()));
            it.min_size = Some(5);
            it.max_size = Some(10);
        }),
        &[6, 8, 10],
    );
    let digest = store.meta(library.ids[3]).unwrap().digest;
    library.expect("a content", &query(|it| it.digest = Some(digest)), &[3]);
    let times: Vec<_> = library.ids.iter().map(|id| store.meta(*id).unwrap().created).collect();
    let between = query(|it| {
        it.created_from = Some(times[5]);
        it.created_before = Some(times[8]);
    });
    let within = |number: &usize| (times[5]..times[8]).contains(&times[*number]);
    let expected: Vec<_> = (0..20).filter(within).collect();
    assert!(!expected.is_empty());
    library.expect("times", &between, &expected);
}

#[test]
fn pages_follow_each_other() {
    let library = Library::new();
    for order in [Order::Newest, Order::Oldest] {
        for tags in [vec![], vec!["all".to_owned()]] {
            let mut page = query(|it| {
                it.tags = tags.into_iter().collect();
                it.order = order;
                it.limit = 7;
            });
            let mut paged = Vec::new();
            loop {
                let found = library.found(&page);
                let Some(last) = found.last() else { break };
                page.after = Some(*last);
                paged.extend(found);
            }
            if order == Order::Newest {
                paged.reverse();
            }
            assert_eq!(paged, library.ids);
        }
    }
    assert!(library.found(&query(|it| it.limit = 0)).is_empty());
}

#[test]
fn what_is_not_said_any_more_finds_nothing() {
    let library = Library::new();
    let (store, ids) = (&library.store, &library.ids);
    store.delete(ids[1]).unwrap();
    let mut change = LabelChange::default();
    change.remove_tags = ["mod1".into(), "not there".into()].into();
    change.add_tags = ["new".into()].into();
    change.metadata = [("number".into(), None), ("other".into(), Some("1".into()))].into();
    let meta = store.label(ids[5], &change).unwrap();
    assert_eq!(meta, store.meta(ids[5]).unwrap());
    library.expect("deleted and untagged", &tagged("mod1"), &[9, 13, 17]);
    library.expect("tagged", &tagged("new"), &[5]);
    let exactly = |name, text: &str| with_metadata(name, Matches::Exactly(text.into()));
    library.expect("set", &exactly("other", "1"), &[5]);
    library.expect("removed", &exactly("number", "5"), &[]);
    store.untag(ids[5], "new").unwrap();
    store.tag(ids[6], "new").unwrap();
    library.expect("another", &tagged("new"), &[6]);
    let good = QualityScore {
        structure: 1.0,
        semantics: 0.5,
        utility: 0.0,
    };
    store.set_quality(ids[6], good).unwrap();
    assert_eq!(store.meta(ids[6]).unwrap().quality, good);
    assert_eq!(code(store.tag(ids[1], "deleted")), PitCode::NotFound);
}
