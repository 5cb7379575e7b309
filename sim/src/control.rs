//! The control API: everything that [`Controls`] can do, as JSON over HTTP.

use crate::controls::Controls;
use crate::http::{Ask, Reply};

pub fn answer(_controls: &Controls, _ask: &Ask) -> Reply {
    Reply::json(200, &serde_json::json!({}))
}
