//! From a port to what is sent: `listen` accepts, `answer` sends a request on to its service (of
//! which `s3`, the store, lives here), `reply` and `body` do to the answer what faults want.

pub mod answer;
mod body;
pub mod listen;
mod reply;
pub mod s3;
pub mod tls;
