//! Linker settings of a Node addon; and a refusal to build a release that would need one particular libpython.

fn main() {
    println!("cargo:rerun-if-env-changed=PYO3_BUILD_EXTENSION_MODULE");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    assert!(
        !release || std::env::var_os("PYO3_BUILD_EXTENSION_MODULE").is_some(),
        "a release of the core must not link libpython: set PYO3_BUILD_EXTENSION_MODULE=1 (`npm run build` does)"
    );
    napi_build::setup();
}
