//! Whether a token covers a metric, whoever the provider is.

use crate::consent::token::Token;
use crate::provider::metric::Metric;
use crate::provider::{fitbit, google};

/// Whether a participant granted a metric: the token tells, whatever the settings say by now.
pub fn granted(token: &Token, metric: &Metric) -> bool {
    let scope = match token.provider.as_str() {
        google::NAME => Some(google::scope_of(metric)),
        fitbit::NAME => fitbit::scope_of(metric),
        _ => None,
    };
    scope.is_some_and(|scope| token.granted(&scope))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::provider::Provider;
    use crate::provider::conformance_tests::{fitbit, google};
    use crate::provider::metric::table::{DEFAULT, find};

    #[test]
    fn the_scopes_asked_follow_the_metrics() {
        let names = |provider: &dyn Provider, metrics: &[&str]| -> Vec<String> {
            let metrics: Vec<&Metric> = metrics.iter().map(|name| find(name).unwrap()).collect();
            provider.scopes(&metrics)
        };
        let google = google();
        let prefix = "https://www.googleapis.com/auth/googlehealth.";
        let full = |names: &[&str]| -> Vec<String> {
            names.iter().map(|name| format!("{prefix}{name}.readonly")).collect()
        };
        assert_eq!(
            names(&google, &DEFAULT),
            full(&["activity_and_fitness", "health_metrics_and_measurements", "settings"])
        );
        assert_eq!(names(&google, &["sleep"]), full(&["settings", "sleep"]));
        assert_eq!(
            names(&fitbit(), &DEFAULT),
            ["activity", "heartrate", "profile", "settings", "temperature"]
        );
        assert_eq!(names(&fitbit(), &["sleep"]), ["profile", "settings"]);
    }
}
