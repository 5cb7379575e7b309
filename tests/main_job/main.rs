//! Black-box tests of the main job: the real binary (or, where months pass, the same commands with
//! a simulated clock) against the simulated services. Each test has a world of its own.

mod world;

mod account;
mod callback;
mod days;
mod doctor;
mod errors;
mod fitbit;
mod interrupted;
mod ledger;
mod login;
mod migrate;
mod more_metrics;
mod nonsense;
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
mod travel;
mod trust;
mod upload;
mod withdraw;
