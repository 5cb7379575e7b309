//! Small source folders, and the imports in them.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};

use super::*;

#[test]
fn no_two_files_of_the_simulator_import_each_other() {
    assert_no_ring(&Path::new(env!("CARGO_MANIFEST_DIR")).join("sim/src"));
}

/// The edges of a package with these files, as `from → to`, one a line.
fn told(files: &[(&str, &str)]) -> Vec<String> {
    edges_of(files).iter().map(|(from, to)| format!("{from} → {to}")).collect()
}

fn edges_of(files: &[(&str, &str)]) -> BTreeSet<(String, String)> {
    let package = folder();
    fs::create_dir_all(package.join("src")).unwrap();
    fs::write(package.join("Cargo.toml"), "[package]\nname = \"the-house\"\n").unwrap();
    for (name, text) in files {
        let path = package.join("src").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let edges = edges(&package.join("src"));
    fs::remove_dir_all(package).unwrap();
    edges
}

/// A folder that nobody else has.
fn folder() -> PathBuf {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    std::env::temp_dir().join(format!("fitsync-imports-{}-{count}", std::process::id()))
}

/// The edges of `low/a.rs` with this text, in a house of two floors.
fn low(text: &str) -> Vec<String> {
    let house = [
        ("lib.rs", "pub mod low; pub mod top;"),
        ("low/mod.rs", "pub mod a; pub mod b; pub use b::B;"),
        ("low/b.rs", "pub struct B; pub fn b() {}"),
        ("top/mod.rs", "mod deep; pub mod c; pub use deep::*; pub use c::C as Renamed;"),
        ("top/c.rs", "pub struct C; pub fn c() -> u8 { 0 } pub mod inner { pub fn i() {} }"),
        ("top/deep.rs", "pub enum D { One } pub use crate::low::b::B as Again;"),
        ("low/a.rs", text),
    ];
    let edges = told(&house);
    let of_a = edges.iter().filter_map(|edge| edge.strip_prefix("low/a.rs → "));
    of_a.map(str::to_owned).collect()
}

#[test]
fn a_use_leads_to_the_file_of_its_name() {
    assert_eq!(low("use crate::top::c::C;"), ["top/c.rs"]);
    assert_eq!(low("use crate::top::c;"), ["top/c.rs"]);
    assert_eq!(low("use crate::top;"), ["top/mod.rs"]);
    assert_eq!(low("use crate::{top::c::C, low};"), ["low/mod.rs", "top/c.rs"]);
    assert_eq!(
        low("use crate::{\n    low::{b::{self, B}},\n    top::c::{c, C},\n};"),
        ["low/b.rs", "top/c.rs"]
    );
    assert_eq!(low("use super::b::B;"), ["low/b.rs"]);
    assert_eq!(low("use super::super::top::c::C;"), ["top/c.rs"]);
    assert_eq!(low("use self::own::X; mod own { pub struct X; }"), [""; 0]);
    assert_eq!(low("use std::fs; use serde::top::c;"), [""; 0]);
}

#[test]
fn an_alias_is_followed() {
    assert_eq!(low("use crate::top::c as other; fn f() { other::c(); }"), ["top/c.rs"]);
    assert_eq!(low("use crate::top as up; fn f() { up::c::c(); }"), ["top/c.rs", "top/mod.rs"]);
    assert_eq!(low("use crate as house; type T = house::top::c::C;"), ["lib.rs", "top/c.rs"]);
    assert_eq!(low("use crate::top::c::C as _;"), ["top/c.rs"]);
}

#[test]
fn a_re_export_leads_to_both_files() {
    assert_eq!(low("use crate::low::B;"), ["low/b.rs", "low/mod.rs"]);
    assert_eq!(low("use super::B;"), ["low/b.rs", "low/mod.rs"]);
    assert_eq!(low("use crate::top::Renamed;"), ["top/c.rs", "top/mod.rs"]);
    assert_eq!(low("use crate::top::D;"), ["top/deep.rs", "top/mod.rs"]);
    assert_eq!(low("use crate::top::Again;"), ["low/b.rs", "top/deep.rs", "top/mod.rs"]);
    assert_eq!(low("use crate::top::*; fn f(d: D) {}"), ["top/deep.rs", "top/mod.rs"]);
}

#[test]
fn a_path_in_code_counts_as_a_use() {
    let c = ["top/c.rs"];
    assert_eq!(low("fn f() -> u8 { crate::top::c::c() }"), c);
    assert_eq!(low("fn f() { super::super::top::c::inner::i() }"), c);
    assert_eq!(low("fn f() { use crate::top::c::c; c(); }"), c);
    assert_eq!(low("fn f(c: &mut Vec<crate::top::c::C>) {}"), c);
    assert_eq!(low("impl Drop for crate::top::c::C { fn drop(&mut self) {} }"), c);
    assert_eq!(low("fn f() { <u8 as crate::top::c::C>::f() }"), c);
    assert_eq!(low("mod m { fn f() { super::super::super::top::c::c(); } }"), c);
    assert_eq!(low("fn f() { crate::top::D::One; }"), ["top/deep.rs", "top/mod.rs"]);
}

#[test]
fn arguments_of_macros_and_attributes_are_code() {
    let c = ["top/c.rs"];
    assert_eq!(low("fn f() { vec![crate::top::c::c()]; }"), c);
    assert_eq!(low("fn f() { println!(\"{}\", g(|| Some(super::super::top::c::c()))); }"), c);
    assert_eq!(low("macro_rules! m { () => { $crate::top::c::c() } }"), c);
    assert_eq!(low("macro_rules! m { () => { use crate::top::{c::{C, c}}; } }"), c);
    assert_eq!(low("#[derive(X)] struct S { #[x(with(crate::top::c::c))] s: u8 }"), c);
}

#[test]
fn comments_texts_and_tests_are_not_code() {
    let text = "
        //! use crate::top::c;
        /* use crate::top::c; */
        /// [`crate::top::c::C`]
        pub(super) fn f() -> &'static str { \"use crate::top::c; crate::top::c::c()\" }
        #[cfg(test)] use crate::top::c;
        #[cfg(test)] mod tests { use super::super::super::top::c; }
        #[cfg(all(test, unix))] #[path = \"a_tests.rs\"] mod more;
        struct S;
        impl S { #[cfg(test)] fn t() { crate::top::c::c(); } }
    ";
    assert_eq!(low(text), [""; 0]);
    assert_eq!(low("#[cfg(unix)] use crate::top::c;"), ["top/c.rs"]);
    assert_eq!(low("#[cfg(not(test))] use crate::top::c;"), ["top/c.rs"]);
}

#[test]
fn a_variable_is_no_module() {
    let files = [("lib.rs", "mod minute; fn f(minute: u8) -> u8 { m!(minute, x.minute); minute }")];
    let minute = [("minute.rs", "pub fn get() {}")];
    assert_eq!(told(&[&files[..], &minute].concat()), [""; 0]);
    let files = [("lib.rs", "mod minute; fn f() { minute::get(); }")];
    assert_eq!(told(&[&files[..], &minute].concat()), ["lib.rs → minute.rs"]);
}

#[test]
fn a_module_and_a_macro_of_one_name_are_two() {
    let files = [
        ("lib.rs", "mod json; mod a; use outside::json; fn f() { json!({}); }"),
        ("json.rs", "pub fn text() {}"),
        ("a.rs", "use super::json::text;"),
    ];
    assert_eq!(told(&files), ["a.rs → json.rs"]);
}

#[test]
fn a_private_import_is_seen_below_it_only() {
    let files = [
        ("lib.rs", "mod a; mod b; fn f() { a::text(); }"),
        ("a.rs", "mod deep; use crate::b::text; pub fn text() {}"),
        ("a/deep.rs", "use super::text;"),
        ("b.rs", "pub struct text;"),
    ];
    let edges = ["a.rs → b.rs", "a/deep.rs → a.rs", "a/deep.rs → b.rs", "lib.rs → a.rs"];
    assert_eq!(told(&files), edges);
}

#[test]
fn a_variable_is_no_function_of_its_name() {
    let of = |text| told(&[("lib.rs", text), ("a.rs", "pub fn key() {} pub const KEY: u8 = 1;")]);
    let a = ["lib.rs → a.rs"];
    assert_eq!(of("mod a; pub use a::{key, KEY}; fn f(key: u8) -> u8 { m!(key); key }"), [""; 0]);
    assert_eq!(of("mod a; pub use a::{key, KEY}; fn f() { key() }"), a);
    assert_eq!(of("mod a; pub use a::{key, KEY}; fn f() { m!(key()) }"), a);
    assert_eq!(of("mod a; pub use a::*; fn f(x: u8) { match x { KEY => {} _ => {} } }"), a);
}

#[test]
fn a_program_beside_the_library_uses_it_by_its_name() {
    let files = [
        ("lib.rs", "pub mod a; pub use a::A;"),
        ("a.rs", "pub struct A;"),
        ("main.rs", "use the_house::a::A; mod own; fn main() { own::f(); }"),
        ("own.rs", "pub fn f() {}"),
        ("bin/demo.rs", "fn main() { the_house::A; }"),
    ];
    let edges =
        ["bin/demo.rs → a.rs", "bin/demo.rs → lib.rs", "main.rs → a.rs", "main.rs → own.rs"];
    assert_eq!(told(&files), edges);
}

/// The rings among a folder's file and its two children.
fn rings_of(files: [&str; 3]) -> Vec<Vec<String>> {
    let names = ["f/mod.rs", "f/a.rs", "f/b.rs"];
    let mut house = vec![("lib.rs", "pub mod f;")];
    house.extend(names.into_iter().zip(files));
    rings(&edges_of(&house))
}

#[test]
fn two_files_that_use_each_other_are_a_ring() {
    let ring = [["f/a.rs", "f/b.rs"]];
    let folder = "mod a; mod b;";
    let b = "use super::a::A; pub struct B;";
    assert_eq!(rings_of([folder, "pub struct A;", b]), [[""; 0]; 0]);
    assert_eq!(rings_of([folder, "use super::b::B; pub struct A;", b]), ring);
    assert_eq!(rings_of([folder, "use crate::f::{b::{B as Other}}; pub struct A;", b]), ring);
    assert_eq!(rings_of([folder, "pub struct A(crate::f::b::B);", b]), ring);
    assert_eq!(rings_of([folder, "pub struct A; fn f() { vec![super::b::B]; }", b]), ring);
}

#[test]
fn a_ring_is_found_through_a_re_export() {
    let folder = "mod a; mod b; pub use b::B;";
    let b = "use super::a::A; pub struct B;";
    assert_eq!(rings_of([folder, "use super::B; pub struct A;", b]), [["f/a.rs", "f/b.rs"]]);
    assert_eq!(rings_of([folder, "pub struct A(crate::f::B);", b]), [["f/a.rs", "f/b.rs"]]);
}

#[test]
fn a_folder_and_its_child_are_a_ring_only_if_the_folder_uses_it() {
    let (a, b) = ("use super::Thing; pub struct A;", "");
    let ring = [["f/a.rs", "f/mod.rs"]];
    assert_eq!(rings_of(["pub mod a; mod b; pub use a::A; pub struct Thing;", a, b]), [[""; 0]; 0]);
    assert_eq!(rings_of(["mod a; mod b; pub struct Thing; use a::A;", a, b]), ring);
    assert_eq!(rings_of(["mod a; mod b; pub struct Thing(a::A);", a, b]), ring);
    assert_eq!(rings_of(["mod a; mod b; pub use a::A; pub struct Thing(A);", a, b]), ring);
}

#[test]
fn a_long_ring_is_one() {
    let edge = |from: &str, to: &str| (from.to_owned(), to.to_owned());
    let edges = [edge("a", "b"), edge("b", "c"), edge("c", "a"), edge("c", "d"), edge("e", "a")];
    assert_eq!(rings(&edges.into()), [["a", "b", "c"]]);
}
