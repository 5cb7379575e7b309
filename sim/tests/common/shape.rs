//! The shape of a JSON document: its paths and the kinds of values at their ends.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;

/// A payload of `tests/samples`.
pub fn sample(name: &str) -> Value {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/samples");
    let text = std::fs::read_to_string(folder.join(name)).expect(name);
    serde_json::from_str(&text).expect(name)
}

fn shape(value: &Value, path: &str, paths: &mut BTreeSet<String>) {
    match value {
        Value::Object(object) => {
            for (name, value) in object {
                shape(value, &format!("{path}/{name}"), paths);
            }
        }
        Value::Array(list) => {
            list.iter().for_each(|one| shape(one, &format!("{path}/*"), paths));
        }
        Value::String(_) => drop(paths.insert(format!("{path} text"))),
        Value::Number(_) => drop(paths.insert(format!("{path} number"))),
        Value::Bool(_) => drop(paths.insert(format!("{path} bool"))),
        Value::Null => drop(paths.insert(format!("{path} null"))),
    }
}

/// The same names and kinds, apart from paths with an ending that may come or not.
#[track_caller]
pub fn same_shape(reply: &Value, samples: &[&str], optional: &[&str]) {
    let (mut mine, mut theirs) = (BTreeSet::new(), BTreeSet::new());
    shape(reply, "", &mut mine);
    for name in samples {
        shape(&sample(name), "", &mut theirs);
    }
    let must = |path: &&String| !optional.iter().any(|ending| path.ends_with(ending));
    let strange: Vec<_> = mine.difference(&theirs).filter(must).collect();
    let missing: Vec<_> = theirs.difference(&mine).filter(must).collect();
    assert!(strange.is_empty(), "{samples:?} have no {strange:?}");
    assert!(missing.is_empty(), "{samples:?} also have {missing:?}");
}
