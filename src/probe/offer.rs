//! What this host offers, held against what a component imports: function by function, so that a probe built against a
//! newer interface runs here as long as it needs nothing new.
//!
//! The linker matches a version with any compatible one, and says of a component that does not fit only the first thing that
//! is amiss. Here it is asked for each imported function.

use wasmtime::Engine;
use wasmtime::component::types::ComponentItem;
use wasmtime::component::{Component, Linker, LinkerInstance, ResourceType};

use super::host::Guest;
use super::inspect::{self, INTERFACE_VERSION, parse_version};
use crate::model::{Failure, printable};

/// The version of WASI that wasmtime links.
const WASI_VERSION: [u64; 3] = [0, 2, 12];
/// Functions that a message names.
const MAX_NAMED: usize = 5;
/// The longest name in it; names are the guest's own words.
const MAX_NAME_BYTES: usize = 128;

/// One interface, or a thing of its own, that a component imports.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Import {
    /// Its name with its version, such as `probity:host/log@0.1.0`.
    pub interface: String,
    /// The functions and resources of it that the component imports, such as `gauge.set`.
    pub items: Vec<String>,
    /// Those that this host does not have.
    pub lacking: Vec<String>,
    /// What it would let a guest do, in a word; nothing when that is nothing.
    pub ask: Option<&'static str>,
}

/// Everything that the component imports, in its order.
pub(super) fn imports(
    component: &Component,
    engine: &Engine,
    linker: &Linker<Guest>,
) -> Vec<Import> {
    // What is asked for is defined by the question.
    let mut trial = linker.clone();
    trial.allow_shadowing(false);
    let mut resources = Vec::new();
    let ty = component.component_type();
    let imports = ty.imports(engine);
    imports
        .map(|(interface, import)| match import.ty {
            ComponentItem::ComponentInstance(instance) => {
                let mut known = offered(interface).and_then(|name| trial.instance(&name).ok());
                let mut import = Import::of(interface);
                for (name, item) in instance.exports(engine) {
                    if is_needed(&item.ty, &mut resources) {
                        let known = known.as_mut();
                        import.note(name, known.is_some_and(|known| has(known, name, &item.ty)));
                    }
                }
                import
            }
            // Nothing is offered outside of an interface.
            other => {
                let mut import = Import::of(interface);
                if is_needed(&other, &mut resources) {
                    import.note(interface, false);
                }
                import
            }
        })
        .collect()
}

/// Types need nothing of the host, nor does a resource that was imported before: an interface names those that it uses of
/// others.
fn is_needed(item: &ComponentItem, resources: &mut Vec<ResourceType>) -> bool {
    match item {
        ComponentItem::Type(_) => false,
        ComponentItem::Resource(ty) => {
            let is_new = !resources.contains(ty);
            resources.push(*ty);
            is_new
        }
        _ => true,
    }
}

impl Import {
    fn of(interface: &str) -> Self {
        Self {
            interface: printable(interface, MAX_NAME_BYTES),
            items: Vec::new(),
            lacking: Vec::new(),
            ask: inspect::ask(interface),
        }
    }

    fn note(&mut self, name: &str, has: bool) {
        let name = printable(plain(name), MAX_NAME_BYTES);
        if !has {
            self.lacking.push(name.clone());
        }
        self.items.push(name);
    }
}

/// Without the brackets that say what kind of function it is.
fn plain(name: &str) -> &str {
    name.rsplit(']').next().unwrap_or(name)
}

/// The name under which this host has an interface, if it has a compatible version of it.
fn offered(interface: &str) -> Option<String> {
    let (path, version) = interface.split_once('@')?;
    let version = parse_version(version)?;
    let own = if path.starts_with("probity:") {
        INTERFACE_VERSION
    } else {
        WASI_VERSION
    };
    let [major, minor, patch] = own;
    (version[..2] == own[..2]).then(|| format!("{path}@{major}.{minor}.{patch}"))
}

/// Whether the interface has this item: what is there cannot be defined again.
fn has(known: &mut LinkerInstance<'_, Guest>, name: &str, item: &ComponentItem) -> bool {
    let defined = match item {
        ComponentItem::ComponentFunc(_) => {
            known.func_new(name, |_, _, _, _| wasmtime::bail!("it is never called"))
        }
        ComponentItem::Resource(_) => {
            known.resource(name, ResourceType::host::<()>(), |_, _| Ok(()))
        }
        // No interface of this host has anything else.
        _ => return false,
    };
    defined.is_err()
}

/// Why a component does not fit the linker, which said `why`: `component.version` when a newer host would have what is missing, `component.import` when none would,
/// `component.type` when everything is there and something is of another type.
pub(super) fn refuse(imports: &[Import], why: &str) -> Failure {
    let lacking: Vec<&Import> = imports
        .iter()
        .filter(|one| !one.lacking.is_empty())
        .collect();
    let is_ours = |import: &&Import| import.interface.starts_with("probity:");
    if lacking.is_empty() {
        return mismatch(imports, why);
    }
    let own = own_version();
    match lacking.iter().copied().find(is_ours) {
        Some(import) => Failure::new(
            "component.version",
            format!(
                "needs {}, and this host speaks {own}, which does not have that: update the host, or build the probe against {own}",
                needs(&lacking, import)
            ),
        ),
        None => Failure::new(
            "component.import",
            format!(
                "imports {}, which this host does not offer",
                needs(&lacking, lacking[0])
            ),
        ),
    }
}

/// The first functions that are missing of `first`, and how many more there are in all.
fn needs(lacking: &[&Import], first: &Import) -> String {
    let total: usize = lacking.iter().map(|import| import.lacking.len()).sum();
    let named = &first.lacking[..first.lacking.len().min(MAX_NAMED)];
    let names: Vec<String> = named.iter().map(|name| format!("`{name}`")).collect();
    let more = match total - named.len() {
        0 => String::new(),
        more => format!(" (and {more} further)"),
    };
    format!("{} of `{}`{more}", names.join(", "), first.interface)
}

fn own_version() -> String {
    let [major, minor, patch] = INTERFACE_VERSION;
    format!("{major}.{minor}.{patch}")
}

fn mismatch(imports: &[Import], why: &str) -> Failure {
    let own = own_version();
    let newer = imports.iter().find(|import| {
        let (_, version) = import.interface.split_once('@').unwrap_or_default();
        let ours = import.interface.starts_with("probity:");
        ours && parse_version(version).is_some_and(|version| version > INTERFACE_VERSION)
    });
    match newer {
        Some(import) => Failure::new(
            "component.version",
            format!(
                "is built against `{}`, and not as this host, which speaks {own}, has it: {why}",
                import.interface
            ),
        ),
        None => Failure::new("component.type", why),
    }
}
