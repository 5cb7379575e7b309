//! The data types of the health API: what kind each is and what can be done with it.

/// What a point of a type is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    Interval,
    Sample,
    Daily,
    Session,
    Sleep,
    Ecg,
}

/// What can be asked of a type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    List,
    Reconcile,
    RollUp,
    DailyRollUp,
}

impl Action {
    /// As Google's messages name it at the start of a sentence.
    pub fn title(self) -> &'static str {
        match self {
            Action::List => "List",
            Action::Reconcile => "Reconcile",
            Action::RollUp => "Rollup",
            Action::DailyRollUp => "DailyRollup",
        }
    }

    fn word(self) -> &'static str {
        match self {
            Action::List => "list",
            Action::Reconcile => "reconcile",
            Action::RollUp => "rollup",
            Action::DailyRollUp => "dailyRollup",
        }
    }
}

/// One data type.
#[derive(Clone, Copy, Debug)]
pub struct DataType {
    /// The name in paths, with hyphens.
    pub id: &'static str,
    pub kind: Kind,
    /// Of `LRUD`: list, reconcile, rollUp, dailyRollUp.
    actions: &'static str,
    /// The scope's name between the prefix and `.readonly`.
    pub scope: &'static str,
}

const ACTIVITY: &str = "activity_and_fitness";
const HEALTH: &str = "health_metrics_and_measurements";

const fn data_type(
    id: &'static str,
    kind: Kind,
    actions: &'static str,
    scope: &'static str,
) -> DataType {
    DataType { id, kind, actions, scope }
}

/// Every type that the documentation lists for reading.
pub const ALL: [DataType; 34] = [
    data_type("steps", Kind::Interval, "LRUD", ACTIVITY),
    data_type("total-calories", Kind::Interval, "UD", ACTIVITY),
    data_type("active-energy-burned", Kind::Interval, "LRUD", ACTIVITY),
    data_type("basal-energy-burned", Kind::Interval, "LR", ACTIVITY),
    data_type("calories-in-heart-rate-zone", Kind::Interval, "UD", ACTIVITY),
    data_type("active-zone-minutes", Kind::Interval, "LRUD", ACTIVITY),
    data_type("active-minutes", Kind::Interval, "LRUD", ACTIVITY),
    data_type("activity-level", Kind::Interval, "LR", ACTIVITY),
    data_type("sedentary-period", Kind::Interval, "LRUD", ACTIVITY),
    data_type("time-in-heart-rate-zone", Kind::Interval, "RUD", ACTIVITY),
    data_type("distance", Kind::Interval, "LRUD", ACTIVITY),
    data_type("floors", Kind::Interval, "LRUD", ACTIVITY),
    data_type("altitude", Kind::Interval, "LRUD", ACTIVITY),
    data_type("heart-rate", Kind::Sample, "LRUD", HEALTH),
    data_type("daily-heart-rate-variability", Kind::Daily, "LR", HEALTH),
    data_type("heart-rate-variability", Kind::Sample, "LR", HEALTH),
    data_type("daily-sleep-temperature-derivations", Kind::Daily, "LR", HEALTH),
    data_type("daily-resting-heart-rate", Kind::Daily, "LR", HEALTH),
    data_type("daily-heart-rate-zones", Kind::Daily, "LR", HEALTH),
    data_type("oxygen-saturation", Kind::Sample, "LR", HEALTH),
    data_type("daily-oxygen-saturation", Kind::Daily, "LR", HEALTH),
    data_type("daily-respiratory-rate", Kind::Daily, "LR", HEALTH),
    data_type("respiratory-rate-sleep-summary", Kind::Sample, "LR", HEALTH),
    data_type("weight", Kind::Sample, "LRUD", HEALTH),
    data_type("body-fat", Kind::Sample, "LRUD", HEALTH),
    data_type("height", Kind::Sample, "LR", HEALTH),
    data_type("core-body-temperature", Kind::Sample, "LRUD", HEALTH),
    data_type("blood-glucose", Kind::Sample, "LRUD", HEALTH),
    data_type("sleep", Kind::Sleep, "LR", "sleep"),
    data_type("exercise", Kind::Session, "LR", ACTIVITY),
    data_type("daily-vo2-max", Kind::Daily, "LR", ACTIVITY),
    data_type("vo2-max", Kind::Sample, "LR", ACTIVITY),
    data_type("run-vo2-max", Kind::Sample, "LRUD", ACTIVITY),
    data_type("electrocardiogram", Kind::Ecg, "L", "ecg"),
];

impl DataType {
    /// The type of a path's name; only the form with hyphens is one.
    pub fn named(id: &str) -> Option<&'static DataType> {
        ALL.iter().find(|one| one.id == id)
    }

    pub fn can(&self, action: Action) -> bool {
        let letter = match action {
            Action::List => 'L',
            Action::Reconcile => 'R',
            Action::RollUp => 'U',
            Action::DailyRollUp => 'D',
        };
        self.actions.contains(letter)
    }

    /// The actions as an error message lists them.
    pub fn supported(&self) -> String {
        let all = [Action::List, Action::Reconcile, Action::RollUp, Action::DailyRollUp];
        let can = all.into_iter().filter(|action| self.can(*action));
        can.map(Action::word).collect::<Vec<_>>().join(", ")
    }

    /// The longest range of a rollup.
    pub fn days_max(&self) -> i64 {
        match self.id {
            "calories-in-heart-rate-zone" | "heart-rate" | "active-minutes" | "total-calories" => {
                14
            }
            _ => 90,
        }
    }

    /// Rows of a page: the default and the most.
    pub fn page_sizes(&self, action: Action) -> (usize, usize) {
        match (action, self.kind) {
            (Action::DailyRollUp, _) => {
                let days = usize::try_from(self.days_max()).unwrap_or(0);
                (days, days)
            }
            (_, Kind::Sleep | Kind::Session) => (25, 25),
            _ => (1440, 10_000),
        }
    }

    /// The name in JSON.
    pub fn camel(&self) -> String {
        let mut words = self.id.split('-');
        let first = words.next().unwrap_or("").to_owned();
        words.fold(first, |mut name, word| {
            let (head, tail) = word.split_at(1);
            name.push_str(&head.to_uppercase());
            name.push_str(tail);
            name
        })
    }

    /// The name in filters.
    pub fn snake(&self) -> String {
        self.id.replace('-', "_")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_have_three_forms() {
        let vo2 = DataType::named("daily-vo2-max").expect("known");
        assert_eq!(vo2.camel(), "dailyVo2Max");
        assert_eq!(vo2.snake(), "daily_vo2_max");
        assert!(DataType::named("dailyVo2Max").is_none());
        let calories = DataType::named("total-calories").expect("known");
        assert_eq!(calories.supported(), "rollup, dailyRollup");
    }
}
