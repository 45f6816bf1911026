//! The recipes with made-up programs, and the parts that need none: bindings and components.
#![allow(clippy::unwrap_used, reason = "a failed step fails the test")]

use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::process::Command;

use tempfile::TempDir;

use super::*;

/// Clang as Debian has it once all its packages are there: it answers with paths that exist.
const CLANG: &str = "echo /dev/../etc/passwd";
/// The same without what it is asked for: it repeats the name.
pub(super) const BARE_CLANG: &str = "echo libc.a";

/// A folder with files; those of `bin/` are programs.
pub(super) struct Place(pub(super) TempDir);

impl Place {
    pub(super) fn new(files: &[(&str, &str)]) -> Self {
        let place = Self(TempDir::new().unwrap());
        for (name, text) in files {
            place.put(name, text);
        }
        place
    }

    pub(super) fn put(&self, name: &str, text: &str) {
        let path = self.0.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        let program = name.contains("bin/");
        if !program {
            return fs::write(&path, text).unwrap();
        }
        // By another program: what this one has open for writing cannot be started, and a child that another test begins has it open too
        // until it has begun its own program.
        let written = Command::new("/bin/sh")
            .args([
                "-c",
                "printf '#!/bin/sh\\n%s\\n' \"$1\" >\"$0\" && chmod 755 \"$0\"",
            ])
            .arg(&path)
            .arg(text)
            .status();
        assert!(written.unwrap().success());
    }

    pub(super) fn folder(&self) -> PathBuf {
        self.0.path().join("probe")
    }

    pub(super) fn tools(&self) -> Tools {
        self.tools_with(&[])
    }

    pub(super) fn tools_with(&self, more: &[(&str, &str)]) -> Tools {
        let bin = self.0.path().join("bin").into_os_string();
        let more = more.iter().map(|(key, value)| (key.into(), value.into()));
        let environment: Vec<(OsString, OsString)> =
            std::iter::once(("PATH".into(), bin)).chain(more).collect();
        Tools::new(&self.folder(), &environment)
    }

    pub(super) fn project(&self) -> Project {
        Project::find(&self.folder(), Some("queue".into())).unwrap()
    }

    fn plan(&self) -> Result<BuildPlan, BuildError> {
        self.project().plan(&self.tools(), None)
    }

    /// The printed commands after the first, which goes to the folder.
    pub(super) fn commands(&self) -> Vec<String> {
        let shell = self.plan().unwrap().shell();
        let mut lines = shell.lines().map(str::to_owned);
        assert_eq!(
            lines.next().unwrap(),
            format!("cd {}", self.folder().display())
        );
        lines.collect()
    }

    pub(super) fn refusal(&self) -> (String, String) {
        let error = self.plan().unwrap_err();
        (error.to_string(), error.next())
    }
}

#[test]
fn a_folder_is_known_by_its_main_file() {
    for language in Language::ALL {
        for main in language.main_files() {
            let place = Place::new(&[(&format!("probe/{main}"), ""), ("probe/README.md", "")]);
            let project = Project::find(&place.folder(), None).unwrap();
            assert_eq!((project.language, project.main), (language, *main));
            assert_eq!(project.name, "probe");
        }
    }
}

#[test]
fn a_folder_without_one_main_file_is_refused() {
    let none = Place::new(&[("probe/other.c", "")]);
    let error = Project::find(&none.folder(), None).unwrap_err();
    assert!(error.to_string().ends_with(
        "holds no probe: it has none of Cargo.toml, probe.c, probe.zig, probe.go, probe.py, probe.js, probe.ts"
    ));
    let two = Place::new(&[("probe/probe.c", ""), ("probe/probe.py", "")]);
    let error = Project::find(&two.folder(), None).unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("holds two probes: probe.c and probe.py")
    );
    assert_eq!(error.next(), "leave one of them in the folder");
    let name = Project::find(&two.folder(), Some("a b".into())).unwrap_err();
    assert!(matches!(name, BuildError::Several(..)));
    let gone = Project::find(Path::new("/nowhere/at/all"), None).unwrap_err();
    assert!(
        gone.to_string()
            .starts_with("reading /nowhere/at/all failed")
    );
}

#[test]
fn a_name_is_held_to_the_rules_of_probes() {
    let place = Place::new(&[("probe/probe.c", "")]);
    let error = Project::find(&place.folder(), Some("a b".into())).unwrap_err();
    assert_eq!(
        (error.to_string().as_str(), error.next().as_str()),
        (
            "`a b` is no name for a probe: 1 to 64 letters, digits, `-` and `_`",
            "name it with --name, such as --name queue"
        )
    );
}

#[test]
fn c_is_built_with_a_clang_that_has_all_parts() {
    let place = Place::new(&[
        ("probe/probe.c", ""),
        ("probe/more.c", ""),
        ("bin/clang", BARE_CLANG),
        ("bin/clang-9", CLANG),
        ("bin/clang-19", CLANG),
        ("bin/clang-tidy-20", CLANG),
        ("bin/zig", "echo 0.17.1"),
    ]);
    assert_eq!(
        place.commands(),
        [
            "probity bindings --lang c .probity/c",
            "clang-19 -Wl,--stack-first --target=wasm32-wasi -mexec-model=reactor -Os -Wall -Wextra \
             -Wl,-z,stack-size=65536 -I.probity/c -s -o .probity/c.wasm more.c probe.c .probity/c/probity.c \
             .probity/c/probity_component_type.o",
            "probity component .probity/c.wasm --out queue.wasm",
        ]
    );
}

#[test]
fn c_is_built_with_zig_or_a_wasi_sdk_where_no_clang_is_whole() {
    let place = Place::new(&[
        ("probe/probe.c", ""),
        ("bin/clang", BARE_CLANG),
        ("bin/python-zig", "echo 0.17.1"),
        ("sdk/bin/clang", CLANG),
    ]);
    assert!(place.commands()[1].starts_with("python-zig cc --target=wasm32-wasi "));
    let sdk = place.0.path().join("sdk");
    let tools = place.tools_with(&[("WASI_SDK_PATH", sdk.to_str().unwrap())]);
    let shell = place.project().plan(&tools, None).unwrap().shell();
    assert!(
        shell.contains(&format!("\n{}/bin/clang -Wl,", sdk.display())),
        "{shell}"
    );
}

#[test]
fn zig_is_built_with_its_bindings() {
    let zig = "echo 0.17.1";
    let place = Place::new(&[
        ("probe/probe.zig", ""),
        ("probe/wit/own.wit", ""),
        ("bin/zig", zig),
    ]);
    assert_eq!(
        place.commands(),
        [
            "probity bindings --lang zig --wit wit .probity/zig",
            "zig build-exe -target wasm32-wasi -mexec-model=reactor -O small -fstrip -fsingle-threaded -lc --stack 65536 \
             --cache-dir .probity/zig/cache -femit-bin=.probity/zig.wasm --name probe .probity/zig/probity.c \
             .probity/zig/probity_component_type.o --dep host -Mroot=probe.zig -Mhost=.probity/zig/host.zig",
            "probity component .probity/zig.wasm --out queue.wasm",
        ]
    );
    let old = "echo 0.13.0";
    let own = Place::new(&[
        ("probe/probe.zig", ""),
        ("bin/zig", old),
        ("probe/.venv/bin/python-zig", zig),
    ]);
    let fit = own.folder().join(".venv/bin/python-zig");
    assert!(own.commands()[1].starts_with(&format!("{} build-exe ", fit.display())));
    let module = Place::new(&[
        ("probe/probe.zig", ""),
        ("bin/zig", old),
        ("bin/python3", zig),
    ]);
    assert!(module.commands()[1].starts_with("python3 -m ziglang build-exe "));
}

#[test]
fn go_is_built_for_wasi() {
    let place = Place::new(&[("probe/probe.go", ""), ("bin/go", "echo go1.24.4")]);
    assert_eq!(
        place.commands(),
        [
            "probity bindings --lang go .probity/go",
            "GOOS=wasip1 GOARCH=wasm GOTOOLCHAIN=local go build -buildmode=c-shared -trimpath '-ldflags=-s -w' \
             -o .probity/go.wasm .",
            "probity component .probity/go.wasm --out queue.wasm",
        ]
    );
}

#[test]
fn python_and_javascript_are_built_by_programs_of_the_project() {
    let place = Place::new(&[
        ("probe/probe.py", ""),
        ("probe/.venv/bin/componentize-py", ""),
        ("bin/componentize-py", ""),
    ]);
    let own = place.folder().join(".venv/bin/componentize-py");
    assert_eq!(
        place.commands(),
        [
            "rm -rf .probity/wit".to_owned(),
            "probity bindings --lang wit .probity/wit".to_owned(),
            format!(
                "{} -q -d .probity/wit -w probe componentize probe -o queue.wasm",
                own.display()
            ),
        ]
    );
    let place = Place::new(&[
        ("probe/probe.js", ""),
        ("node_modules/.bin/componentize-qjs", ""),
        (
            "probe/wit/own.wit",
            "package a:b;\nworld mine { include probity:probe/probe@0.1.0; }",
        ),
    ]);
    let above = place.0.path().join("node_modules/.bin/componentize-qjs");
    assert_eq!(
        place.commands()[2],
        format!(
            "{} --sync --wit .probity/wit --world mine --js probe.js --output queue.wasm",
            above.display()
        )
    );
}

#[test]
fn typescript_loses_its_types_first() {
    let place = Place::new(&[
        ("probe/probe.ts", ""),
        ("bin/componentize-qjs", ""),
        ("bin/esbuild", ""),
    ]);
    let commands = place.commands();
    assert_eq!(
        commands[2],
        "esbuild probe.ts --bundle --format=esm --log-level=warning '--external:probity:*' '--external:wasi:*' \
         --outfile=.probity/probe.js"
    );
    assert!(commands[3].contains(" --js .probity/probe.js "));
}

#[test]
fn rust_is_built_for_a_target_that_is_there() {
    let place = Place::new(&[
        ("probe/Cargo.toml", "[package]\nname = 'a-queue'\n"),
        ("bin/cargo", ""),
        ("bin/rustup", ""),
        (
            "bin/rustc",
            "case $4 in *-unknown) echo /dev;; *) echo /nowhere;; esac",
        ),
    ]);
    assert_eq!(
        place.commands(),
        [
            "cargo build --quiet --release --target wasm32-unknown-unknown --target-dir target",
            "probity component target/wasm32-unknown-unknown/release/a_queue.wasm --out queue.wasm",
        ]
    );
    place.put(
        "probe/.cargo/config.toml",
        "[build]\ntarget = 'wasm32-wasip2'\n",
    );
    let (told, next) = place.refusal();
    assert_eq!(
        told,
        "Rust cannot be built here: rustc has no wasm32-wasip2"
    );
    assert_eq!(next, "run `rustup target add wasm32-wasip2`");
    place.put("probe/Cargo.toml", "[package");
    assert!(place.refusal().0.contains("Cargo.toml: is not TOML: "));
}

/// A compiler asks what its folder says: rustup and Go choose the version by it.
#[test]
fn programs_are_asked_in_the_folder_of_the_probe() {
    let here = "case $PWD in */probe) echo /dev;; *) echo /nowhere;; esac";
    let place = Place::new(&[
        ("probe/Cargo.toml", "[package]\nname = 'queue'\n"),
        ("bin/cargo", ""),
        ("bin/rustc", here),
    ]);
    assert!(place.commands()[0].contains("--target wasm32-wasip2"));
    let newer = "test \"$GOTOOLCHAIN\" = local && echo go1.24.4";
    let go = Place::new(&[("probe/probe.go", ""), ("bin/go", newer)]);
    go.plan().unwrap();
}

#[test]
fn what_cargo_cannot_fetch_is_told_from_what_does_not_compile() {
    let build = |fetch: &str| {
        let cargo = format!("case $1 in fetch) exit {fetch};; *) exit 101;; esac");
        let place = Place::new(&[
            ("probe/Cargo.toml", "[package]\nname = 'queue'\n"),
            ("bin/cargo", &cargo),
            ("bin/rustc", "echo /dev"),
        ]);
        let error = place.plan().unwrap().perform(&place.tools()).unwrap_err();
        assert_eq!(error.to_string(), "`cargo` failed (exit status: 101)");
        error.next()
    };
    assert!(build("101").contains("reaches https://index.crates.io"));
    assert!(build("0").starts_with("mend what it says above"));
}

/// A tool reads whatever lies in the folder that it is given: a world of an earlier build would be one too many.
#[test]
fn a_build_leaves_nothing_of_an_earlier_world() {
    let tool = "PATH=/usr/bin:/bin\nls .probity/wit/*.wit >seen && touch queue.wasm";
    let place = Place::new(&[("probe/probe.py", ""), ("bin/componentize-py", tool)]);
    let build = || {
        place.plan().unwrap().perform(&place.tools()).unwrap();
        fs::read_to_string(place.folder().join("seen")).unwrap()
    };
    assert_eq!(build(), ".probity/wit/probity.wit\n");
    let world = "package a:b;\nworld mine { include probity:probe/probe@0.1.0; }";
    place.put("probe/wit/old.wit", world);
    assert_eq!(build(), ".probity/wit/old.wit\n");
    fs::rename(
        place.folder().join("wit/old.wit"),
        place.folder().join("wit/new.wit"),
    )
    .unwrap();
    assert_eq!(build(), ".probity/wit/new.wit\n");
}

#[test]
fn a_plan_is_carried_out_step_by_step_and_ends_with_the_first_that_fails() {
    let compile = "case $* in *-print*) echo /etc/passwd;; *) printf '\\0asm\\r\\0\\1\\0' >.probity/c.wasm;; esac";
    let place = Place::new(&[("probe/probe.c", ""), ("bin/clang", compile)]);
    let out = place.0.path().join("out/there.wasm");
    fs::create_dir(out.parent().unwrap()).unwrap();
    let plan = place.project().plan(&place.tools(), Some(&out)).unwrap();
    let built = plan.perform(&place.tools()).unwrap();
    assert_eq!((built.file, built.bytes), (out, 8));
    let ignored = fs::read_to_string(place.folder().join(".probity/.gitignore")).unwrap();
    assert_eq!(ignored, "*\n");
    let names: Vec<_> = fs::read_dir(place.0.path().join("out")).unwrap().collect();
    assert_eq!(names.len(), 1, "nothing is left beside it");

    let failing = "case $* in *-print*) echo /etc/passwd;; *) exit 3;; esac";
    place.put("bin/clang", failing);
    let error = plan.perform(&place.tools()).unwrap_err();
    assert_eq!(error.to_string(), "`clang` failed (exit status: 3)");
    assert!(error.next().contains("--print"));
}
