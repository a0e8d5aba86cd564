//! What the fuzz targets do with their bytes.
#![forbid(unsafe_code)]

use std::cell::RefCell;

use symphony_pit::domain::layout::{CELL_BYTES, HOT_BYTES, HotHeader, Meta};
use symphony_pit::{BootId, DomainId, Id128};

fn header() -> HotHeader {
    HotHeader {
        boot: BootId([1; 16]),
        domain: DomainId(Id128::from_bytes([2; 16])),
    }
}

/// An empty `hot.map`.
fn map() -> Vec<u8> {
    let mut bytes: Vec<u8> = header().to_words().iter().flat_map(|word| word.to_le_bytes()).collect();
    bytes.resize(HOT_BYTES, 0);
    bytes
}

/// The target `domain_files`.
///
/// # Panics
/// If the bytes show that a validator is wrong.
pub fn read_files(bytes: &[u8]) {
    if let Ok(meta) = Meta::from_bytes(bytes) {
        assert_eq!(Meta::from_bytes(&meta.to_bytes()), Ok(meta));
    }
    assert!(
        HotHeader::from_bytes(bytes).is_err(),
        "the input is too short for a whole file"
    );
    thread_local! {
        static MAP: RefCell<Vec<u8>> = RefCell::new(map());
    }
    MAP.with_borrow_mut(|map| {
        // Each change is the place of a word, in three bytes, and the word.
        let changes: Vec<_> = bytes
            .chunks_exact(11)
            .map(|change| {
                let place = u32::from_le_bytes([change[0], change[1], change[2], 0]) as usize;
                (place * 8 % HOT_BYTES, &change[3..])
            })
            .collect();
        for (place, word) in &changes {
            map[*place..place + 8].copy_from_slice(word);
        }
        if let Ok(found) = HotHeader::from_bytes(map) {
            let first: Vec<u8> = found.to_words().iter().flat_map(|word| word.to_le_bytes()).collect();
            assert_eq!(first, map[..CELL_BYTES]);
        }
        for (place, _) in changes {
            map[place..place + 8].fill(0);
        }
        for (word, value) in header().to_words().into_iter().enumerate() {
            map[word * 8..word * 8 + 8].copy_from_slice(&value.to_le_bytes());
        }
    });
}
