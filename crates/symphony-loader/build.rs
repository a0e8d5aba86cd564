//! Linker arguments of a Node addon: undefined Node-API symbols on macOS, no unloading on Linux.

fn main() {
    napi_build::setup();
}
