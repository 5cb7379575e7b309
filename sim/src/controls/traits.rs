//! What accounts, devices and days are like, by the control API.

use jiff::civil::Date;
use serde_json::Value;

use super::arguments::Arguments;
use super::{Controls, fault_json};
use crate::odd::{How, Odd};
use crate::options::{Processing, SettingsReply, Told};

/// Calls that change what a participant is like. `None`: no call of this name.
pub fn write(
    controls: &Controls,
    call: &str,
    who: &str,
    arguments: &Arguments,
) -> Option<Result<(), String>> {
    let result = match call {
        "told" => told(arguments).and_then(|tells| controls.set_told(who, tells)),
        "settings" => settings(arguments).and_then(|reply| controls.set_settings(who, reply)),
        "processing" => processing(arguments).and_then(|one| controls.set_processing(who, one)),
        "odd" => odd(arguments).and_then(|(date, odd)| controls.set_odd(who, date, odd)),
        "clear_odd" => controls.clear_odd(who),
        _ => return None,
    };
    Some(result)
}

fn told(arguments: &Arguments) -> Result<Told, String> {
    match arguments.text("tells")?.as_str() {
        "sync" => Ok(Told::Sync),
        "nothing" => Ok(Told::Nothing),
        _ => arguments.read("tells").map(Told::Wrong),
    }
}

fn settings(arguments: &Arguments) -> Result<SettingsReply, String> {
    match arguments.text("reply")?.as_str() {
        "whole" => Ok(SettingsReply::Whole),
        "empty" => Ok(SettingsReply::Empty),
        "without_zone" => Ok(SettingsReply::WithoutZone),
        "offset_alone" => Ok(SettingsReply::OffsetAlone),
        "null_zone" => Ok(SettingsReply::NullZone),
        "zone" => {
            let with_offset = or(arguments, "with_offset", false)?;
            Ok(SettingsReply::Zone { name: arguments.text("zone")?, with_offset })
        }
        other => Err(format!("no such reply: {other}")),
    }
}

fn or<T: std::str::FromStr>(arguments: &Arguments, name: &str, other: T) -> Result<T, String> {
    match arguments.maybe(name) {
        Some(_) => arguments.read(name),
        None => Ok(other),
    }
}

fn processing(arguments: &Arguments) -> Result<Processing, String> {
    Ok(Processing {
        minutes_s: or(arguments, "minutes_s", 0)?,
        nights_s: or(arguments, "nights_s", 0)?,
        stages_s: or(arguments, "stages_s", 0)?,
        leaves_false_out: or(arguments, "leaves_false_out", false)?,
    })
}

fn odd(arguments: &Arguments) -> Result<(Date, Odd), String> {
    let at = arguments.maybe("at").unwrap_or_default();
    let how = match arguments.text("effect")?.as_str() {
        "twice" => How::Twice(arguments.0.get("to").cloned().filter(|to| *to != Value::Null)),
        name => How::Change(fault_json::change(name, &arguments.0)?),
    };
    let odd = Odd::new(&arguments.text("type")?, &at, how);
    Ok((arguments.read("date")?, odd.every(or(arguments, "every", 1)?)))
}
