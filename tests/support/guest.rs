//! Guests as text: a core module in the text format, made a component of the world `probe` in the test.

use wit_component::{ComponentEncoder, StringEncoding, embed_component_metadata};
use wit_parser::Resolve;

#[path = "wasi.rs"]
pub mod wasi;
#[path = "world.rs"]
pub mod world;

/// Where a body may put a call's result: `[discriminant, …, handle at +4]`.
pub const RESULT: u32 = 16;
/// Where a test's own data begins.
pub const DATA: u32 = 1024;
/// The body of an export that answers ok.
pub const OK: &str = "(call $ok)";

/// The import that tells an event.
pub const EMIT: &str =
    r#"(import "probity:events/events@0.1.0" "emit" (func $emit (param i32 i32 i32 i32 i32)))"#;

/// The imports that hostile guests call, with their flattened signatures.
const IMPORTS: &str = r#"
  (import "probity:host/failure@0.1.0" "[static]failure.other" (func $failure.other (param i32 i32) (result i32)))
  (import "probity:host/failure@0.1.0" "[static]failure.not-applicable" (func $failure.not-applicable (param i32 i32) (result i32)))
  (import "probity:host/failure@0.1.0" "[static]failure.bad-config" (func $failure.bad-config (param i32 i32) (result i32)))
  (import "probity:host/failure@0.1.0" "[static]failure.retry-after" (func $failure.retry-after (param f64 i32 i32) (result i32)))
  (import "probity:host/log@0.1.0" "log" (func $log (param i32 i32 i32)))
  (import "probity:host/state@0.1.0" "put" (func $state.put (param i32 i32 i32 i32 i32)))
  (import "probity:host/state@0.1.0" "get" (func $state.get (param i32 i32 i32)))
  (import "probity:metrics/metrics@0.1.0" "[static]gauge.define" (func $gauge.define (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "probity:metrics/metrics@0.1.0" "[method]gauge.set" (func $gauge.set (param i32 i32 i32 f64 i32)))
  (import "probity:metrics/metrics@0.1.0" "[method]gauge.bind" (func $gauge.bind (param i32 i32 i32 i32)))
  (import "probity:metrics/metrics@0.1.0" "[static]counter.define" (func $counter.define (param i32 i32 i32 i32 i32 i32 i32 i32 i32)))
  (import "probity:metrics/metrics@0.1.0" "[method]counter.add" (func $counter.add (param i32 i32 i32 f64 i32)))
  (import "probity:metrics/metrics@0.1.0" "set-bound" (func $set-bound (param i32 i32 i32 i32 i32)))
  (import "probity:health/health@0.1.0" "[static]check.define" (func $check.define (param i32 i32 i32 i32 i32)))
  (import "probity:health/health@0.1.0" "[method]check.report" (func $check.report (param i32 i32 i32 i32)))
"#;

/// A guest in the making.
pub struct Guest {
    start: String,
    collect: String,
    extra: String,
    imports: String,
    memory: String,
    data: Vec<u8>,
    strings: Vec<(String, u32, u32)>,
    version: String,
    foreign: Option<(String, String)>,
    realloc: String,
    wasi: bool,
    /// Everything that the world has, used or not.
    whole_world: bool,
    /// What a newer interface has besides: behind which text, and what.
    newer: Vec<(String, String)>,
}

impl Guest {
    /// A guest whose two exports answer ok and do nothing.
    pub fn new() -> Self {
        Self {
            start: OK.into(),
            collect: OK.into(),
            extra: String::new(),
            imports: String::new(),
            memory: "1".into(),
            data: Vec::new(),
            strings: Vec::new(),
            version: "0.1.0".into(),
            foreign: None,
            realloc: "(local.get $place)".into(),
            wasi: false,
            whole_world: false,
            newer: Vec::new(),
        }
    }

    /// The body of `start`; it leaves an i32: a pointer to the result, as `$ok` and `$fail` give it.
    #[must_use]
    pub fn start(mut self, body: &str) -> Self {
        self.start = body.into();
        self
    }

    /// The body of `collect`, likewise.
    #[must_use]
    pub fn collect(mut self, body: &str) -> Self {
        self.collect = body.into();
        self
    }

    /// Further fields of the core module: functions, globals, a start function.
    #[must_use]
    pub fn extra(mut self, fields: &str) -> Self {
        self.extra = fields.into();
        self
    }

    /// Further imports of the core module.
    #[must_use]
    pub fn imports(mut self, fields: &str) -> Self {
        self.imports = fields.into();
        self
    }

    /// The memory's limits in pages, such as `1` or `100 200`.
    #[must_use]
    pub fn memory(mut self, limits: &str) -> Self {
        self.memory = limits.into();
        self
    }

    /// Puts bytes into memory: `%name` in a body becomes their address and length.
    #[must_use]
    pub fn bytes(mut self, name: &str, bytes: &[u8]) -> Self {
        // Aligned, so that a list of f64 may lie anywhere.
        self.data.resize(self.data.len().next_multiple_of(8), 0);
        let at = DATA + self.data.len() as u32;
        self.strings
            .push((format!("%{name}"), at, bytes.len() as u32));
        self.data.extend(bytes);
        self
    }

    /// Puts a text into memory, likewise.
    #[must_use]
    pub fn text(self, name: &str, text: &str) -> Self {
        self.bytes(name, text.as_bytes())
    }

    /// Built against another version of the interface.
    #[must_use]
    pub fn version(mut self, version: &str) -> Self {
        self.version = version.into();
        self
    }

    /// Also imports the function `f` of an interface that is not Probity's: `interface` such as `foo:bar/baz@1.0.0`,
    /// and the function's type in WIT.
    #[must_use]
    pub fn foreign(mut self, interface: &str, function: &str) -> Self {
        self.foreign = Some((interface.into(), function.into()));
        self
    }

    /// The end of `cabi_realloc`, which leaves the memory's address: it is `$place`.
    #[must_use]
    pub fn realloc(mut self, body: &str) -> Self {
        self.realloc = body.into();
        self
    }

    /// Also imports the functions of [`wasi::IMPORTS`].
    #[must_use]
    pub fn wasi(mut self) -> Self {
        self.wasi = true;
        self
    }

    /// Imports the whole world, as Python and JavaScript do.
    #[must_use]
    pub fn whole_world(mut self) -> Self {
        self.whole_world = true;
        self
    }

    /// Built against an interface that has `addition` behind the text `anchor`, such as `interface run {`.
    #[must_use]
    pub fn newer(mut self, anchor: &str, addition: &str) -> Self {
        self.newer.push((anchor.into(), addition.into()));
        self
    }

    /// The interface's text, with the foreign package beside it.
    fn wit(&self) -> String {
        let mut wit = probity::probe::WIT.to_owned();
        if let Some((interface, function)) = &self.foreign {
            let (path, version) = interface.split_once('@').unwrap();
            let (package, name) = path.split_once('/').unwrap();
            let world = "world probe {";
            assert!(wit.contains(world));
            wit = wit.replace(world, &format!("{world} import {interface};"));
            wit +=
                &format!("package {package}@{version} {{ interface {name} {{ {function} }} }}\n");
        }
        if self.wasi {
            wit = wit.replace("world probe {", &format!("world probe {{ {}", wasi::WORLD));
            wit += wasi::WIT;
        }
        for (anchor, addition) in &self.newer {
            assert!(wit.contains(anchor.as_str()), "{anchor}");
            wit = wit.replace(anchor.as_str(), &format!("{anchor} {addition}"));
        }
        wit.replace("0.1.0", &self.version)
    }

    fn expand(&self, body: &str) -> String {
        let mut names: Vec<_> = self.strings.iter().collect();
        names.sort_by_key(|(name, ..)| std::cmp::Reverse(name.len()));
        names
            .iter()
            .fold(body.to_owned(), |body, (name, at, length)| {
                body.replace(
                    name.as_str(),
                    &format!("(i32.const {at}) (i32.const {length})"),
                )
            })
    }

    /// The core module's text; `world` are the imports that it has besides its own.
    fn module(&self, world: &str) -> String {
        let data: String = self
            .data
            .iter()
            .map(|byte| format!("\\{byte:02x}"))
            .collect();
        let (start, collect, extra) = (
            self.expand(&self.start),
            self.expand(&self.collect),
            self.expand(&self.extra),
        );
        let (memory, imports, realloc) = (&self.memory, &self.imports, &self.realloc);
        let wasi = if self.wasi { wasi::IMPORTS } else { "" };
        format!(
            r#"(module {IMPORTS} {wasi} {imports} {world}
  (memory (export "memory") {memory})
  (data (i32.const {DATA}) "{data}")
  (global $heap (mut i32) (i32.const 32768))
  ;; A bump allocator: guests of a test allocate little.
  (func (export "cabi_realloc") (param $old i32) (param $old-size i32) (param $align i32) (param $size i32) (result i32)
    (local $place i32)
    (global.set $heap (i32.and (i32.add (global.get $heap) (i32.const 15)) (i32.const -16)))
    (local.set $place (global.get $heap))
    (global.set $heap (i32.add (global.get $heap) (local.get $size)))
    {realloc})
  (func $ok (result i32) (i32.store8 (i32.const 0) (i32.const 0)) (i32.const 0))
  (func $fail (param $handle i32) (result i32)
    (i32.store8 (i32.const 0) (i32.const 1)) (i32.store (i32.const 4) (local.get $handle)) (i32.const 0))
  ;; Answers with the failure that the call before left at RESULT, or ok if there is none.
  (func $pass-on (result i32)
    (if (result i32) (i32.load8_u (i32.const {RESULT}))
      (then (call $fail (i32.load (i32.const 20)))) (else (call $ok))))
  (func $handle (result i32) (i32.load (i32.const 20)))
  {extra}
  (func (export "probity:probe/collector@0.1.0#start") (result i32) {start})
  (func (export "probity:probe/collector@0.1.0#collect") (result i32) {collect}))"#
        )
    }

    /// The component.
    pub fn build(&self) -> Vec<u8> {
        let mut resolve = Resolve::default();
        let package = resolve.push_str("probity.wit", &self.wit()).unwrap();
        let world = resolve.select_world(&[package], Some("probe")).unwrap();
        let imports = match self.whole_world {
            true => world::imports(&resolve, world),
            false => String::new(),
        };
        let text = self.module(&imports);
        let text = text.replace("@0.1.0", &format!("@{}", self.version));
        let mut module = wat::parse_str(text).unwrap();
        embed_component_metadata(&mut module, &resolve, world, StringEncoding::UTF8).unwrap();
        ComponentEncoder::default()
            .validate(true)
            .module(&module)
            .unwrap()
            .encode()
            .unwrap()
    }
}
