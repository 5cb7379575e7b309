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
