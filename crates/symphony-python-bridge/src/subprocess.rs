//! Python in supervised child processes. Empty: in this version Python runs in the host process only.
