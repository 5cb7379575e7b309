//! Reads the files of a source folder into modules: what each names, and which paths it writes.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use syn::buffer::{Cursor, TokenBuffer};
use syn::punctuated::Punctuated;
use syn::visit::{self, Visit};
use syn::{Attribute, Ident, Item, Meta, Token, UseTree, Visibility};

use super::{Glob, How, Kind, Module, Name, Source, Written};

/// Reads one module.
pub struct Reader<'a> {
    source: &'a mut Source,
    folder: &'a Path,
    module: usize,
    /// The folder of its children's files.
    below: PathBuf,
    /// Those of the function that is being read.
    variables: BTreeSet<String>,
}

impl<'a> Reader<'a> {
    pub fn new(
        source: &'a mut Source,
        folder: &'a Path,
        module: usize,
        below: &Path,
    ) -> Reader<'a> {
        Reader { source, folder, module, below: below.to_owned(), variables: BTreeSet::new() }
    }

    fn module(&mut self) -> &mut Module {
        &mut self.source.modules[self.module]
    }

    fn write(&mut self, path: Vec<String>, how: How) {
        let is_variable = path.len() == 1 && self.variables.contains(&path[0]);
        if how != How::Code || !is_variable {
            self.module().written.push(Written { path, how });
        }
    }

    /// Reads a function, whose variables are no names of the module.
    fn function(&mut self, variables: Variables, read: impl FnOnce(&mut Self)) {
        let outer = std::mem::replace(&mut self.variables, variables.0);
        read(self);
        self.variables = outer;
    }

    fn name(&mut self, name: String, stands_for: Name) {
        self.module().names.entry(name).or_default().push(stands_for);
    }

    fn declare(&mut self, item: &syn::ItemMod) {
        let name = name_of(&item.ident);
        let below = self.below.join(&name);
        let parent = Some(self.module);
        let id = match &item.content {
            Some((_, items)) => {
                let file = self.module().file.clone();
                let module = self.source.add(file, parent);
                let mut inner = Reader::new(self.source, self.folder, module, &below);
                items.iter().for_each(|item| inner.visit_item(item));
                module
            }
            None => {
                let beside = below.with_extension("rs");
                let file = if beside.is_file() { beside } else { below.join("mod.rs") };
                self.source.read_file(self.folder, &file, &below, parent)
            }
        };
        self.name(name, Name::Module(id));
    }

    fn import(&mut self, prefix: &[String], tree: &UseTree, how: How) {
        let joined = |ident: &Ident| {
            let name = name_of(ident);
            let own = (name != "self" || prefix.is_empty()).then_some(name);
            prefix.iter().cloned().chain(own).collect::<Vec<_>>()
        };
        let is_public = how == How::Signpost;
        match tree {
            UseTree::Path(path) => self.import(&joined(&path.ident), &path.tree, how),
            UseTree::Group(group) => {
                group.items.iter().for_each(|tree| self.import(prefix, tree, how));
            }
            UseTree::Glob(_) => {
                self.module().globs.push(Glob { path: prefix.to_vec(), is_public });
                self.write(prefix.to_vec(), how);
            }
            UseTree::Name(name) => {
                let path = joined(&name.ident);
                let own = path.last().unwrap().clone();
                self.name(own, Name::Import { path: path.clone(), is_public });
                self.write(path, how);
            }
            UseTree::Rename(rename) => {
                let path = joined(&rename.ident);
                self.name(name_of(&rename.rename), Name::Import { path: path.clone(), is_public });
                self.write(path, how);
            }
        }
    }

    /// The paths among the tokens of a macro; `prefix` is what stood before `::{`.
    fn tokens(&mut self, mut cursor: Cursor<'_>, prefix: &[String]) {
        let mut after_dot = false;
        while let Some((_, next)) = cursor.token_tree() {
            let is_dot = cursor.punct().is_some_and(|(punct, _)| punct.as_char() == '.');
            if let Some((first, next)) = cursor.ident() {
                cursor = self.path_in_tokens(prefix, &first, next, after_dot);
            } else {
                if let Some((inside, ..)) = cursor.any_group() {
                    self.tokens(inside, &[]);
                }
                cursor = next;
            }
            after_dot = is_dot;
        }
    }

    fn path_in_tokens<'t>(
        &mut self,
        prefix: &[String],
        first: &Ident,
        mut next: Cursor<'t>,
        after_dot: bool,
    ) -> Cursor<'t> {
        let mut path = prefix.to_vec();
        path.push(name_of(first));
        while let Some(after) = colons(next) {
            next = after;
            if let Some((ident, after)) = next.ident() {
                path.push(name_of(&ident));
                next = after;
            } else if let Some((inside, _, _, after)) = next.any_group() {
                self.tokens(inside, &path);
                return after;
            } else {
                break;
            }
        }
        let is_member = after_dot && path.len() == 1;
        if !is_member {
            self.write(path, How::Code);
        }
        next
    }
}

impl<'ast> Visit<'ast> for Reader<'_> {
    fn visit_item(&mut self, item: &'ast Item) {
        let (attributes, name) = described(item);
        if attributes.iter().any(is_test) {
            return;
        }
        if let Some((name, kind)) = name {
            self.name(name_of(name), Name::Item(kind));
        }
        match item {
            Item::Mod(item) => self.declare(item),
            Item::Use(item) if item.leading_colon.is_some() => {}
            Item::Use(item) => {
                let is_public = !matches!(item.vis, Visibility::Inherited);
                let how = if is_public { How::Signpost } else { How::Use };
                self.import(&[], &item.tree, how);
            }
            _ => visit::visit_item(self, item),
        }
    }

    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        let mut variables = Variables::default();
        variables.visit_item_fn(function);
        self.function(variables, |reader| visit::visit_item_fn(reader, function));
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        if !function.attrs.iter().any(is_test) {
            let mut variables = Variables::default();
            variables.visit_impl_item_fn(function);
            self.function(variables, |reader| visit::visit_impl_item_fn(reader, function));
        }
    }

    /// A constant in a pattern looks like a variable, but for its capital letters.
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        self.write(vec![name_of(&pattern.ident)], How::Code);
        visit::visit_pat_ident(self, pattern);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        if path.leading_colon.is_none() {
            let names = path.segments.iter().map(|segment| name_of(&segment.ident));
            self.write(names.collect(), How::Code);
        }
        visit::visit_path(self, path);
    }

    fn visit_macro(&mut self, called: &'ast syn::Macro) {
        self.visit_path(&called.path);
        self.tokens(TokenBuffer::new2(called.tokens.clone()).begin(), &[]);
    }

    fn visit_meta_list(&mut self, attribute: &'ast syn::MetaList) {
        self.tokens(TokenBuffer::new2(attribute.tokens.clone()).begin(), &[]);
    }

    /// `pub(super)` imports nothing.
    fn visit_visibility(&mut self, _: &'ast Visibility) {}
}

/// The names that patterns bind.
#[derive(Default)]
struct Variables(BTreeSet<String>);

impl<'ast> Visit<'ast> for Variables {
    fn visit_pat_ident(&mut self, pattern: &'ast syn::PatIdent) {
        let name = name_of(&pattern.ident);
        if !name.starts_with(char::is_uppercase) {
            self.0.insert(name);
        }
        visit::visit_pat_ident(self, pattern);
    }
}

/// An item's attributes, its name and its kind.
fn described(item: &Item) -> (&[Attribute], Option<(&Ident, Kind)>) {
    match item {
        Item::Const(item) => (&item.attrs, Some((&item.ident, Kind::Value))),
        Item::Enum(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Fn(item) => (&item.attrs, Some((&item.sig.ident, Kind::Value))),
        Item::Impl(item) => (&item.attrs, None),
        Item::Macro(item) => (&item.attrs, item.ident.as_ref().map(|name| (name, Kind::Value))),
        Item::Mod(item) => (&item.attrs, None),
        Item::Static(item) => (&item.attrs, Some((&item.ident, Kind::Value))),
        Item::Struct(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Trait(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Type(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Union(item) => (&item.attrs, Some((&item.ident, Kind::Type))),
        Item::Use(item) => (&item.attrs, None),
        _ => (&[], None),
    }
}

/// `#[cfg(test)]`, also among others: `#[cfg(all(test, unix))]`.
fn is_test(attribute: &Attribute) -> bool {
    fn is_test(condition: &Meta) -> bool {
        let all = |list: &syn::MetaList| {
            let conditions = list.parse_args_with(Punctuated::<Meta, Token![,]>::parse_terminated);
            list.path.is_ident("all") && conditions.is_ok_and(|all| all.iter().any(is_test))
        };
        condition.path().is_ident("test") || condition.require_list().is_ok_and(all)
    }
    attribute.path().is_ident("cfg")
        && attribute.parse_args().is_ok_and(|condition| is_test(&condition))
}

fn name_of(ident: &Ident) -> String {
    ident.to_string().trim_start_matches("r#").to_owned()
}

/// What follows `::`.
fn colons(cursor: Cursor<'_>) -> Option<Cursor<'_>> {
    let (first, next) = cursor.punct()?;
    let (second, next) = next.punct()?;
    (first.as_char() == ':' && second.as_char() == ':').then_some(next)
}
