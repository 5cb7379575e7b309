//! What must hold after an accident and the undisturbed run that follows it. Nobody signs in again
//! before the verdict.

use std::collections::BTreeMap;
use std::path::Path;

use fitsync::ledger::entry::Entry;
use fitsync_sim::Host;
use fitsync_sim::jiff::civil::Date;
use serde_json::Value;

use crate::check::{self, Objects, Wrong, days_ago, entries, objects, token};
use crate::disk::Disk;
use crate::gateway::{Gateway, Tree, USER, WHO};
use crate::scenario::{Promise, Rotates, Scenario, backfill, sent};
use crate::stage::Accident;

/// A gateway after an accident.
pub struct After<'a> {
    pub gateway: &'a Gateway,
    pub scenario: &'a Scenario,
    pub accident: Accident,
    /// The bucket before the run.
    pub before: &'a Objects,
    pub disk: &'a Disk,
    /// The run said that all was done.
    pub ended_well: bool,
    /// The bucket's files after the run.
    pub bucket: &'a Tree,
}

#[derive(Debug, Default)]
pub struct Judge {
    pub wrong: Wrong,
    /// It met one of the two instants in which a consent may be lost.
    pub excepted: bool,
}

impl Judge {
    fn say(&mut self, what: impl Into<String>) {
        self.wrong.push(what.into());
    }

    /// Runs a command that must end so.
    fn runs(&mut self, gateway: &Gateway, command: &[&str], codes: &[i32]) {
        let ran = gateway.run(command, None);
        let well = ran.code.is_some_and(|code| codes.contains(&code));
        if !well || ran.said.contains("panicked") {
            self.say(format!("then {command:?} ended with {:?}: {}", ran.code, ran.complaints()));
        }
    }
}

impl After<'_> {
    pub fn judge(&self) -> Judge {
        let mut judge = Judge::default();
        self.former_is_held(&mut judge);
        match self.scenario.promise {
            Promise::Withdrawn { objects } => {
                self.withdrawn(objects, &mut judge);
                return judge;
            }
            Promise::Connected if token(self.gateway).is_none() => self.not_connected(&mut judge),
            _ if self.is_lost(&mut judge) => return judge,
            _ => {}
        }
        self.whole(&mut judge);
        judge
    }

    /// A sign-in whose token was not durable: nobody is known, and the next one finds no obstacle.
    fn not_connected(&self, judge: &mut Judge) {
        judge.excepted = true;
        if self.ended_well {
            judge.say("the sign-in had ended well and its token is gone");
        }
        judge.runs(self.gateway, &["sync"], &[0]);
        judge.runs(self.gateway, &["login", USER], &[0]);
    }

    /// The provider has answered with a new refresh token, the one before is dead, and nothing was
    /// durable yet.
    fn is_lost(&self, judge: &mut Judge) -> bool {
        let gateway = self.gateway;
        if self.scenario.rotates != Rotates::AtOnce {
            return false;
        }
        let living = gateway.sim.living_tokens(WHO);
        let tokens = gateway.tokens();
        let files = crate::gateway::tree(&tokens).into_values().flatten();
        let texts: Vec<String> =
            files.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).collect();
        if living.iter().any(|living| texts.iter().any(|text| is_whole(text, living))) {
            return false;
        }
        let may_be = matches!(
            self.accident,
            Accident::Kill | Accident::Torn | Accident::Cut | Accident::Fail
        );
        judge.excepted = true;
        if !may_be {
            judge.say("the new refresh token is on no file");
        }
        if living.iter().any(|living| self.disk.synced(living)) {
            judge.say("the new refresh token was synced, and is lost");
        }
        let known = entries(gateway);
        judge.runs(gateway, &["sync"], &[3]);
        let now = entries(gateway);
        if known.keys().any(|day| !now.contains_key(day)) {
            judge.say("days were forgotten");
        }
        true
    }

    /// After a move the grant of before is on a file until it is revoked.
    fn former_is_held(&self, judge: &mut Judge) {
        if self.scenario.command.first() != Some(&"migrate") {
            return;
        }
        let files: Vec<Vec<u8>> =
            crate::gateway::tree(&self.gateway.tokens()).into_values().flatten().collect();
        let is_former = |token: &String| !token.starts_with("1//");
        for former in self.gateway.sim.living_tokens(WHO).into_iter().filter(is_former) {
            if !files.iter().any(|bytes| String::from_utf8_lossy(bytes).contains(&former)) {
                judge.say("the former grant lives and is on no file");
            }
        }
    }

    /// The participant goes on.
    fn whole(&self, judge: &mut Judge) {
        let gateway = self.gateway;
        let known = entries(gateway);
        if self.scenario.promise == Promise::Repaired {
            judge.runs(gateway, &["verify", "--repair"], &[0, 1]);
        }
        gateway.sim.clear_requests();
        judge.runs(gateway, &["sync"], &[0]);
        let sent = sent(gateway);
        if self.scenario.promise == Promise::Repaired {
            judge.runs(gateway, &["verify"], &[0]);
        } else {
            judge.wrong.extend(self.sent_again(&known, &sent));
        }
        self.check(judge);
        gateway.sim.clear_requests();
        judge.runs(gateway, &["sync"], &[0]);
        let asked = gateway.sim.requests();
        let asked = asked.iter().filter(|seen| seen.host != Host::S3).count();
        let sent = crate::scenario::sent(gateway).len();
        if asked != 1 || sent != 0 {
            judge.say(format!("the idle run asked {asked} times and sent {sent} files"));
        }
        if self.scenario.rotates != Rotates::Not {
            gateway.sim.expire_access_tokens();
            judge.runs(gateway, &["sync"], &[0]);
        }
    }

    fn check(&self, judge: &mut Judge) {
        let (gateway, wrong) = (self.gateway, &mut judge.wrong);
        let objects = objects(gateway);
        let unreadable = self.accident == Accident::Read || self.scenario.damaged;
        check::check_names(&gateway.tree(), unreadable, wrong);
        check::check_token(gateway, &[WHO, "p2"], wrong);
        check::check_ledger(gateway, &objects, wrong);
        if self.scenario.promise != Promise::Moved {
            check::check_objects_of(gateway, (WHO, USER), &objects, &self.days(), wrong);
            return;
        }
        // The running day may be another account's, or another provider's.
        let (_, today) = days_ago(gateway, 1, 0);
        let running = today.strftime("_%Y%m%d.csv").to_string();
        let is_day = |key: &str| check::is_data(key) && !key.ends_with(&running);
        let refreshed = self.scenario.rotates != Rotates::Not;
        for (key, bytes) in self.before.iter().filter(|(key, _)| is_day(key)) {
            if objects.get(key).is_none_or(|now| now != bytes && !refreshed) {
                wrong.push(format!("{key} is not what it was"));
            }
        }
    }

    fn days(&self) -> Vec<(Date, Date)> {
        let mut days = vec![days_ago(self.gateway, 1, 0)];
        // A kill before the first write of the plan forgets the backfill: it was never accepted.
        let (from, to) = backfill(self.gateway);
        let owed = entries(self.gateway).keys().any(|(date, _)| *date == from);
        if owed {
            days.push((from, to));
        }
        days
    }

    /// Files that the ledger knew to be in the bucket, and that were sent all the same.
    fn sent_again(&self, known: &BTreeMap<(Date, String), Entry>, sent: &[String]) -> Wrong {
        let user = USER.parse().expect("an id");
        let mut wrong = Wrong::new();
        let now = self.gateway.bucket();
        for ((date, metric), entry) in known {
            let key = fitsync::core::user::file_path(&user, metric, *date);
            let uploaded =
                entry.file.sha256.is_some() && entry.file.sha256 == entry.file.uploaded_sha256;
            let path = Path::new(self.gateway.sim.bucket()).join(&key);
            let same = self.bucket.get(&path).is_some_and(|was| now.get(&path) == Some(was));
            if uploaded && same && sent.iter().any(|path| path.ends_with(&key)) {
                wrong.push(format!("{key} was sent again"));
            }
        }
        wrong
    }

    /// What the marker says is so; what it does not say yet, the next run does.
    fn withdrawn(&self, with_objects: bool, judge: &mut Judge) {
        let gateway = self.gateway;
        let marker = marker(gateway);
        if let Some(marker) = &marker {
            self.is_true(marker, judge);
        }
        if self.ended_well {
            match &marker {
                None => judge.say("it ended well and there is no marker"),
                Some(_) => self.nothing_left(with_objects, judge),
            }
        }
        if marker.is_some() {
            judge.runs(gateway, &["sync"], &[0]);
            self.nothing_left(with_objects, judge);
        } else {
            // Nobody was told that it had begun.
            self.whole(judge);
        }
        let command: Vec<&str> = if with_objects {
            vec!["withdraw", USER, "--yes", "--delete-objects"]
        } else {
            vec!["withdraw", USER, "--yes"]
        };
        judge.runs(gateway, &command, &[0]);
        self.nothing_left(with_objects, judge);
        check::check_names(&gateway.tree(), false, &mut judge.wrong);
    }

    fn is_true(&self, marker: &Value, judge: &mut Judge) {
        let says = |name: &str| !marker[name].is_null();
        if says("local_removed_at") {
            for name in left(&self.gateway.tree()) {
                judge.say(format!("the marker says that local files are gone, there is {name}"));
            }
        }
        if says("objects_deleted_at") && of_user(&objects(self.gateway)) > 0 {
            judge.say("the marker says that the objects are gone");
        }
        if says("revoked_at") && self.gateway.sim.is_granted(WHO) {
            judge.say("the marker says that the consent was revoked");
        }
    }

    fn nothing_left(&self, with_objects: bool, judge: &mut Judge) {
        let gateway = self.gateway;
        for name in left(&gateway.tree()) {
            judge.say(format!("there is still {name}"));
        }
        let (before, now) = (of_user(self.before), of_user(&objects(gateway)));
        if with_objects && now > 0 {
            judge.say(format!("{now} objects are still in the bucket"));
        }
        if !with_objects && now != before {
            judge.say(format!("of {before} objects {now} are left"));
        }
        if gateway.sim.is_granted(WHO) {
            judge.say("the consent was not revoked");
        }
    }
}

/// Whether a file holds all of a token.
fn is_whole(text: &str, refresh_token: &str) -> bool {
    let read: Value = serde_json::from_str(text).unwrap_or_default();
    read["refresh_token"] == refresh_token
}

pub fn marker(gateway: &Gateway) -> Option<Value> {
    let bytes = std::fs::read(gateway.tokens().join(format!("{USER}.withdrawn"))).ok()?;
    serde_json::from_slice(&bytes).ok()
}

/// What lies here of the participant, the marker and the lock aside.
pub fn left(tree: &Tree) -> Vec<String> {
    let names = tree.keys().map(|name| name.to_string_lossy().into_owned());
    let kept = [format!("tokens/{USER}.lock"), format!("tokens/{USER}.withdrawn")];
    let marker = format!("tokens/.{USER}.withdrawn.tmp");
    names.filter(|name| name.contains(USER) && !kept.contains(name) && *name != marker).collect()
}

fn of_user(objects: &Objects) -> usize {
    objects.keys().filter(|key| key.starts_with(&format!("users/{USER}/"))).count()
}
