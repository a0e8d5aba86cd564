//! Chooses the library file of an interpreter from its answer.

use crate::answer::Answer;

/// Where the library of this interpreter may be, best first, without repetition.
///
/// What is mapped into the interpreter is certain. What its build recorded comes next, although a moved or repackaged
/// installation makes it a guess: python-build-standalone records `/install/lib`, conda an archive, Debian a file of another
/// package. The folder of the installation is right for all of those.
pub fn candidates(answer: &Answer) -> Vec<String> {
    let [major, minor, _] = answer.version;
    let mut found = Vec::new();
    if answer.is_windows() {
        push(&mut found, answer.mapped_library.clone());
        push(
            &mut found,
            Some(format!("{}\\python{major}{minor}.dll", answer.base_prefix)),
        );
        return found;
    }
    let named = format!("libpython{major}.{minor}{}", answer.abiflags);
    let conventional = if answer.is_macos() {
        format!("{named}.dylib")
    } else {
        format!("{named}.so.1.0")
    };
    let soname = shared(answer.soname.as_deref());
    let library_name = shared(answer.library_name.as_deref());
    let in_folder = |folder: Option<&str>, name: Option<&str>| Some(format!("{}/{}", folder?, name?));

    push(&mut found, answer.mapped_library.clone());
    push(&mut found, in_folder(answer.library_folder.as_deref(), soname));
    push(&mut found, in_folder(answer.library_folder.as_deref(), library_name));
    push(&mut found, Some(format!("{}/lib/{conventional}", answer.base_prefix)));
    if answer.is_macos() {
        // In a framework the library is named like `Python.framework/Versions/3.12/Python`, below the folder of all frameworks.
        push(
            &mut found,
            in_folder(answer.framework_prefix.as_deref(), answer.library_name.as_deref()),
        );
        push(&mut found, Some(format!("{}/Python", answer.base_prefix)));
    }
    push(&mut found, in_folder(answer.config_folder.as_deref(), soname));
    push(&mut found, in_folder(answer.config_folder.as_deref(), library_name));
    found
}

fn push(found: &mut Vec<String>, path: Option<String>) {
    if let Some(path) = path
        && !found.contains(&path)
    {
        found.push(path);
    }
}

/// The name, unless it is that of an archive or of a framework.
fn shared(name: Option<&str>) -> Option<&str> {
    name.filter(|name| name.contains(".so") || name.contains(".dylib"))
}
