//! Every limit of the program in one place.

// --- HTTP ---------------------------------------------------------------------------------------
pub const HTTP_CONNECT_TIMEOUT_S: u64 = 10;
/// From the sent request to the first byte of the reply.
pub const HTTP_REPLY_TIMEOUT_S: u64 = 30;
/// A whole exchange, without the allowance for the body of an upload.
pub const HTTP_TIMEOUT_S: u64 = 60;
/// An upload gets one more second for each so many bytes.
pub const HTTP_UPLOAD_BYTES_PER_S: u64 = 32 * 1024;
/// The addresses of a host are asked again after this long, and after any failure.
pub const NAME_REMEMBERED_S: u64 = 30;
pub const NAMES_REMEMBERED_MAX: usize = 16;
pub const HTTP_HEAD_BYTES_MAX: usize = 64 * 1024;
pub const HTTP_BUFFER_BYTES: usize = 16 * 1024;
/// A page is read in pieces of this size.
pub const JSON_READ_BYTES: u64 = 16 * 1024;
/// Larger uploads ask first (`Expect: 100-continue`), so that a refusal is read, not a broken pipe.
pub const HTTP_EXPECT_BYTES_MIN: usize = 256 * 1024;
/// One page of 10,000 rows is about 1.2 MB.
pub const API_REPLY_BYTES_MAX: u64 = 8 * 1024 * 1024;
pub const SMALL_REPLY_BYTES_MAX: u64 = 256 * 1024;

// --- Clock (the AWS SDKs' numbers) --------------------------------------------------------------
pub const CLOCK_ROUND_TRIP_S_MAX: i64 = 15 * 60;
pub const CLOCK_SKEW_S_MIN: i64 = 4 * 60;
/// A clock that time sync holds is nearer to a service's than this; `doctor` warns.
pub const CLOCK_DOUBT_S_MIN: i64 = 60;

// --- Days and ledger ----------------------------------------------------------------------------
/// A day that lost most of its rows is believed when a run this much later reads the same.
pub const SHRUNK_CONFIRM_S: i64 = 6 * 3600;
/// The cloud needs time after the device: a day is sealed by what is read so much later.
pub const CLOUD_SETTLES_S: i64 = 24 * 3600;
/// What the provider calls unfinished is waited for so long after the device has passed it.
pub const UNFINISHED_S_MAX: i64 = 14 * 86_400;
/// Days of a version 1 ledger that may have been sealed before the cloud was done.
pub const EARLY_SEALS_DAYS: u32 = 90;
/// A next try further ahead than this was set by a clock that has jumped: it is due.
pub const NEXT_TRY_AHEAD_S_MAX: i64 = 6 * 3600;
/// A device's last sync may be so far ahead of the services' clocks; what is more cannot be true.
pub const DEVICE_AHEAD_S_MAX: i64 = 5 * 60;
/// No device that is paired today last synced before 2010: such a time is none.
pub const DEVICE_TIME_S_MIN: i64 = 1_262_304_000;
/// The whole look-back is read again after this long.
pub const LOOKBACK_EVERY_S: i64 = 24 * 3600;
/// A consent that ends within this time is pressing.
pub const GRANT_ENDS_SOON_S: i64 = 2 * 86_400;
/// A participant who must sign in again is tried all the same this often.
pub const SIGN_IN_TRY_EVERY_S: i64 = 24 * 3600;
/// An API that is switched off is asked again this often.
pub const RETIRED_TRY_EVERY_S: i64 = 7 * 86_400;
/// Forty years of months: no range of dates is longer.
pub const MONTHS_MAX: usize = 480;
pub const DAYS_MAX: usize = 31 * MONTHS_MAX;
/// A request of minute data spans at most this much (Google's limit for several types).
pub const MINUTE_RANGE_S_MAX: i64 = 14 * 86_400;
/// A request of daily data spans at most this many days.
pub const DAILY_RANGE_DAYS_MAX: i64 = 90;
/// A request of nights, workouts or weights spans at most this many days: pages are small.
pub const SESSION_RANGE_DAYS_MAX: i64 = 30;

// --- Tokens and sign-in -------------------------------------------------------------------------
/// Of an access token whose reply names no life (RFC 6749 only recommends it): Google's.
pub const TOKEN_LIFE_S: i64 = 3600;
/// An access token with less left than this is refreshed before use.
pub const TOKEN_REFRESH_BEFORE_S: i64 = 5 * 60;
/// A consent that ends within this time is warned about by every run.
pub const CONSENT_ENDS_SOON_S: i64 = 3 * 86_400;
/// A pasted address, also when it came in several lines.
pub const PASTE_BYTES_MAX: usize = 8 * 1024;
/// A pasted address that ends in its code may go on in a line that follows this soon.
pub const PASTE_REST_MS: u64 = 1_000;

pub const LOGIN_TIMEOUT_MINUTES_MAX: u32 = 24 * 60;
pub const LOGIN_POLL_MS: u64 = 100;

// --- Retries ------------------------------------------------------------------------------------
pub const RETRY_ATTEMPTS_MAX: u32 = 4;
pub const RETRY_WAIT_MS_BASE: u64 = 500;
pub const RETRY_WAIT_MS_MAX: u64 = 8_000;
/// A service that asks for a longer pause is left to the next run.
pub const RETRY_AFTER_S_MAX: u64 = 30;
/// Files that the store refused: first pause and longest pause.
pub const QUEUE_WAIT_S_BASE: u64 = 60;
pub const QUEUE_WAIT_S_MAX: u64 = 4 * 3600;

// --- Requests to a provider ---------------------------------------------------------------------
/// Google's largest page; more is cut to it without an error.
pub const PAGE_ROWS: u32 = 10_000;
/// Google's largest page of sleep and exercise.
pub const PAGE_SESSIONS: u32 = 25;
/// Pages of paired devices.
pub const DEVICE_PAGES_MAX: usize = 8;
pub const DEVICE_NAME_CHARS_MAX: usize = 80;
/// The Fitbit Web API counts by the hour; a longer wait is none that it asks for.
pub const FITBIT_RESET_S_MAX: u64 = 2 * 3600;
pub const FITBIT_RESET_SPARE_S: u64 = 10;
/// Pages of one job. 14 days of minutes are three, and 404 where a service cuts pages to 50 rows,
/// as was seen once (google-health's `pageSize` is a wish).
pub const PAGES_MAX: usize = 512;

/// A range that is not answered is sent so often in all before it is made smaller.
pub const RANGE_ATTEMPTS_MAX: u32 = 2;
/// Requests of one participant and run that were refused, or made to find an odd day.
pub const EXTRA_REQUESTS_MAX: u64 = 32;
/// Pages are halved down to this part of the largest.
pub const PAGE_ROWS_PART_MIN: u32 = 8;
/// When no day of a metric is answered at the smallest size, so many are enough to know.
pub const UNANSWERED_DAYS_MAX: usize = 3;
/// What a service was found to answer is remembered for so long.
pub const SIZE_REMEMBERED_S: i64 = 24 * 3600;
/// A day with an element that cannot be read is asked with the look-back for so long.
pub const ODD_DAY_S_MAX: i64 = 30 * 86_400;

// --- Files, locks, signals ----------------------------------------------------------------------
pub const LOCK_POLL_MS: u64 = 50;
/// Another process refreshes this participant's token: a request and its retries.
pub const TOKEN_LOCK_WAIT_S: u64 = 60;
pub const TOKEN_BYTES_MAX: u64 = 64 * 1024;
/// A new token of a provider that rotates is the only one that lives: its write is tried so long.
pub const TOKEN_WRITE_S_MAX: u64 = 15;
pub const TOKEN_WRITE_PAUSE_MS: u64 = 500;
/// A file that cannot be used is copied aside up to this size, and linked beyond it.
pub const KEPT_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// A month of sixteen metrics is about 400 KiB.
pub const LEDGER_BYTES_MAX: u64 = 8 * 1024 * 1024;
/// Months of one participant that are written side by side.
pub const LEDGER_WRITES_AT_ONCE: usize = 8;
/// What a token file never exceeds in practice; its space is reserved before a refresh.
pub const TOKEN_RESERVE_BYTES: u64 = 16 * 1024;
/// A day of minute data is about 100 KiB.
pub const CSV_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Below this nothing is fetched and no CSV file written: ledger and tokens still can be, and
/// uploading goes on.
pub const FETCH_SPACE_BYTES_MIN: u64 = 512 * 1024;
/// Below this, or below a part of the disk if that is smaller, uploaded CSV files make room.
pub const LOW_WATER_BYTES: u64 = 64 * 1024 * 1024;
pub const LOW_WATER_PART: u64 = 20;
/// On a disk so small that its part is less than fetching needs.
pub const LOW_WATER_BYTES_MIN: u64 = 2 * FETCH_SPACE_BYTES_MIN;
/// Files that are looked at in one go when room is made.
pub const KEEP_FILES_MAX: usize = 2_000;
/// Looking up one name, for `doctor`.
pub const NAME_LOOK_UP_S_MAX: u64 = 15;
pub const STOP_POLL_MS: u64 = 20;
pub const STOP_WRITE_MS_MAX: u64 = 1_500;
pub const STOP_REFRESH_S_MAX: u64 = 15;

// --- One run ------------------------------------------------------------------------------------
/// Retries of all participants together.
pub const RETRY_BUDGET: i64 = 200;
/// Failures of so many participants, or of all that there are, before it is everybody's.
pub const BREAKER_PARTICIPANTS: usize = 3;
/// So many failures in a row, of anybody, and the network is down.
pub const BREAKER_NETWORK: u32 = 8;
/// So many 5xx or 429 in a row, of anybody, and the service is down.
pub const BREAKER_SERVER: u32 = 16;
/// Google allows an unverified app 150 requests a minute and participant.
pub const PACE_BURST: f64 = 30.0;
pub const PACE_PER_S: f64 = 2.0;
/// A refresh whose reply was lost is asked for once more.
pub const REFRESH_ATTEMPTS_MAX: u32 = 2;
/// A token that is refused again and again is not cured by refreshing.
pub const REFRESHES_MAX: u32 = 3;

// --- Upload queue -------------------------------------------------------------------------------
/// So many files or seconds of uploading may be sent and not yet be in the ledger.
pub const UPLOAD_BATCH_FILES: usize = 32;
pub const UPLOAD_BATCH_S: u64 = 10;
/// Of them, what is sent while the ledger is being written.
pub const UPLOAD_AHEAD_FILES: usize = 8;
/// After so many failures in a row, the items that failed least are tried …
pub const UPLOAD_FAILURES_IN_A_ROW_MAX: usize = 4;
/// … and when so many of them fail as well, the rest is left to the next run.
pub const UPLOAD_PROBES: usize = 4;
/// Items of the backlog that are held in memory at once.
pub const BACKLOG_ITEMS_MAX: usize = 2_000;

// --- Settings -----------------------------------------------------------------------------------
pub const SETTINGS_BYTES_MAX: u64 = 256 * 1024;
/// A credential file; a session token has up to 2 KB.
pub const SECRET_BYTES_MAX: u64 = 64 * 1024;
/// `/etc/passwd` and `/etc/group` of a machine with many people.
pub const ACCOUNTS_BYTES_MAX: u64 = 4 * 1024 * 1024;
/// On the way to one file; the kernel's own limit.
pub const SYMBOLIC_LINKS_MAX: usize = 40;
pub const THREADS_MAX: u32 = 64;
pub const LOOKBACK_DAYS_MAX: u32 = 60;
/// With a shorter look-back, what a provider adds or changes later is not seen.
pub const LOOKBACK_DAYS_USUAL: u32 = 3;

// --- Sign-in pages ------------------------------------------------------------------------------
/// Connections whose request is being read, made or answered.
pub const PORTAL_CONNECTIONS_MAX: usize = 64;
/// One over TLS needs about 60 KiB of memory.
pub const PORTAL_TLS_CONNECTIONS_MAX: usize = 80;
/// Connections that have not said anything whole yet. Each is a socket and nothing else, so that a
/// flood of them takes long to push out one that is about to speak.
pub const PORTAL_LOBBY_MAX: usize = 800;
/// In each of the two. A peer is one address, or one IPv6 /64 further away.
pub const PORTAL_CONNECTIONS_PER_PEER_MAX: usize = 4;
pub const PORTAL_CONNECTIONS_PER_PROXY_MAX: usize = 16;
/// A place that was given is kept so long whatever happens: for the rest of a TLS handshake and a
/// request, and for an answer.
pub const PORTAL_READING_GRACE_MS: u64 = 300;
pub const PORTAL_WRITING_GRACE_MS: u64 = 2_000;
/// A whole request waits so long for a place.
pub const PORTAL_READY_MS: u64 = 30_000;
/// What a connection without a place has sent is looked at again after this long.
pub const PORTAL_LISTEN_AGAIN_MS: u64 = 20;
/// The same while whole requests wait for a place.
pub const PORTAL_PROMOTE_MS: u64 = 5;
pub const PORTAL_ACCEPTS_AT_ONCE: usize = 64;
/// The addresses of this machine are read again after this long.
pub const OWN_NETWORKS_S: u64 = 60;
/// Threads of connections that were just closed end a little later than their place is given away.
pub const PORTAL_THREADS_MAX: usize = 112;
/// Requests that are with the server behind the guard at once: it takes a thread for each.
pub const PORTAL_RELAYS_MAX: usize = 20;
pub const PORTAL_THREAD_STACK_BYTES: usize = 256 * 1024;
/// What one connection may need: its socket, and three ends of the socket to the server behind.
pub const PORTAL_FILES_PER_CONNECTION: usize = 4;
/// Open files that are left to the rest of the program.
pub const PORTAL_FILES_SPARE: usize = 40;
/// Connections that the kernel keeps until they are accepted; a burst of attackers fits.
pub const PORTAL_BACKLOG: i32 = 1024;
/// Sockets that one listen address may stand for (`localhost` is two).
pub const PORTAL_SOCKETS_MAX: usize = 4;
pub const PORTAL_HEAD_BYTES_MAX: usize = 8 * 1024;
pub const PORTAL_HEADERS_MAX: usize = 64;
pub const PORTAL_BODY_BYTES_MAX: usize = 16 * 1024;
pub const PORTAL_ANSWER_BYTES_MAX: u64 = 1024 * 1024;
/// Answers up to this are taken in before they are sent: a slow client then occupies nobody else.
pub const PORTAL_ANSWER_BUFFER_BYTES: usize = 32 * 1024;
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
/// Pause of an accept loop that cannot go on (no file, no thread).
pub const PORTAL_PAUSE_MS: u64 = 20;
/// The loop that accepts looks up this often where nothing happens.
pub const PORTAL_IDLE_MS: u64 = 500;
/// The typed code and the link of `login` live so long.
pub const PORTAL_CODE_S: u64 = 10 * 60;
/// Somebody's wrong guesses (of a code, of the password) from this one on cost a wait, which
/// doubles with each up to this many seconds.
pub const GUESSES_FREE: u32 = 5;
pub const GUESS_WAIT_S_MAX: u64 = 60;
/// Guesses and other faults are remembered so long after the last, and of so many.
pub const TALLY_REMEMBERED_S: u64 = 10 * 60;
pub const TALLY_ROWS_MAX: usize = 2048;
/// What a wrong code costs who shares an address with others, and how many answers are held back.
pub const CODE_HELD_MS: u64 = 1_000;
pub const CODES_HELD_MAX: usize = 4;
/// What strangers can cause again and again is logged this often.
pub const PORTAL_TELL_EVERY_S: u64 = 60;
/// A link that the operator hands out lives so long, or until a token was stored.
pub const PORTAL_LINK_S: u64 = 24 * 3600;
/// After the token was stored the page still shows the device for so long.
pub const PORTAL_REVIEW_S: u64 = 10 * 60;
/// Callbacks of sign-ins that nobody here began are told in the log this often at most.
pub const PORTAL_STRANGER_EVERY_S: u64 = 60;
/// `login` ends when its last page was not looked at within this time; a waiting page looks again
/// every five seconds.
pub const PORTAL_LOOK_MS: u64 = 6_000;
/// What an ended link says is kept for so long: that it has ended, or was used.
pub const PORTAL_EPITAPH_S: u64 = 24 * 3600;
/// Open and ended links together; the oldest goes.
pub const PORTAL_SIGN_INS_MAX: usize = 1000;
/// Participants on one page of the operator's list; a page must stay below the largest answer.
pub const OPERATOR_ROWS: usize = 50;
/// Days of coverage in the operator's list, and on a participant's page.
pub const OPERATOR_LIST_DAYS: u32 = 14;
pub const OPERATOR_CALENDAR_DAYS: u32 = 90;
/// What was read from the files is shown again for so long; a sign-in a moment ago must be seen.
pub const OPERATOR_FRESH_S: u64 = 2;
/// Pages of the operator that wait to be made.
pub const OPERATOR_QUEUE_MAX: usize = 4;
/// Codes that are exchanged at once.
pub const EXCHANGES_MAX: usize = 4;
pub const SERVE_POLL_MS: u64 = 100;
/// PBKDF2-HMAC-SHA256 (OWASP's number of 2023): about a second on a Raspberry Pi 3.
pub const PASSWORD_ITERATIONS: u32 = 600_000;
/// A file that asks for more was not written by this program.
pub const PASSWORD_ITERATIONS_MAX: u32 = 10_000_000;
pub const PASSWORD_CHARS_MIN: usize = 12;
pub const PASSWORD_BYTES_MAX: usize = 256;
pub const PASSWORD_FILE_BYTES_MAX: u64 = 4 * 1024;
/// Passwords that wait to be checked; more are asked to come again. Browsers that were signed in
/// before have a lane of their own; those behind one proxy together get so many places.
pub const PASSWORD_QUEUE_MAX: usize = 6;
pub const PASSWORD_QUEUE_KNOWN_MAX: usize = 2;
pub const PASSWORD_QUEUE_OF_SHARED_MAX: usize = 3;
/// A session of the operator, and how long it may be left alone.
pub const SESSION_S: u64 = 12 * 3600;
pub const SESSION_IDLE_S: u64 = 30 * 60;
/// A browser in which the operator signed in is known again for so long.
pub const DEVICE_S: u64 = 90 * 86_400;
/// A link by which the operator signs in once lives so long; so many at a time.
pub const OPERATOR_LINK_S: i64 = 10 * 60;
pub const OPERATOR_LINKS_MAX: usize = 16;
pub const OPERATOR_LINKS_BYTES_MAX: u64 = 16 * 1024;
pub const OPERATOR_LOCK_WAIT_S: u64 = 2;
/// Apple takes no certificate of more than 825 days.
pub const CERTIFICATE_DAYS: i64 = 800;
pub const CERTIFICATE_RENEW_DAYS: i64 = 60;
pub const CERTIFICATE_BYTES_MAX: u64 = 64 * 1024;
/// Whether it has to be renewed, and whether a password was set, is looked at this often.
pub const OPERATOR_LOOK_S: u64 = 5;
/// Operators signed in at once; the oldest goes.
pub const SESSIONS_MAX: usize = 16;

// --- Reports ------------------------------------------------------------------------------------
/// Participants that one line names.
pub const NAMES_SHOWN_MAX: usize = 10;

// --- Withdrawal ---------------------------------------------------------------------------------
/// Folders in each other that a removal goes down into; we make two.
pub const REMOVE_DEPTH_MAX: usize = 16;
/// Objects that could not be deleted and are listed in the receipt; all are counted.
pub const WITHDRAWAL_LEFT_MAX: usize = 100;
/// A marker with so many objects, each with the store's own sentence on why it stays.
pub const WITHDRAWAL_BYTES_MAX: u64 = 1024 * 1024;
/// A page lists a thousand objects.
pub const LIST_PAGES_MAX: usize = 10_000;
/// Deletions that a store refuses, with none that it does, before the rest is not tried: a page.
pub const ERASE_REFUSALS_MAX: usize = 1_000;
pub const LIST_REPLY_BYTES_MAX: u64 = 4 * 1024 * 1024;

// --- What others say ----------------------------------------------------------------------------
/// Letters and digits in one run that look like a key: an AWS key id has 20.
pub const KEY_CHARS_MIN: usize = 20;
/// The same in base64, whose signs also stand in paths: an AWS secret key has 40.
pub const LONG_KEY_CHARS_MIN: usize = 30;
/// The name of an error.
pub const ERROR_NAME_CHARS_MAX: usize = 80;

// --- S3 and credentials -------------------------------------------------------------------------
/// S3's own limit.
pub const S3_KEY_BYTES_MAX: usize = 1024;
/// A presigned request is sent at once; this is room for a slow clock and a slow upload.
pub const S3_URL_LIFE_S: u64 = 15 * 60;
/// Temporary credentials with less left than this (a URL's life; the SDKs take ten minutes) are
/// renewed before use.
pub const CREDENTIALS_RENEW_BEFORE_S: i64 = 15 * 60;
/// AWS's sentence on a denial, as far as it is shown.
pub const AWS_DENIAL_CHARS_MAX: usize = 400;
pub const S3_REGION_BYTES_MAX: usize = 32;
/// A request that has not succeeded for so long is not tried again in this run: the queue keeps it.
/// Less than one wait for a reply, so that a store that never answers is noticed soon.
pub const S3_TRIES_S_MAX: u64 = 25;
/// Profiles that are walked through from the selected one to the one with keys.
pub const ROLE_CHAIN_MAX: usize = 16;
/// A role of IAM has a name of at most 64 characters.
pub const EC2_ROLE_CHARS_MAX: usize = 64;
/// One of the two profile files.
pub const AWS_FILE_BYTES_MAX: u64 = 1024 * 1024;
/// What a credential_process may take, and print.
pub const CREDENTIAL_PROCESS_S_MAX: u64 = 60;
pub const CREDENTIAL_PROCESS_BYTES_MAX: u64 = 64 * 1024;
/// The end of what it says on stderr, as far as it is shown.
pub const CREDENTIAL_STDERR_CHARS_MAX: usize = 300;
/// What was said may be held open by something it started: how long to wait for the rest.
pub const CREDENTIAL_OUTPUT_WAIT_S: u64 = 2;
/// A failure to get credentials is not asked for again within this time.
pub const CREDENTIALS_FAILED_FOR_S: u64 = 60;
/// Credentials that could not be renewed are used until so little is left.
pub const CREDENTIALS_LEFT_S_MIN: i64 = 60;
/// Keys that `verify --json` names of each kind; all are counted, and all are printed without it.
pub const VERIFY_LISTED_MAX: usize = 10_000;
