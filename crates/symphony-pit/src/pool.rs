//! wip
use crate::domain::{DeadInstance, HotMap};
pub(crate) fn record_death(_map: &HotMap, _lost: DeadInstance) {}
