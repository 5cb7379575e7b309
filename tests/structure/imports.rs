//! Which file of a source folder imports which: every path of its code is followed as the compiler
//! does, through groups, aliases, `super`, globs and re-exports, in macros' arguments too.
//!
//! An edge leads to the file in which a name lives, and to every file that re-exports it on the
//! way. A folder's file may declare (`mod child;`) and re-export (`pub use child::Name;`) what is
//! below it: that is a signpost. Using it there is an import. Tests are no part of this.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use syn::visit::Visit as _;

use reader::Reader;

#[path = "reader.rs"]
mod reader;

#[path = "imports_tests.rs"]
mod tests;

/// The imports of a crate's source folder, as paths below it: who imports, what is imported.
pub fn edges(folder: &Path) -> BTreeSet<(String, String)> {
    let source = Source::read(folder);
    let mut edges = BTreeSet::new();
    for (id, module) in source.modules.iter().enumerate() {
        for written in &module.written {
            let mut ends = source.follow(id, &written.path, &mut Vec::new());
            if written.how == How::Code && written.path.len() == 1 {
                // A variable, or an item: a lone name in code is no module.
                ends.retain(|end| end.kind != Kind::Module);
            }
            let places = ends.into_iter().flat_map(|end| end.way.into_iter().chain([end.place]));
            let mut places: BTreeSet<_> = places.collect();
            if written.how == How::Signpost {
                places.retain(|place| !source.is_below(*place, id));
            }
            let files = places.iter().map(|place| &source.modules[*place].file);
            let others = files.filter(|file| **file != module.file);
            edges.extend(others.map(|file| (module.file.clone(), file.clone())));
        }
    }
    edges
}

/// The groups of two or more files that import each other, directly or by way of others.
pub fn rings(edges: &BTreeSet<(String, String)>) -> Vec<Vec<String>> {
    let reached = |from: &str| {
        let (mut reached, mut next) = (BTreeSet::new(), vec![from]);
        while let Some(file) = next.pop() {
            for (_, to) in edges.iter().filter(|(one, _)| one == file) {
                if reached.insert(to.as_str()) {
                    next.push(to);
                }
            }
        }
        reached
    };
    let reached: BTreeMap<&str, _> =
        edges.iter().map(|(from, _)| (from.as_str(), reached(from))).collect();
    let ring = |file: &str| -> Vec<String> {
        let mutual = |other: &&str| reached.get(other).is_some_and(|back| back.contains(file));
        reached[file].iter().copied().filter(mutual).map(str::to_owned).collect()
    };
    let rings: BTreeSet<_> = reached.keys().map(|file| ring(file)).collect();
    rings.into_iter().filter(|ring| !ring.is_empty()).collect()
}

/// Fails with the imports that close rings.
pub fn assert_no_ring(folder: &Path) {
    let edges = edges(folder);
    assert!(!edges.is_empty(), "no imports in {}", folder.display());
    let closing = |ring: &Vec<String>| -> String {
        let inside = edges.iter().filter(|(from, to)| ring.contains(from) && ring.contains(to));
        inside.map(|(from, to)| format!("\n{from} → {to}")).collect()
    };
    let rings: Vec<_> = rings(&edges).iter().map(closing).collect();
    assert!(rings.is_empty(), "rings of imports in {}:{}", folder.display(), rings.join("\n"));
}

/// All modules of a source folder: those of the library, of `main.rs` and of `bin/`.
struct Source {
    modules: Vec<Module>,
    /// The library's root, and the name by which the programs beside it know it.
    library: Option<(usize, String)>,
}

struct Module {
    /// Below the source folder.
    file: String,
    parent: Option<usize>,
    names: BTreeMap<String, Vec<Name>>,
    globs: Vec<Glob>,
    written: Vec<Written>,
}

/// What a name stands for in a module.
enum Name {
    Module(usize),
    /// What is defined here.
    Item(Kind),
    /// Something else, by its path.
    Import {
        path: Vec<String>,
        is_public: bool,
    },
}

struct Glob {
    path: Vec<String>,
    is_public: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Kind {
    Module,
    Type,
    /// A function, a constant, a macro: nothing is below it.
    Value,
}

/// A path as it is written.
struct Written {
    path: Vec<String>,
    how: How,
}

#[derive(Clone, Copy, PartialEq)]
enum How {
    Code,
    Use,
    /// `pub use`.
    Signpost,
}

/// Where a path ends.
struct End {
    /// The module, or that of the item.
    place: usize,
    kind: Kind,
    /// The modules that re-export it to whoever writes the path.
    way: BTreeSet<usize>,
}

impl End {
    fn new(place: usize, kind: Kind) -> End {
        End { place, kind, way: BTreeSet::new() }
    }
}

impl Source {
    fn read(folder: &Path) -> Source {
        let mut source = Source { modules: Vec::new(), library: None };
        let mut roots = vec![folder.join("lib.rs"), folder.join("main.rs")];
        let programs = fs::read_dir(folder.join("bin")).into_iter().flatten();
        roots.extend(programs.map(|entry| entry.unwrap().path()));
        for root in roots.iter().filter(|root| root.is_file()) {
            let id = source.read_file(folder, root, root.parent().unwrap(), None);
            if root.ends_with("lib.rs") {
                source.library = Some((id, library_name(folder)));
            }
        }
        source
    }

    /// Reads a file and the modules that it declares, whose files are in `below`.
    fn read_file(
        &mut self,
        folder: &Path,
        path: &Path,
        below: &Path,
        parent: Option<usize>,
    ) -> usize {
        let text = fs::read_to_string(path).unwrap();
        let parsed = syn::parse_file(&text);
        let parsed = parsed.unwrap_or_else(|problem| panic!("{}: {problem}", path.display()));
        let file = path.strip_prefix(folder).unwrap().to_str().unwrap().replace('\\', "/");
        let id = self.add(file, parent);
        Reader::new(self, folder, id, below).visit_file(&parsed);
        id
    }

    fn add(&mut self, file: String, parent: Option<usize>) -> usize {
        let (names, globs, written) = (BTreeMap::new(), Vec::new(), Vec::new());
        self.modules.push(Module { file, parent, names, globs, written });
        self.modules.len() - 1
    }

    fn is_below(&self, id: usize, above: usize) -> bool {
        let parents = std::iter::successors(Some(id), |id| self.modules[*id].parent);
        parents.skip(1).any(|parent| parent == above)
    }

    fn root(&self, id: usize) -> usize {
        std::iter::successors(Some(id), |id| self.modules[*id].parent).last().unwrap()
    }

    /// Where a path ends that is written in a module: nowhere in this folder, or in one place for
    /// each namespace that has the name. `open` is what is being looked up: names may be circular.
    fn follow(&self, from: usize, path: &[String], open: &mut Vec<(usize, String)>) -> Vec<End> {
        let (mut at, mut rest) = (from, path);
        while let Some((first, tail)) = rest.split_first() {
            at = match (first.as_str(), self.modules[at].parent) {
                ("crate", _) => self.root(at),
                ("self", _) => at,
                ("super", Some(parent)) => parent,
                _ => break,
            };
            rest = tail;
        }
        let ends = self.descend(from, at, rest, open);
        match (&self.library, rest.split_first()) {
            (Some((library, name)), Some((first, rest))) if ends.is_empty() && first == name => {
                self.descend(from, *library, rest, open)
            }
            _ => ends,
        }
    }

    /// The same for a path below the module `at`.
    fn descend(
        &self,
        from: usize,
        at: usize,
        path: &[String],
        open: &mut Vec<(usize, String)>,
    ) -> Vec<End> {
        let Some((first, rest)) = path.split_first() else {
            return vec![End::new(at, Kind::Module)];
        };
        let step = (at, first.clone());
        if open.contains(&step) {
            return Vec::new();
        }
        let is_inside = from == at || self.is_below(from, at);
        let mut import = |path: &[String]| {
            open.push(step.clone());
            let mut ends = self.follow(at, path, open);
            open.pop();
            ends.iter_mut().for_each(|end| end.way.extend([at]));
            ends
        };
        let module = &self.modules[at];
        let (mut ends, mut is_outside) = (Vec::new(), false);
        for name in module.names.get(first).into_iter().flatten() {
            match name {
                Name::Module(id) => ends.push(End::new(*id, Kind::Module)),
                Name::Item(kind) => ends.push(End::new(at, *kind)),
                Name::Import { path, is_public } if *is_public || is_inside => {
                    let imported = import(path);
                    is_outside |= imported.is_empty();
                    ends.extend(imported);
                }
                Name::Import { .. } => {}
            }
        }
        if ends.is_empty() && is_outside {
            // Of another crate: here it is as good as defined here.
            return vec![End::new(at, Kind::Type)];
        }
        if ends.is_empty() {
            for glob in module.globs.iter().filter(|glob| glob.is_public || is_inside) {
                ends.extend(import(&[&glob.path[..], &path[..1]].concat()));
            }
        }
        let onward = ends.into_iter().flat_map(|end| match end.kind {
            Kind::Module => {
                let mut ends = self.descend(from, end.place, rest, open);
                ends.iter_mut().for_each(|one| one.way.extend(&end.way));
                ends
            }
            Kind::Value if !rest.is_empty() => Vec::new(),
            _ => vec![end],
        });
        onward.collect()
    }
}

/// The library's name, from the package's.
fn library_name(folder: &Path) -> String {
    let manifest = folder.parent().map(|package| package.join("Cargo.toml"));
    let manifest = manifest.and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
    let name = manifest.lines().find_map(|line| line.strip_prefix("name = "));
    name.unwrap_or("").trim_matches('"').replace('-', "_")
}
