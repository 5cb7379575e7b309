//! The columns of what is read by `samples.rs`, as the data dictionary tells them.

use crate::provider::metric::Column;
use crate::provider::metric::ColumnType::{Boolean, Integer, Number, Text, TimeUtc};
use crate::provider::metric::columns::{KCAL, NO_LESS_THAN_NONE, PERCENT, RMSSD, only_google};

pub const HRV_SAMPLES: &[Column] = &[
    only_google(
        "rmssd_ms",
        Number,
        "ms",
        "RMSSD of the heart beat intervals",
        "rootMeanSquareOfSuccessiveDifferencesMilliseconds",
    )
    .within(RMSSD),
    only_google(
        "standard_deviation_ms",
        Number,
        "ms",
        "Standard deviation of the heart beat intervals",
        "standardDeviationMilliseconds",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "low_frequency_power",
        Number,
        "",
        "Power of the fluctuations from 0.04 to 0.15 Hz",
        "metadata.lowFrequencyPower",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "high_frequency_power",
        Number,
        "",
        "Power of the fluctuations from 0.15 to 0.4 Hz",
        "metadata.highFrequencyPower",
    )
    .within(NO_LESS_THAN_NONE),
];

pub const SLEEP_QUALITY: &[Column] = &[
    only_google(
        "start_utc",
        TimeUtc,
        "",
        "Start of the sleep, as in sleep_summary",
        "sleep.interval.startTime",
    ),
    only_google(
        "end_utc",
        TimeUtc,
        "",
        "End of the sleep, as in sleep_summary",
        "sleep.interval.endTime",
    ),
    only_google(
        "processed",
        Boolean,
        "",
        "`true` once the provider has worked out the stages; empty where it was not told",
        "sleep.metadata.processed",
    ),
    only_google(
        "stages_status",
        Text,
        "",
        "`succeeded`, or why there are no stages, such as `rejected_nap`, `rejected_coverage`",
        "sleep.metadata.stagesStatus",
    ),
    only_google(
        "manually_edited",
        Boolean,
        "",
        "`true` where the participant changed the times; empty where it was not told",
        "sleep.metadata.manuallyEdited",
    ),
    only_google(
        "short_awakenings",
        Integer,
        "count",
        "Awakenings too short to be stages",
        "sleep.shortAwakenings[]",
    ),
    only_google(
        "short_awakenings_minutes",
        Number,
        "min",
        "In short awakenings; sleep_summary counts them as light sleep",
        "sleep.shortAwakenings[]",
    ),
    only_google(
        "out_of_bed_minutes",
        Number,
        "min",
        "Out of bed during the sleep, whatever the stage",
        "sleep.outOfBedSegments[]",
    ),
];

pub const ACTIVE_ENERGY: &[Column] = &[only_google(
    "active_energy_kcal",
    Number,
    "kcal",
    "Energy of activity in this minute, without basal",
    "activeEnergyBurned.kcalSum",
)
.within(KCAL)];

pub const SPO2_SAMPLES: &[Column] = &[only_google(
    "oxygen_saturation_percent",
    Number,
    "%",
    "Oxygen saturation",
    "oxygenSaturation.percentage",
)
.within(PERCENT)];

pub const HEART_RATE_ZONES: &[Column] = &[
    only_google(
        "light_zone_s",
        Number,
        "s",
        "In the light heart rate zone",
        "timeInHeartRateZones[] LIGHT",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "moderate_zone_s",
        Number,
        "s",
        "In the moderate heart rate zone",
        "timeInHeartRateZones[] MODERATE",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "vigorous_zone_s",
        Number,
        "s",
        "In the vigorous heart rate zone",
        "timeInHeartRateZones[] VIGOROUS",
    )
    .within(NO_LESS_THAN_NONE),
    only_google(
        "peak_zone_s",
        Number,
        "s",
        "In the peak heart rate zone",
        "timeInHeartRateZones[] PEAK",
    )
    .within(NO_LESS_THAN_NONE),
];
