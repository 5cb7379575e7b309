//! Black-box tests of the main job: the real binary (or, where months pass, the same commands with
//! a simulated clock) against the simulated services. Each test has a world of its own.

mod world;

mod account;
mod callback;
#[path = "../histories/chance.rs"]
#[expect(dead_code, reason = "histories need more of it")]
mod chance;
mod cloud;
mod days;
mod devices;
mod doctor;
mod errors;
mod fitbit;
mod interrupted;
mod ledger;
mod login;
mod migrate;
mod more_metrics;
mod nonsense;
mod odd_days;
mod pages;
mod paste;
mod quiet;
mod reports;
mod review;
mod root;
mod secrets;
mod serve;
mod shapes;
mod shrink;
mod sixty_days;
mod told;
mod travel;
mod upload;
mod withdraw;
