//! What a disk may hold after a power cut: a model of files and names of which only what was
//! synced is certain.
//!
//! Bytes are certain after fsync of the file; names (made, renamed, removed) after fsync of their
//! folder. Everything else may be lost, each alone or all together, and the last write may be cut
//! short. This is what POSIX promises, and less than most filesystems give.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use crate::gateway::Tree;

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

/// The log of a run; a last line that was cut by the kill is none.
pub fn operations(log: &Path) -> Vec<Operation> {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    text.split_inclusive('\n').filter_map(|line| operation(line.strip_suffix('\n')?)).collect()
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

    /// The states that a power cut may leave now, each once.
    pub fn states(&self) -> Vec<State> {
        let pending: Vec<usize> =
            (0..self.effects.len()).filter(|&index| !self.effects[index].1).collect();
        let mut states: Vec<State> = Vec::new();
        let mut add = |why: String, lost: &dyn Fn(usize) -> bool, cut: Option<usize>| {
            let tree = self.tree(lost, cut);
            if states.iter().all(|state| state.tree != tree) {
                states.push(State { tree, why });
            }
        };
        add("nothing lost".to_owned(), &|_| false, None);
        add("all lost that was not synced".to_owned(), &|index| pending.contains(&index), None);
        for &alone in &pending {
            let what = self.effects[alone].0.label();
            add(format!("lost: {what}"), &|index| index == alone, None);
            add(
                format!("lost: all but {what}"),
                &|index| index != alone && pending.contains(&index),
                None,
            );
        }
        let write = |index: &&usize| matches!(self.effects[**index].0, Effect::Write { .. });
        if let Some(&last) = pending.iter().rev().find(write) {
            add(format!("cut short: {}", self.effects[last].0.label()), &|_| false, Some(last));
        }
        states
    }

    fn tree(&self, lost: &dyn Fn(usize) -> bool, cut: Option<usize>) -> Tree {
        let (mut names, mut files) = (self.before.clone(), self.files.clone());
        for (index, (effect, _)) in self.effects.iter().enumerate().filter(|(i, _)| !lost(*i)) {
            match effect {
                Effect::Write { file, offset, bytes } => {
                    let bytes =
                        &bytes[..if cut == Some(index) { bytes.len() / 2 } else { bytes.len() }];
                    let file = &mut files[*file];
                    file.resize(file.len().max(offset + bytes.len()), 0);
                    file[*offset..offset + bytes.len()].copy_from_slice(bytes);
                }
                // A file that is cut short is not made whole by its length.
                Effect::Length { file, length } if cut.is_none() => {
                    files[*file].resize(*length, 0);
                }
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
