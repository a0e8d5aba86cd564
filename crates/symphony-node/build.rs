//! Linker settings of a Node addon; and a refusal to build a release that would need one particular libpython.

fn main() {
    println!("cargo:rerun-if-env-changed=PYO3_BUILD_EXTENSION_MODULE");
    let release = std::env::var("PROFILE").is_ok_and(|profile| profile == "release");
    assert!(
        !release || std::env::var_os("PYO3_BUILD_EXTENSION_MODULE").is_some(),
        "a release of the core must not link libpython: set PYO3_BUILD_EXTENSION_MODULE=1 (`npm run build` does)"
    );
    napi_build::setup();
    // Where functions of C++ can be called by their names: both share the ABI of these platforms.
    println!("cargo:rustc-check-cfg=cfg(v8_by_name)");
    let is = |name: &str, values: &[&str]| std::env::var(name).is_ok_and(|value| values.contains(&value.as_str()));
    if is("CARGO_CFG_TARGET_FAMILY", &["unix"]) && is("CARGO_CFG_TARGET_ARCH", &["x86_64", "aarch64"]) {
        println!("cargo:rustc-cfg=v8_by_name");
    }
}
