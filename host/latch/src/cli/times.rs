//! Times in words.

use std::io::IsTerminal;

use jiff::tz::TimeZone;
use jiff::{Timestamp, Zoned};
use latchstring::capability::clock::{Clock as _, SystemClock};

use super::output::rfc3339_ms;

/// Distance in seconds below which the clock says less than the distance itself.
const NEAR_SECONDS: u64 = 6_000;

/// Age in milliseconds below which a time is described as just now.
const JUST_NOW_MS: u64 = 5_000;

/// The present, against which times are described.
pub(crate) struct Now {
    ms: u64,
    /// The user's time zone; `None` if the reader is a script, or the system does not say.
    zone: Option<TimeZone>,
}

impl Now {
    /// Returns the present for text on `stream`. On a terminal, times that are far away are
    /// those of the user's clock and calendar.
    pub(crate) fn on(stream: &impl IsTerminal) -> Self {
        let zone = stream.is_terminal().then(|| TimeZone::try_system().ok()).flatten();
        Self { ms: SystemClock.now_ms(), zone }
    }

    /// Describes a time: `in 59 minutes`, `2 hours ago`; for a user `yesterday at 14:03`.
    pub(crate) fn describe(&self, time_ms: u64) -> String {
        self.by_the_clock(time_ms).unwrap_or_else(|| self.by_distance(time_ms))
    }

    /// As [`describe`](Self::describe), if a user reads it; otherwise RFC 3339.
    pub(crate) fn describe_or_stamp(&self, time_ms: u64) -> Option<String> {
        match self.zone {
            Some(_) => Some(self.describe(time_ms)),
            None => rfc3339_ms(time_ms),
        }
    }

    fn by_the_clock(&self, time_ms: u64) -> Option<String> {
        let zone = self.zone.as_ref()?;
        let is_just_now = |age_ms| age_ms < JUST_NOW_MS;
        if self.ms.checked_sub(time_ms).is_some_and(is_just_now) {
            return Some("just now".to_owned());
        }
        if time_ms.abs_diff(self.ms) / 1000 < NEAR_SECONDS {
            return None;
        }
        let (time, now) = (zoned(time_ms, zone)?, zoned(self.ms, zone)?);
        let days = (time.date() - now.date()).get_days();
        let is_this_year = time.year() == now.year();
        Some(match days {
            0 => format!("today at {}", time.strftime("%H:%M")),
            1 => format!("tomorrow at {}", time.strftime("%H:%M")),
            -1 => format!("yesterday at {}", time.strftime("%H:%M")),
            -6..=6 => time.strftime("%A at %H:%M").to_string(),
            _ if is_this_year => time.strftime("%-d %B at %H:%M").to_string(),
            _ => time.strftime("%-d %B %Y at %H:%M").to_string(),
        })
    }

    fn by_distance(&self, time_ms: u64) -> String {
        let (distance_ms, future) = match time_ms.checked_sub(self.ms) {
            Some(ahead) => (ahead, true),
            None => (self.ms - time_ms, false),
        };
        let seconds = distance_ms / 1000;
        let (count, unit) = match seconds {
            0..=99 => (seconds, "second"),
            100..NEAR_SECONDS => (seconds / 60, "minute"),
            NEAR_SECONDS..=172_799 => (seconds / 3600, "hour"),
            _ => (seconds / 86_400, "day"),
        };
        let plural = if count == 1 { "" } else { "s" };
        if future {
            format!("in {count} {unit}{plural}")
        } else {
            format!("{count} {unit}{plural} ago")
        }
    }
}

fn zoned(time_ms: u64, zone: &TimeZone) -> Option<Zoned> {
    let time = Timestamp::from_millisecond(i64::try_from(time_ms).ok()?).ok()?;
    Some(time.to_zoned(zone.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Noon on Wednesday, 4 March 2026, two hours before that in UTC.
    const NOW: &str = "2026-03-04T12:00:00+02:00";

    fn ms(time: &str) -> u64 {
        let time: Timestamp = time.parse().expect("a time");
        u64::try_from(time.as_millisecond()).expect("after 1970")
    }

    #[test]
    fn a_user_reads_times_of_the_clock_on_the_wall() {
        let zone = TimeZone::fixed(jiff::tz::offset(2));
        let now = Now { ms: ms(NOW), zone: Some(zone) };
        for (time, words) in [
            ("2026-03-04T12:52:00+02:00", "in 52 minutes"),
            ("2026-03-04T12:00:01+02:00", "in 1 second"),
            ("2026-03-04T12:00:00+02:00", "just now"),
            ("2026-03-04T11:59:56+02:00", "just now"),
            ("2026-03-04T11:59:55+02:00", "5 seconds ago"),
            ("2026-03-04T20:05:00+02:00", "today at 20:05"),
            ("2026-03-04T00:30:00+02:00", "today at 00:30"),
            ("2026-03-03T23:30:00+02:00", "yesterday at 23:30"),
            ("2026-03-03T14:03:00+02:00", "yesterday at 14:03"),
            ("2026-03-05T09:00:00+02:00", "tomorrow at 09:00"),
            ("2026-03-10T09:00:00+02:00", "Tuesday at 09:00"),
            ("2026-02-26T09:00:00+02:00", "Thursday at 09:00"),
            ("2026-03-11T09:00:00+02:00", "11 March at 09:00"),
            ("2025-12-31T09:00:00+02:00", "31 December 2025 at 09:00"),
        ] {
            assert_eq!(now.describe(ms(time)), words, "{time}");
        }
    }

    #[test]
    fn a_script_reads_the_distance_or_the_time_itself() {
        let now = Now { ms: ms(NOW), zone: None };
        for (time, words) in [
            ("2026-03-04T13:00:00+02:00", "in 60 minutes"),
            ("2026-03-04T14:00:00+02:00", "in 2 hours"),
            ("2026-03-04T11:59:30+02:00", "30 seconds ago"),
            ("2026-03-04T12:00:01+02:00", "in 1 second"),
            ("2026-03-07T20:00:00+02:00", "in 3 days"),
        ] {
            assert_eq!(now.describe(ms(time)), words, "{time}");
        }
        let stamp = now.describe_or_stamp(ms(NOW));
        assert_eq!(stamp.as_deref(), Some("2026-03-04T10:00:00Z"));
    }
}
