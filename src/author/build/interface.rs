//! The interface as tools read it: ours, WASI's, and the author's own world where there is one.

use std::fs;
use std::path::{Path, PathBuf};

use wasi_preview1_component_adapter_provider::WASI_SNAPSHOT_PREVIEW1_REACTOR_ADAPTER as ADAPTER;
use wit_component::{OutputToString, WitPrinter, metadata};
use wit_parser::{PackageId, PackageName, Resolve, UnresolvedPackageGroup, WorldId};

use super::error::BuildError;
use crate::probe::WIT;

/// The world of a probe that says nothing else.
const WORLD: &str = "probe";

/// A world with all that it refers to.
pub(super) struct Interface {
    /// Everything.
    pub(super) resolve: Resolve,
    /// What the probe is built against.
    pub(super) world: WorldId,
    /// The same as files: path in a folder, and text.
    files: Vec<(PathBuf, String)>,
}

impl Interface {
    /// Ours, or the world in an author's folder, which may include ours and what WASI has for files, clocks, sockets and
    /// random numbers. What its `deps` folder holds comes before what this program has.
    ///
    /// # Errors
    /// The folder cannot be read, or holds something else than one world.
    pub(super) fn read(own: Option<&Path>) -> Result<Self, BuildError> {
        let Some(own) = own else {
            let shown = Path::new("probity.wit");
            let files = vec![(shown.to_owned(), WIT.to_owned())];
            return Self::new(parse(shown, WIT)?, Vec::new(), files, shown);
        };
        let (mut mains, mut files) = (Vec::new(), Vec::new());
        for path in wit_files(own)? {
            let text = text(&path)?;
            mains.push((path.clone(), text.clone()));
            files.push((name(&path), text));
        }
        let mut map = wit_parser::SourceMap::default();
        for (path, text) in &mains {
            map.push(path, text.as_str());
        }
        let main = map
            .parse()
            .map_err(|(map, error)| fault(own, error.render(&map)))?;
        let mut known = names(&main);
        let mut others = Vec::new();
        let deps = own.join("deps");
        let theirs = if deps.is_dir() {
            wit_files(&deps)?
        } else {
            Vec::new()
        };
        let mut add = |path: PathBuf, text: String| -> Result<(), BuildError> {
            let group = parse(&path, &text)?;
            if !names(&group).iter().any(|name| known.contains(name)) {
                known.extend(names(&group));
                others.push(group);
                files.push((Path::new("deps").join(name(&path)), text));
            }
            Ok(())
        };
        for path in theirs {
            let text = text(&path)?;
            add(path, text)?;
        }
        add("probity.wit".into(), WIT.to_owned())?;
        for (path, text) in wasi() {
            add(path, text)?;
        }
        Self::new(main, others, files, own)
    }

    fn new(
        main: UnresolvedPackageGroup,
        others: Vec<UnresolvedPackageGroup>,
        files: Vec<(PathBuf, String)>,
        shown: &Path,
    ) -> Result<Self, BuildError> {
        let mut resolve = Resolve::default();
        let package = resolve
            .push_groups(main, others)
            .map_err(|error| fault(shown, error.render(&resolve.source_map)))?;
        let world = choose(&resolve, package).map_err(|what| fault(shown, what))?;
        Ok(Self {
            resolve,
            world,
            files,
        })
    }

    /// The world's name.
    pub(super) fn world_name(&self) -> &str {
        &self.resolve.worlds[self.world].name
    }

    /// The files, each with its path in a folder.
    pub(super) fn files(&self) -> impl Iterator<Item = (&Path, &str)> {
        let files = self.files.iter();
        files.map(|(path, text)| (path.as_path(), text.as_str()))
    }
}

/// The only world, or the one for probes.
fn choose(resolve: &Resolve, package: PackageId) -> Result<WorldId, String> {
    let package = &resolve.packages[package];
    let mut worlds = package.worlds.values();
    match (worlds.next(), worlds.next()) {
        (Some(&only), None) => Ok(only),
        _ => package.worlds.get(WORLD).copied().ok_or_else(|| {
            let count = package.worlds.len();
            format!("it has {count} worlds, none of them `{WORLD}`: leave one")
        }),
    }
}

/// WASI's packages, as the adapter for WASI's first version was built against them.
fn wasi() -> Vec<(PathBuf, String)> {
    let (_, decoded) = metadata::decode(ADAPTER).expect("the adapter describes itself");
    let packages = decoded.resolve.packages.iter();
    let theirs = packages.filter(|(_, package)| package.name.namespace == "wasi");
    let printed = theirs.map(|(id, package)| {
        let mut printer = WitPrinter::<OutputToString>::default();
        printer
            .print(&decoded.resolve, id, &[])
            .expect("what was decoded can be printed");
        let file = format!("wasi-{}.wit", package.name.name);
        (file.into(), String::from(printer.output))
    });
    printed.collect()
}

fn names(group: &UnresolvedPackageGroup) -> Vec<PackageName> {
    let nested = group.nested.iter().map(|one| one.name.clone());
    std::iter::once(group.main.name.clone())
        .chain(nested)
        .collect()
}

fn parse(path: &Path, text: &str) -> Result<UnresolvedPackageGroup, BuildError> {
    UnresolvedPackageGroup::parse(path, text)
        .map_err(|(map, error)| fault(path, error.render(&map)))
}

/// The `.wit` files of a folder, in their names' order.
fn wit_files(folder: &Path) -> Result<Vec<PathBuf>, BuildError> {
    let unreadable = |error| BuildError::io("reading", folder, error);
    let mut files = Vec::new();
    for entry in fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.extension().is_some_and(|kind| kind == "wit") && path.is_file() {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

fn text(path: &Path) -> Result<String, BuildError> {
    fs::read_to_string(path).map_err(|error| BuildError::io("reading", path, error))
}

fn name(path: &Path) -> PathBuf {
    path.file_name().unwrap_or_default().into()
}

fn fault(path: &Path, what: String) -> BuildError {
    BuildError::Wit(path.to_owned(), what)
}
