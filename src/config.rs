//! Settings and limits: environment and files → one checked [`Config`]; every limit and default of
//! the program in one place. `config/source.rs` finds the texts, this file gives them meaning.

// --- HTTP ---------------------------------------------------------------------------------------
pub const HTTP_CONNECT_TIMEOUT_S: u64 = 10;
/// From the sent request to the first byte of the reply.
pub const HTTP_REPLY_TIMEOUT_S: u64 = 30;
/// A whole exchange, without the allowance for the body of an upload.
pub const HTTP_TIMEOUT_S: u64 = 60;
/// An upload gets one more second for each so many bytes.
pub const HTTP_UPLOAD_BYTES_PER_S: u64 = 32 * 1024;
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;
pub const HTTP_BUFFER_BYTES: usize = 16 * 1024;
/// Larger uploads ask first (`Expect: 100-continue`), so that a refusal is read, not a broken pipe.
pub const HTTP_EXPECT_BYTES_MIN: usize = 256 * 1024;
/// One page of 10,000 rows is about 1.2 MB.
pub const API_REPLY_BYTES_MAX: u64 = 8 * 1024 * 1024;
pub const SMALL_REPLY_BYTES_MAX: u64 = 256 * 1024;

// --- Clock (the AWS SDKs' numbers) --------------------------------------------------------------
pub const CLOCK_ROUND_TRIP_S_MAX: i64 = 15 * 60;
pub const CLOCK_SKEW_S_MIN: i64 = 4 * 60;

// --- Sign-in pages ------------------------------------------------------------------------------
pub const PORTAL_CONNECTIONS_MAX: usize = 64;
/// A peer is one IPv4 address or one IPv6 /64.
pub const PORTAL_CONNECTIONS_PER_PEER_MAX: usize = 4;
/// Threads of connections that were just closed end a little later than their place is given away.
pub const PORTAL_THREADS_MAX: usize = 96;
pub const PORTAL_THREAD_STACK_BYTES: usize = 256 * 1024;
/// What one connection may need: its socket, and three ends of the socket to the server behind.
pub const PORTAL_FILES_PER_CONNECTION: usize = 4;
/// Open files that are left to the rest of the program.
pub const PORTAL_FILES_SPARE: usize = 40;
/// Sockets that one listen address may stand for (`localhost` is two).
pub const PORTAL_SOCKETS_MAX: usize = 4;
pub const PORTAL_HEAD_BYTES_MAX: usize = 8 * 1024;
pub const PORTAL_HEADERS_MAX: usize = 64;
pub const PORTAL_BODY_BYTES_MAX: usize = 16 * 1024;
pub const PORTAL_ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Handshake, head and body together.
pub const PORTAL_REQUEST_TIMEOUT_MS: u64 = 5_000;
/// A callback waits for the provider's answer (a whole exchange and its repetition).
pub const PORTAL_PAGE_TIMEOUT_MS: u64 = 150_000;
pub const PORTAL_WRITE_TIMEOUT_MS: u64 = 10_000;
/// After the answer, what the client still sends is read away, so that it gets to read the answer.
pub const PORTAL_LINGER_MS: u64 = 500;
pub const PORTAL_LINGER_BYTES_MAX: usize = 64 * 1024;
/// When the pages are closed, answers under way get so long to arrive.
pub const PORTAL_CLOSE_TIMEOUT_MS: u64 = 2_000;
pub const PORTAL_THREAD_PAUSE_MS: u64 = 1;
/// Pause of an accept loop that cannot go on (no file, no thread).
pub const PORTAL_PAUSE_MS: u64 = 20;
