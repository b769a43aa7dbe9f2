//! Moments and spans of time as ISO 8601 writes them, to milliseconds.

/// A moment such as `2026-02-28T13:45:06.789`, in milliseconds since 1970; without a zone it is in UTC.
pub(crate) fn moment(text: &str) -> Result<i64, String> {
    read_moment(text.trim()).ok_or_else(|| {
        format!("{text:?} is no moment; expected YYYY-MM-DDThh:mm:ss.sss, with a zone or in UTC")
    })
}

fn read_moment(text: &str) -> Option<i64> {
    let (date, time) = text.split_once('T')?;
    let mut parts = date.splitn(3, '-').map(|part| digits(part, 2));
    let (year, month, day) = (parts.next()??, parts.next()??, parts.next()??);
    if !(1..=12).contains(&month) || !(1..=days_of(year, month)).contains(&day) {
        return None;
    }
    let (time, zone_minutes) = zone(time)?;
    let (seconds, ms) = match time.split_once('.') {
        Some((seconds, fraction)) => {
            let fraction = fraction.get(..3).filter(|_| fraction.len() == 3)?;
            (seconds, digits(fraction, 3)?)
        }
        None => (time, 0),
    };
    let mut parts = seconds.splitn(3, ':').map(|part| digits(part, 2));
    let (hour, minute, second) = (parts.next()??, parts.next()??, parts.next().unwrap_or(Some(0))?);
    if hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let minutes = (days(year, month, day) * 24 + hour) * 60 + minute - zone_minutes;
    Some((minutes * 60 + second) * 1000 + ms)
}

/// What is before the zone, and the zone's minutes east of Greenwich.
fn zone(time: &str) -> Option<(&str, i64)> {
    if let Some(time) = time.strip_suffix('Z') {
        return Some((time, 0));
    }
    let Some(at) = time.rfind(['+', '-']) else { return Some((time, 0)) };
    let (time, zone) = time.split_at(at);
    let sign = if zone.starts_with('-') { -1 } else { 1 };
    let numbers: String = zone[1..].chars().filter(|c| *c != ':').collect();
    let (hours, minutes) = match numbers.len() {
        2 => (digits(&numbers, 2)?, 0),
        4 => (digits(&numbers[..2], 2)?, digits(&numbers[2..], 2)?),
        _ => return None,
    };
    Some((time, sign * (hours * 60 + minutes)))
}

fn digits(text: &str, least: usize) -> Option<i64> {
    let numeric = text.len() >= least && text.bytes().all(|byte| byte.is_ascii_digit());
    if numeric { text.parse().ok() } else { None }
}

fn days_of(year: i64, month: i64) -> i64 {
    match month {
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Days since 1970.
fn days(year: i64, month: i64, day: i64) -> i64 {
    let before = year - 1;
    let leaps = |years: i64| years / 4 - years / 100 + years / 400;
    let years = 365 * (year - 1970) + leaps(before) - leaps(1969);
    let months: i64 = (1..month).map(|month| days_of(year, month)).sum();
    years + months + day - 1
}

/// A moment as Kafka's perf tools write it, `2026-02-28 13:45:06:789`, in UTC.
pub(crate) fn text(ms: i64) -> String {
    let (day, in_day) = (ms.div_euclid(86_400_000), ms.rem_euclid(86_400_000));
    // A guess that is never late, and at most a few years early.
    let mut year = 1970 + day.div_euclid(366).min(day.div_euclid(365));
    while days(year + 1, 1, 1) <= day {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && days(year, month + 1, 1) <= day {
        month += 1;
    }
    let of_month = day - days(year, month, 1) + 1;
    let (hour, minute) = (in_day / 3_600_000, in_day / 60_000 % 60);
    let (second, ms) = (in_day / 1000 % 60, in_day % 1000);
    format!("{year:04}-{month:02}-{of_month:02} {hour:02}:{minute:02}:{second:02}:{ms:03}")
}

/// A span such as `P1DT2H3M4.5S`, in milliseconds.
pub(crate) fn span(text: &str) -> Result<i64, String> {
    read_span(text.trim())
        .ok_or_else(|| format!("{text:?} is no span of time; expected one such as P1DT2H3M4S"))
}

fn read_span(text: &str) -> Option<i64> {
    let text = text.to_ascii_uppercase();
    let (sign, text) = match text.strip_prefix('-') {
        Some(rest) => (-1, rest),
        None => (1, text.as_str()),
    };
    let text = text.strip_prefix('P')?;
    let (date, time) = match text.split_once('T') {
        Some((date, time)) if !time.is_empty() => (date, time),
        Some(_) => return None,
        None => (text, ""),
    };
    if date.is_empty() && time.is_empty() {
        return None;
    }
    let mut ms = parts(date, &[('D', 86_400_000)])?;
    ms += parts(time, &[('H', 3_600_000), ('M', 60_000), ('S', 1000)])?;
    Some(sign * ms)
}

/// Numbers with their units, each unit once and the larger first.
fn parts(mut text: &str, units: &[(char, i64)]) -> Option<i64> {
    let mut sum = 0;
    for (unit, ms) in units {
        let Some((number, rest)) = text.split_once(*unit) else { continue };
        sum += match number.split_once('.') {
            Some((whole, fraction)) if *unit == 'S' => {
                let fraction = format!("{fraction:0<3}");
                digits(whole, 1)? * ms + digits(fraction.get(..3)?, 3)?
            }
            _ => digits(number, 1)?.checked_mul(*ms)?,
        };
        text = rest;
    }
    text.is_empty().then_some(sum)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moments_are_read() {
        assert_eq!(moment("1970-01-01T00:00:00.000"), Ok(0));
        assert_eq!(moment("2020-01-01T00:00:00.000"), Ok(1_577_836_800_000));
        assert_eq!(moment("2000-02-29T23:59:59.999Z"), Ok(951_868_799_999));
        assert_eq!(moment("2026-11-26T01:37:25"), Ok(1_795_657_045_000));
        assert_eq!(moment("2020-01-01T02:30:00.000+0230"), moment("2020-01-01T00:00:00.000"));
        assert_eq!(moment("2019-12-31T19:00:00.000-05:00"), moment("2020-01-01T00:00:00.000"));
        for wrong in ["", "2020-01-01", "2021-02-29T00:00:00", "2020-01-01T24:00:00", "T", "1T2"] {
            assert!(moment(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn moments_are_written() {
        assert_eq!(text(0), "1970-01-01 00:00:00:000");
        assert_eq!(text(951_868_799_999), "2000-02-29 23:59:59:999");
        assert_eq!(text(-1), "1969-12-31 23:59:59:999");
        for ms in (0..4_000_000_000_000_i64).step_by(98_765_432_101) {
            let iso = text(ms).replacen(' ', "T", 1);
            let (seconds, fraction) = iso.rsplit_once(':').unwrap();
            assert_eq!(moment(&format!("{seconds}.{fraction}")), Ok(ms), "{iso}");
        }
    }

    #[test]
    fn spans_are_read() {
        assert_eq!(span("PT1H"), Ok(3_600_000));
        assert_eq!(span("P1DT2H3M4.5S"), Ok(93_784_500));
        assert_eq!(span("P2D"), Ok(172_800_000));
        assert_eq!(span("-pt1m"), Ok(-60_000));
        for wrong in ["", "P", "PT", "1H", "PT1D", "P1H", "PT1M1H", "PTxS"] {
            assert!(span(wrong).is_err(), "{wrong}");
        }
    }
}
