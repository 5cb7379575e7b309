-- Views for DuckDB, one per metric, made from the table of metrics
-- (FITSYNC_WRITE_DOCS=1 cargo test --test data_dictionary).
--
-- Put your bucket (and prefix) in place of BUCKET. A view of what was never collected is an error:
-- leave it out.

CREATE OR REPLACE VIEW completeness AS SELECT * FROM read_csv(
's3://BUCKET/users/*/completeness/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'metric': 'VARCHAR',
  'date': 'DATE',
  'state': 'VARCHAR',
  'rows': 'BIGINT',
  'revisions': 'BIGINT',
  'time_zone': 'VARCHAR',
  'day_start_utc': 'TIMESTAMPTZ',
  'day_end_utc': 'TIMESTAMPTZ',
  'device_synced_utc': 'TIMESTAMPTZ',
  'provider': 'VARCHAR',
  'data_source': 'VARCHAR',
  'sha256': 'VARCHAR'
});

CREATE OR REPLACE VIEW steps AS SELECT * FROM read_csv(
's3://BUCKET/users/*/steps/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'steps': 'BIGINT'
});

CREATE OR REPLACE VIEW calories AS SELECT * FROM read_csv(
's3://BUCKET/users/*/calories/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'calories_kcal': 'DOUBLE'
});

CREATE OR REPLACE VIEW azm AS SELECT * FROM read_csv(
's3://BUCKET/users/*/azm/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'active_zone_minutes': 'BIGINT',
  'fat_burn_active_zone_minutes': 'BIGINT',
  'cardio_active_zone_minutes': 'BIGINT',
  'peak_active_zone_minutes': 'BIGINT'
});

CREATE OR REPLACE VIEW hrv AS SELECT * FROM read_csv(
's3://BUCKET/users/*/hrv/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'daily_rmssd_ms': 'DOUBLE',
  'deep_rmssd_ms': 'DOUBLE',
  'non_rem_heart_rate_bpm': 'DOUBLE',
  'entropy': 'DOUBLE'
});

CREATE OR REPLACE VIEW wrist_temp AS SELECT * FROM read_csv(
's3://BUCKET/users/*/wrist_temp/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'nightly_relative_c': 'DOUBLE',
  'nightly_c': 'DOUBLE',
  'baseline_c': 'DOUBLE',
  'relative_stddev_30d_c': 'DOUBLE'
});

CREATE OR REPLACE VIEW heart_rate AS SELECT * FROM read_csv(
's3://BUCKET/users/*/heart_rate/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'average_bpm': 'DOUBLE',
  'minimum_bpm': 'DOUBLE',
  'maximum_bpm': 'DOUBLE'
});

CREATE OR REPLACE VIEW resting_heart_rate AS SELECT * FROM read_csv(
's3://BUCKET/users/*/resting_heart_rate/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'resting_heart_rate_bpm': 'BIGINT',
  'calculation_method': 'VARCHAR'
});

CREATE OR REPLACE VIEW sleep AS SELECT * FROM read_csv(
's3://BUCKET/users/*/sleep/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'sleep_start_utc': 'TIMESTAMPTZ',
  'start_utc': 'TIMESTAMPTZ',
  'start_local': 'TIMESTAMP',
  'end_utc': 'TIMESTAMPTZ',
  'end_local': 'TIMESTAMP',
  'stage': 'VARCHAR'
});

CREATE OR REPLACE VIEW sleep_summary AS SELECT * FROM read_csv(
's3://BUCKET/users/*/sleep_summary/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'start_utc': 'TIMESTAMPTZ',
  'start_local': 'TIMESTAMP',
  'end_utc': 'TIMESTAMPTZ',
  'end_local': 'TIMESTAMP',
  'sleep_type': 'VARCHAR',
  'main_sleep': 'BOOLEAN',
  'nap': 'BOOLEAN',
  'sleep_period_minutes': 'BIGINT',
  'asleep_minutes': 'BIGINT',
  'awake_minutes': 'BIGINT',
  'to_fall_asleep_minutes': 'BIGINT',
  'after_wake_up_minutes': 'BIGINT',
  'light_minutes': 'BIGINT',
  'deep_minutes': 'BIGINT',
  'rem_minutes': 'BIGINT',
  'restless_minutes': 'BIGINT'
});

CREATE OR REPLACE VIEW spo2 AS SELECT * FROM read_csv(
's3://BUCKET/users/*/spo2/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'average_percent': 'DOUBLE',
  'lower_bound_percent': 'DOUBLE',
  'upper_bound_percent': 'DOUBLE',
  'standard_deviation_percent': 'DOUBLE'
});

CREATE OR REPLACE VIEW breathing_rate AS SELECT * FROM read_csv(
's3://BUCKET/users/*/breathing_rate/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'breaths_per_minute': 'DOUBLE'
});

CREATE OR REPLACE VIEW distance AS SELECT * FROM read_csv(
's3://BUCKET/users/*/distance/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'distance_m': 'DOUBLE'
});

CREATE OR REPLACE VIEW floors AS SELECT * FROM read_csv(
's3://BUCKET/users/*/floors/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'floors': 'BIGINT'
});

CREATE OR REPLACE VIEW weight AS SELECT * FROM read_csv(
's3://BUCKET/users/*/weight/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'weight_kg': 'DOUBLE'
});

CREATE OR REPLACE VIEW exercise AS SELECT * FROM read_csv(
's3://BUCKET/users/*/exercise/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'end_utc': 'TIMESTAMPTZ',
  'exercise_type': 'VARCHAR',
  'active_duration_s': 'DOUBLE',
  'calories_kcal': 'DOUBLE',
  'distance_m': 'DOUBLE',
  'steps': 'BIGINT',
  'average_heart_rate_bpm': 'BIGINT',
  'active_zone_minutes': 'BIGINT',
  'elevation_gain_m': 'DOUBLE',
  'light_zone_s': 'DOUBLE',
  'moderate_zone_s': 'DOUBLE',
  'vigorous_zone_s': 'DOUBLE',
  'peak_zone_s': 'DOUBLE'
});

CREATE OR REPLACE VIEW vo2_max AS SELECT * FROM read_csv(
's3://BUCKET/users/*/vo2_max/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'vo2_max_ml_kg_min': 'DOUBLE',
  'estimated': 'BOOLEAN',
  'cardio_fitness_level': 'VARCHAR'
});

CREATE OR REPLACE VIEW hrv_samples AS SELECT * FROM read_csv(
's3://BUCKET/users/*/hrv_samples/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'rmssd_ms': 'DOUBLE',
  'standard_deviation_ms': 'DOUBLE',
  'low_frequency_power': 'DOUBLE',
  'high_frequency_power': 'DOUBLE'
});

CREATE OR REPLACE VIEW sleep_quality AS SELECT * FROM read_csv(
's3://BUCKET/users/*/sleep_quality/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'date': 'DATE',
  'start_utc': 'TIMESTAMPTZ',
  'end_utc': 'TIMESTAMPTZ',
  'processed': 'BOOLEAN',
  'stages_status': 'VARCHAR',
  'manually_edited': 'BOOLEAN',
  'short_awakenings': 'BIGINT',
  'short_awakenings_minutes': 'DOUBLE',
  'out_of_bed_minutes': 'DOUBLE'
});

CREATE OR REPLACE VIEW active_energy AS SELECT * FROM read_csv(
's3://BUCKET/users/*/active_energy/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'active_energy_kcal': 'DOUBLE'
});

CREATE OR REPLACE VIEW spo2_samples AS SELECT * FROM read_csv(
's3://BUCKET/users/*/spo2_samples/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'oxygen_saturation_percent': 'DOUBLE'
});

CREATE OR REPLACE VIEW heart_rate_zones AS SELECT * FROM read_csv(
's3://BUCKET/users/*/heart_rate_zones/*.csv', auto_detect = false, header = true, columns = {
  'user_id': 'VARCHAR',
  'time_utc': 'TIMESTAMPTZ',
  'time_local': 'TIMESTAMP',
  'light_zone_s': 'DOUBLE',
  'moderate_zone_s': 'DOUBLE',
  'vigorous_zone_s': 'DOUBLE',
  'peak_zone_s': 'DOUBLE'
});

