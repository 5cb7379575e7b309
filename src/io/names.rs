//! Looking up a name, for `doctor`: requests look theirs up by themselves.

use std::net::{IpAddr, ToSocketAddrs as _};
use std::sync::mpsc;
use std::time::Duration;

use crate::limits::NAME_LOOK_UP_S_MAX;

/// The addresses of a host. The system's own waits can be long: the thread that still waits is
/// left behind.
pub fn look_up(host: &str) -> std::result::Result<Vec<IpAddr>, String> {
    let (sender, receiver) = mpsc::channel();
    let host = host.to_owned();
    std::thread::spawn(move || {
        let found = (host.as_str(), 443).to_socket_addrs();
        let found = found.map(|found| found.map(|address| address.ip()).collect::<Vec<_>>());
        let _ = sender.send(found.map_err(|error| error.to_string()));
    });
    match receiver.recv_timeout(Duration::from_secs(NAME_LOOK_UP_S_MAX)) {
        Ok(Ok(found)) if found.is_empty() => Err("it has no address".to_owned()),
        Ok(other) => other,
        Err(_) => Err(format!("no answer within {NAME_LOOK_UP_S_MAX} s")),
    }
}
