//! Records how the crate is built, and gives tests and benchmarks the run path of the libpython they link; the shipped
//! core links none.

fn main() {
    for (name, source) in [("SYMPHONY_TARGET", "TARGET"), ("SYMPHONY_PROFILE", "PROFILE")] {
        println!("cargo:rustc-env={name}={}", std::env::var(source).unwrap_or_default());
    }
    println!("cargo:rerun-if-env-changed=PYO3_BUILD_EXTENSION_MODULE");
    if std::env::var_os("PYO3_BUILD_EXTENSION_MODULE").is_none() {
        pyo3_build_config::add_libpython_rpath_link_args();
    }
}
