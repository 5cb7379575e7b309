//! What a disk may hold after a power cut: a model of files and names of which only what was
//! synced is certain.
//!
//! Bytes are certain after fsync of the file; names (made, renamed, removed) after fsync of their
//! folder. Everything else may be lost, each alone or all together, and the last write may be cut
//! short. This is what POSIX promises, and less than most filesystems give.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::gateway::Tree;

/// Of so many changes each is tried alone.
const ALONE_MAX: usize = 6;

/// One line of the shim's log.
#[derive(Clone, Debug)]
pub struct Operation {
    pub number: u64,
    pub kind: String,
    pub path: PathBuf,
    pub other: PathBuf,
    pub offset: u64,
    pub bytes: Vec<u8>,
}

/// The log of a run.
pub struct Log {
    pub operations: Vec<Operation>,
    /// How many calls only read, where they were counted.
    pub reads: u64,
    /// The path of the first call that was made to fail.
    pub refused: Option<PathBuf>,
}

/// A last line that was cut by the kill is none.
pub fn read_log(log: &Path) -> Log {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines = text.split_inclusive('\n').filter_map(|line| line.strip_suffix('\n'));
    let (mut operations, mut reads, mut refused) = (Vec::new(), 0, None);
    for one in lines.filter_map(operation) {
        match one.kind.as_str() {
            "reading" => reads = one.offset,
            "refused" => refused = refused.or(Some(one.path)),
            _ => operations.push(one),
        }
    }
    Log { operations, reads, refused }
}

fn operation(line: &str) -> Option<Operation> {
    let mut cells = line.split('\t');
    let mut next = || cells.next();
    Some(Operation {
        number: next()?.parse().ok()?,
        kind: next()?.to_owned(),
        path: next()?.into(),
        other: next()?.into(),
        offset: next()?.parse().ok()?,
        bytes: unhex(next()?)?,
    })
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
    let pairs = text.as_bytes().chunks_exact(2);
    pairs.map(|pair| Some(digit(pair[0])? * 16 + digit(pair[1])?)).collect()
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Node {
    Folder,
    File(usize),
}

#[derive(Clone, Debug)]
enum Effect {
    Name { path: PathBuf, node: Node },
    Rename { from: PathBuf, to: PathBuf, file: usize },
    Unlink { path: PathBuf },
    Write { file: usize, offset: usize, bytes: Vec<u8> },
    Length { file: usize, length: usize },
}

impl Effect {
    /// The folder whose fsync makes it certain.
    fn folder(&self) -> Option<&Path> {
        match self {
            Effect::Name { path, .. } | Effect::Unlink { path } => path.parent(),
            Effect::Rename { to, .. } => to.parent(),
            _ => None,
        }
    }

    fn file(&self) -> Option<usize> {
        match self {
            Effect::Write { file, .. } | Effect::Length { file, .. } => Some(*file),
            _ => None,
        }
    }
}

/// The disk while a run works on it.
pub struct Disk {
    before: BTreeMap<PathBuf, Node>,
    /// What each file held when the run began; those it made began empty.
    files: Vec<Vec<u8>>,
    names: BTreeMap<PathBuf, Node>,
    effects: Vec<(Effect, bool)>,
}

/// A state of the disk, and how it came about.
pub struct State {
    pub tree: Tree,
    pub why: String,
}

impl Disk {
    /// What was there before is certain: it was written long ago.
    pub fn new(tree: &Tree) -> Disk {
        let mut files = Vec::new();
        let names: BTreeMap<PathBuf, Node> = (tree.iter())
            .map(|(name, bytes)| {
                let node = bytes.as_ref().map_or(Node::Folder, |bytes| {
                    files.push(bytes.clone());
                    Node::File(files.len() - 1)
                });
                (name.clone(), node)
            })
            .collect();
        Disk { before: names.clone(), files, names, effects: Vec::new() }
    }

    /// Follows one operation of the run on paths below `root`.
    pub fn follow(&mut self, root: &Path, operation: &Operation) {
        let below = |path: &Path| path.strip_prefix(root).unwrap_or(path).to_owned();
        let path = below(&operation.path);
        let file = match self.names.get(&path) {
            Some(Node::File(file)) => Some(*file),
            _ => None,
        };
        let effect = match (operation.kind.as_str(), file) {
            ("mkdir", _) => Effect::Name { path, node: Node::Folder },
            ("create", _) => {
                self.files.push(Vec::new());
                Effect::Name { path, node: Node::File(self.files.len() - 1) }
            }
            ("unlink", _) => Effect::Unlink { path },
            ("rename", Some(file)) => {
                Effect::Rename { from: path, to: below(&operation.other), file }
            }
            ("write", Some(file)) => {
                let offset = usize::try_from(operation.offset).expect("offset");
                Effect::Write { file, offset, bytes: operation.bytes.clone() }
            }
            ("truncate", Some(file)) => {
                let length = usize::try_from(operation.offset).expect("length");
                Effect::Length { file, length }
            }
            ("fsync", _) => {
                let folder = self.names.get(&path).is_none_or(|node| *node == Node::Folder);
                for (effect, certain) in &mut self.effects {
                    *certain |= if folder {
                        effect.folder() == Some(path.as_path())
                    } else {
                        effect.file().is_some() && effect.file() == file
                    };
                }
                return;
            }
            _ => return,
        };
        name(&mut self.names, &effect);
        self.effects.push((effect, false));
    }

    /// The states that a power cut may leave now, each once. Of many changes that are not certain
    /// each is looked at alone only every so often, which ones `instant` says.
    pub fn states(&self, instant: u64) -> Vec<State> {
        let pending = self.pending();
        let mut states: Vec<State> = Vec::new();
        let mut add = |why: String, lost: &dyn Fn(usize) -> bool, cut: Option<usize>| {
            let tree = self.tree(lost, cut);
            if states.iter().all(|state| state.tree != tree) {
                states.push(State { tree, why });
            }
        };
        add("nothing lost".to_owned(), &|_| false, None);
        add("all lost that was not synced".to_owned(), &|index| pending.contains(&index), None);
        let step = pending.len().div_ceil(ALONE_MAX).max(1);
        let first = usize::try_from(instant).unwrap_or_default() % step;
        for &alone in pending.iter().skip(first).step_by(step) {
            let what = self.effects[alone].0.label();
            let with = self.with(alone);
            add(format!("lost: {what}"), &|index| with.contains(&index), None);
            let others = |index| pending.contains(&index) && !with.contains(&index);
            add(format!("lost: all but {what}"), &others, None);
        }
        let write = |index: &&usize| matches!(self.effects[**index].0, Effect::Write { .. });
        if let Some(&last) = pending.iter().rev().find(write) {
            add(format!("cut short: {}", self.effects[last].0.label()), &|_| false, Some(last));
        }
        states
    }

    /// The worst of them.
    pub fn all_lost(&self) -> State {
        let pending = self.pending();
        let tree = self.tree(&|index| pending.contains(&index), None);
        State { tree, why: "all lost that was not synced".to_owned() }
    }

    fn pending(&self) -> Vec<usize> {
        (0..self.effects.len()).filter(|&index| !self.certain(index)).collect()
    }

    /// What was removed is gone for certain also where a folder above it is.
    fn certain(&self, index: usize) -> bool {
        let (effect, synced) = &self.effects[index];
        let Effect::Unlink { path } = effect else { return *synced };
        let gone = |(later, synced): &(Effect, bool)| match later {
            Effect::Unlink { path: above } => *synced && path.starts_with(above),
            _ => false,
        };
        self.effects[index..].iter().any(gone)
    }

    /// A file that comes back brings the folders that it was in, which were removed after it.
    fn with(&self, alone: usize) -> Vec<usize> {
        let Effect::Unlink { path } = &self.effects[alone].0 else { return vec![alone] };
        let above = |index: &usize| match &self.effects[*index].0 {
            Effect::Unlink { path: folder } => path.starts_with(folder),
            _ => false,
        };
        (alone..self.effects.len()).filter(above).collect()
    }

    /// Whether a file that was synced held this.
    pub fn synced(&self, text: &str) -> bool {
        let pending = self.pending();
        let certain =
            |file: usize| pending.iter().all(|&at| self.effects[at].0.file() != Some(file));
        let mut files = self.files.clone();
        for (effect, _) in &self.effects {
            apply(&mut files, effect, None);
        }
        let holds = |bytes: &[u8]| String::from_utf8_lossy(bytes).contains(text);
        files.iter().enumerate().any(|(file, bytes)| certain(file) && holds(bytes))
    }

    fn tree(&self, lost: &dyn Fn(usize) -> bool, cut: Option<usize>) -> Tree {
        let (mut names, mut files) = (self.before.clone(), self.files.clone());
        for (index, (effect, _)) in self.effects.iter().enumerate().filter(|(i, _)| !lost(*i)) {
            match effect {
                Effect::Write { .. } => {
                    apply(&mut files, effect, (cut == Some(index)).then_some(2))
                }
                // A file that is cut short is not made whole by its length.
                Effect::Length { .. } if cut.is_none() => apply(&mut files, effect, None),
                Effect::Length { .. } => {}
                other => name(&mut names, other),
            }
        }
        let there = |path: &Path| {
            let above = path.ancestors().skip(1).filter(|path| !path.as_os_str().is_empty());
            above.into_iter().all(|path| names.get(path) == Some(&Node::Folder))
        };
        let held = |node: &Node| match node {
            Node::Folder => None,
            Node::File(file) => Some(files[*file].clone()),
        };
        let found = names.iter().filter(|(path, _)| there(path));
        found.map(|(path, node)| (path.clone(), held(node))).collect()
    }
}

impl Effect {
    fn label(&self) -> String {
        match self {
            Effect::Name { path, .. } => format!("new {}", path.display()),
            Effect::Rename { to, .. } => format!("rename to {}", to.display()),
            Effect::Unlink { path } => format!("removal of {}", path.display()),
            Effect::Write { bytes, .. } => format!("write of {} bytes", bytes.len()),
            Effect::Length { length, .. } => format!("length of {length} bytes"),
        }
    }
}

/// What a change does to the bytes; of a write, perhaps a part only.
fn apply(files: &mut [Vec<u8>], effect: &Effect, part: Option<usize>) {
    match effect {
        Effect::Write { file, offset, bytes } => {
            let bytes = &bytes[..bytes.len() / part.unwrap_or(1)];
            let file = &mut files[*file];
            file.resize(file.len().max(offset + bytes.len()), 0);
            file[*offset..offset + bytes.len()].copy_from_slice(bytes);
        }
        Effect::Length { file, length } => files[*file].resize(*length, 0),
        _ => {}
    }
}

fn name(names: &mut BTreeMap<PathBuf, Node>, effect: &Effect) {
    match effect {
        Effect::Name { path, node } => drop(names.insert(path.clone(), *node)),
        Effect::Rename { from, to, file } => {
            if names.get(from) == Some(&Node::File(*file)) {
                names.remove(from);
            }
            names.insert(to.clone(), Node::File(*file));
        }
        Effect::Unlink { path } => drop(names.remove(path)),
        _ => {}
    }
}
