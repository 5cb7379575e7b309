-- Tables for Athena or Glue, one per metric, made from the table of metrics
-- (FITSYNC_WRITE_DOCS=1 cargo test --test data_dictionary).
--
-- Put your bucket (and prefix) in place of BUCKET, and the study ids in place of user_001,user_002.
-- Times are texts: from_iso8601_timestamp(time_utc), and for local times
-- date_parse(time_local, '%Y-%m-%dT%H:%i:%s').

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_completeness (
  `user_id` string,
  `metric` string,
  `date` date,
  `state` string,
  `rows` bigint,
  `revisions` bigint,
  `time_zone` string,
  `day_start_utc` string,
  `day_end_utc` string,
  `device_synced_utc` string,
  `provider` string,
  `data_source` string,
  `sha256` string
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/completeness/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_steps (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `steps` bigint
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/steps/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_calories (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `calories_kcal` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/calories/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_azm (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `active_zone_minutes` bigint,
  `fat_burn_active_zone_minutes` bigint,
  `cardio_active_zone_minutes` bigint,
  `peak_active_zone_minutes` bigint
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/azm/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_hrv (
  `user_id` string,
  `date` date,
  `daily_rmssd_ms` double,
  `deep_rmssd_ms` double,
  `non_rem_heart_rate_bpm` double,
  `entropy` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/hrv/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_wrist_temp (
  `user_id` string,
  `date` date,
  `nightly_relative_c` double,
  `nightly_c` double,
  `baseline_c` double,
  `relative_stddev_30d_c` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/wrist_temp/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_heart_rate (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `average_bpm` double,
  `minimum_bpm` double,
  `maximum_bpm` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/heart_rate/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_resting_heart_rate (
  `user_id` string,
  `date` date,
  `resting_heart_rate_bpm` bigint,
  `calculation_method` string
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/resting_heart_rate/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_sleep (
  `user_id` string,
  `date` date,
  `sleep_start_utc` string,
  `start_utc` string,
  `start_local` string,
  `end_utc` string,
  `end_local` string,
  `stage` string
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/sleep/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_sleep_summary (
  `user_id` string,
  `date` date,
  `start_utc` string,
  `start_local` string,
  `end_utc` string,
  `end_local` string,
  `sleep_type` string,
  `main_sleep` boolean,
  `nap` boolean,
  `sleep_period_minutes` bigint,
  `asleep_minutes` bigint,
  `awake_minutes` bigint,
  `to_fall_asleep_minutes` bigint,
  `after_wake_up_minutes` bigint,
  `light_minutes` bigint,
  `deep_minutes` bigint,
  `rem_minutes` bigint,
  `restless_minutes` bigint
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/sleep_summary/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_spo2 (
  `user_id` string,
  `date` date,
  `average_percent` double,
  `lower_bound_percent` double,
  `upper_bound_percent` double,
  `standard_deviation_percent` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/spo2/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_breathing_rate (
  `user_id` string,
  `date` date,
  `breaths_per_minute` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/breathing_rate/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_distance (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `distance_m` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/distance/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_floors (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `floors` bigint
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/floors/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_weight (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `weight_kg` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/weight/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_exercise (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `end_utc` string,
  `exercise_type` string,
  `active_duration_s` double,
  `calories_kcal` double,
  `distance_m` double,
  `steps` bigint,
  `average_heart_rate_bpm` bigint,
  `active_zone_minutes` bigint,
  `elevation_gain_m` double,
  `light_zone_s` double,
  `moderate_zone_s` double,
  `vigorous_zone_s` double,
  `peak_zone_s` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/exercise/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_vo2_max (
  `user_id` string,
  `date` date,
  `vo2_max_ml_kg_min` double,
  `estimated` boolean,
  `cardio_fitness_level` string
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/vo2_max/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_hrv_samples (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `rmssd_ms` double,
  `standard_deviation_ms` double,
  `low_frequency_power` double,
  `high_frequency_power` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/hrv_samples/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_sleep_quality (
  `user_id` string,
  `date` date,
  `start_utc` string,
  `end_utc` string,
  `processed` boolean,
  `stages_status` string,
  `manually_edited` boolean,
  `short_awakenings` bigint,
  `short_awakenings_minutes` double,
  `out_of_bed_minutes` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/sleep_quality/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_active_energy (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `active_energy_kcal` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/active_energy/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_spo2_samples (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `oxygen_saturation_percent` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/spo2_samples/'
);

CREATE EXTERNAL TABLE IF NOT EXISTS fitsync_heart_rate_zones (
  `user_id` string,
  `time_utc` string,
  `time_local` string,
  `light_zone_s` double,
  `moderate_zone_s` double,
  `vigorous_zone_s` double,
  `peak_zone_s` double
)
PARTITIONED BY (participant string)
ROW FORMAT DELIMITED FIELDS TERMINATED BY ','
LOCATION 's3://BUCKET/users/'
TBLPROPERTIES (
  'skip.header.line.count' = '1',
  'projection.enabled' = 'true',
  'projection.participant.type' = 'enum',
  'projection.participant.values' = 'user_001,user_002',
  'storage.location.template' = 's3://BUCKET/users/${participant}/heart_rate_zones/'
);

