//! The Pit for Python. Empty: this version of the bridge has no Pit.
