//! Completeness files, and everything that waits.

use fitsync::core::backoff::queue_wait_s;
use fitsync::core::day::next_try;
use fitsync::core::error::{ErrorClass, Failure};
use fitsync::ledger::completeness;
use fitsync::ledger::entry::State;

use crate::chance::Chance;
use crate::disk::Steps;
use crate::gateway::{Gateway, Step, file_name, hash};
use crate::world::World;

impl Gateway {
    /// Completeness files, and everything that waits, oldest first; the ledger after a batch.
    pub fn upload(
        &mut self,
        world: &mut World,
        chance: &mut Chance,
        steps: &mut Steps,
    ) -> Step<()> {
        let now = world.machine();
        let (mut run, _) = self.open(now);
        let named = run.head.open_months.iter().chain(&run.head.waiting_months);
        let named = named.map(|key| key.0).collect();
        self.open_months(&mut run, named);
        let disk = &mut self.disk;
        for (key, month) in &mut run.months {
            for (&date, day) in &mut month.days {
                for (metric, entry) in &mut day.metrics {
                    let name = file_name(metric, date);
                    if !entry.file.waits() || !entry.file.due(now) {
                        continue;
                    }
                    let text = disk
                        .get(&format!("csv/{name}"))
                        .filter(|text| Some(hash(text)) == entry.file.sha256);
                    let Some(text) = text.cloned() else {
                        entry.file.missing = true;
                        entry.state = State::Wanted;
                        continue;
                    };
                    if world.bucket_down || chance.happens(20) {
                        let failure = Failure::new(ErrorClass::Server, "HTTP 503");
                        let wait_s = queue_wait_s(entry.file.attempts, chance.next());
                        entry.file.refused(&failure, next_try(now, wait_s));
                        continue;
                    }
                    steps.next()?;
                    world.bucket.insert(name, text.clone());
                    entry.file.uploaded(&hash(&text), "md5", text.len() as u64);
                }
            }
            let user = "u".parse().expect("an id");
            let bytes = completeness::csv(&user, month, &run.head).expect("a completeness file");
            let text = String::from_utf8(bytes).expect("text");
            disk.insert(format!("csv/completeness/{key}"), text.clone());
            if !month.entries().any(|(_, _, entry)| entry.file.waits()) && !world.bucket_down {
                disk.insert(format!("bucket/completeness/{key}"), text);
            }
        }
        self.save(&mut run, steps, true)
    }
}
