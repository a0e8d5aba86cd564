//! Memory that both languages use at once.
//!
//! What Python owns is reached by JavaScript through an *export* of the buffer protocol, which an entry of the handle table keeps
//! (`view.rs`). What the bridge allocates, or JavaScript lends, is a [`Block`], which Python sees through an object of ours with the
//! buffer protocol (`exporter.rs`). Whichever side goes first, the memory stays until the other has let go of it.

mod block;
mod exporter;
mod shared_blocks;
mod view;

pub use block::{Block, Blocks, Lender};
pub(crate) use exporter::{Part, exporter_of, part_of};
pub use shared_blocks::{Announcement, SharedBlocks};
pub(crate) use view::{Flags, Layout, View};
