//! The network: one agent that sends, names, proxies, TLS, and the breaker that ends what cannot
//! succeed.

pub mod circuit;
pub mod dns;
pub mod http;
pub mod http_error;
pub mod lan;
pub mod proxy;
pub mod tls;
