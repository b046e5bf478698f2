//! Devices that wait for a user elsewhere (RFC 8628).

use std::collections::HashMap;

use crate::random_text;

use super::sessions::Grant;
use crate::standins::random::letters;

/// Alphabet of user codes, without letters and digits that look alike.
const ALPHABET: &[u8] = b"ABCDEFGHJKMNPQRSTUVWXYZ23456789";

/// Lifetime of a code: half an hour.
pub(crate) const LIFETIME_SECONDS: u64 = 30 * 60;

/// Delay between two polls at first. Each `slow_down` adds as much (RFC 8628 §3.5).
pub(crate) const INTERVAL_SECONDS: u64 = 5;

/// Request of a device.
#[derive(Clone)]
pub(crate) struct DeviceRequest {
    pub(crate) client_id: String,
    pub(crate) scopes: Vec<String>,
}

/// Result of a poll.
pub(crate) enum Poll {
    Pending,
    SlowDown,
    Denied,
    Expired,
    /// Unknown or already used.
    Unknown,
    Granted(Grant),
}

/// Devices by device code.
#[derive(Default)]
pub(crate) struct Devices(HashMap<String, Device>);

struct Device {
    user_code: String,
    request: DeviceRequest,
    expires_at_ms: u64,
    interval_ms: u64,
    polled_at_ms: Option<u64>,
    decision: Option<Decision>,
}

enum Decision {
    Denied,
    Granted(Grant),
}

impl Devices {
    /// Adds a device. Returns its device code and user code.
    pub(crate) fn wait(&mut self, request: DeviceRequest, now_ms: u64) -> (String, String) {
        let device_code = random_text();
        let user_code = format!("{}-{}", letters(ALPHABET, 4), letters(ALPHABET, 4));
        let device = Device {
            user_code: user_code.clone(),
            request,
            expires_at_ms: now_ms + LIFETIME_SECONDS * 1000,
            interval_ms: INTERVAL_SECONDS * 1000,
            polled_at_ms: None,
            decision: None,
        };
        self.0.insert(device_code.clone(), device);
        (device_code, user_code)
    }

    /// Returns the request that belongs to a user code. Case and a missing hyphen do not
    /// matter (RFC 8628 §6.1).
    pub(crate) fn request(&self, user_code: &str, now_ms: u64) -> Option<&DeviceRequest> {
        let device = self.0.values().find(|device| device.awaits(user_code, now_ms))?;
        Some(&device.request)
    }

    pub(crate) fn allow(&mut self, user_code: &str, grant: Grant, now_ms: u64) {
        self.decide(user_code, Decision::Granted(grant), now_ms);
    }

    pub(crate) fn deny(&mut self, user_code: &str, now_ms: u64) {
        self.decide(user_code, Decision::Denied, now_ms);
    }

    pub(crate) fn poll(&mut self, device_code: &str, now_ms: u64) -> Poll {
        let Some(device) = self.0.get_mut(device_code) else {
            return Poll::Unknown;
        };
        if now_ms >= device.expires_at_ms {
            return Poll::Expired;
        }
        let earlier = device.polled_at_ms.replace(now_ms);
        if earlier.is_some_and(|earlier| now_ms < earlier + device.interval_ms) {
            device.interval_ms += INTERVAL_SECONDS * 1000;
            return Poll::SlowDown;
        }
        match device.decision.take() {
            None => Poll::Pending,
            Some(Decision::Denied) => {
                device.decision = Some(Decision::Denied);
                Poll::Denied
            }
            Some(Decision::Granted(grant)) => {
                self.0.remove(device_code);
                Poll::Granted(grant)
            }
        }
    }

    fn decide(&mut self, user_code: &str, decision: Decision, now_ms: u64) {
        let mut devices = self.0.values_mut();
        if let Some(device) = devices.find(|device| device.awaits(user_code, now_ms)) {
            device.decision = Some(decision);
        }
    }
}

impl Device {
    fn awaits(&self, user_code: &str, now_ms: u64) -> bool {
        now_ms < self.expires_at_ms
            && self.decision.is_none()
            && bare(&self.user_code) == bare(user_code)
    }
}

fn bare(user_code: &str) -> String {
    user_code.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase()
}
