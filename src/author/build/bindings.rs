//! Bindings: the interface in C, Zig and Go, and as the folder that other tools make their own from.

use std::fs;
use std::path::Path;

use wit_bindgen_core::Files;
use wit_parser::{Resolve, WorldId, WorldItem, WorldKey};

use super::error::BuildError;
use super::go;
use super::interface::Interface;
use super::zig_host;

/// What the generator for C calls its header.
const HEADER: &str = "probity.h";

/// What bindings are written for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bindings {
    /// `probity.h`, `probity.c` and an object file: C, and whatever can use C.
    C,
    /// Those of C, and `host.zig` to import.
    Zig,
    /// A module named `probity`.
    Go,
    /// A folder of WIT.
    Wit,
}

impl Bindings {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::C, Self::Zig, Self::Go, Self::Wit];

    /// As the command line has it.
    pub fn word(self) -> &'static str {
        match self {
            Self::C => "c",
            Self::Zig => "zig",
            Self::Go => "go",
            Self::Wit => "wit",
        }
    }
}

/// Writes bindings for our interface, or for an author's own world in the folder `wit`. The folder `into` is made; files
/// of earlier bindings in it are replaced, others are left alone.
///
/// # Errors
/// The author's world cannot be read, has no bindings in that language, or the files cannot be written.
pub fn write_bindings(
    bindings: Bindings,
    into: &Path,
    wit: Option<&Path>,
) -> Result<(), BuildError> {
    let mut interface = Interface::read(wit)?;
    match bindings {
        Bindings::C | Bindings::Zig => {
            let made = generate(&mut interface, |resolve, world| {
                Ok(c_options(resolve, world).build())
            })?;
            for (name, bytes) in made.iter() {
                write(into, Path::new(name), bytes)?;
                if bindings == Bindings::Zig && name == HEADER {
                    let zig =
                        zig_host::translated(&String::from_utf8_lossy(bytes)).map_err(|line| {
                            BuildError::Bindings(format!("not in Zig yet: `{line}`"))
                        })?;
                    write(into, Path::new("host.zig"), zig.as_bytes())?;
                }
            }
            Ok(())
        }
        Bindings::Go => {
            let support = go::support(&interface)?;
            let made = generate(&mut interface, |_, _| Ok(go::options().build()))?;
            for (name, bytes) in made.iter() {
                let (name, text) = go::renamed(name, bytes);
                write(into, Path::new(&name), text.as_bytes())?;
            }
            support
                .iter()
                .try_for_each(|(name, text)| write(into, Path::new(name), text.as_bytes()))
        }
        Bindings::Wit => interface
            .files()
            .try_for_each(|(name, text)| write(into, name, text.as_bytes())),
    }
}

type Generator = Box<dyn wit_bindgen_core::WorldGenerator>;

fn generate(
    interface: &mut Interface,
    generator: impl FnOnce(&Resolve, WorldId) -> Result<Generator, BuildError>,
) -> Result<Files, BuildError> {
    let mut files = Files::default();
    generator(&interface.resolve, interface.world)?
        .generate(&mut interface.resolve, interface.world, &mut files)
        .map_err(|error| BuildError::Bindings(format!("{error:#}")))?;
    Ok(files)
}

/// Our interfaces go by their own names in C, without package and version: `metrics_method_gauge_set` and not
/// `probity_metrics_metrics_method_gauge_set`.
fn c_options(resolve: &Resolve, world: WorldId) -> wit_bindgen_c::Opts {
    let world = &resolve.worlds[world];
    let keys = world.imports.iter().chain(&world.exports);
    let ours = keys.filter_map(|(key, item)| {
        let (WorldKey::Interface(_), WorldItem::Interface { id, .. }) = (key, item) else {
            return None;
        };
        let interface = &resolve.interfaces[*id];
        let package = &resolve.packages[interface.package?].name;
        let name = interface.name.clone()?;
        (package.namespace == "probity").then(|| (resolve.name_world_key(key), name))
    });
    wit_bindgen_c::Opts {
        rename: ours.collect(),
        rename_world: Some("probity".into()),
        ..Default::default()
    }
}

fn write(folder: &Path, name: &Path, bytes: &[u8]) -> Result<(), BuildError> {
    let file = folder.join(name);
    let above = file.parent().unwrap_or(folder);
    fs::create_dir_all(above).map_err(|error| BuildError::io("making", above, error))?;
    // What has not changed keeps its time: compilers that go by it have nothing to do.
    if fs::read(&file).is_ok_and(|old| old == bytes) {
        return Ok(());
    }
    fs::write(&file, bytes).map_err(|error| BuildError::io("writing", &file, error))
}
