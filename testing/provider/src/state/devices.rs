//! Devices that wait for a user elsewhere (RFC 8628).

use std::collections::HashMap;

use super::sessions::Grant;
use crate::random::{random_letters, random_text};

/// Times and user codes of a provider's device grant.
pub(crate) struct DeviceRules {
    /// Lifetime of a code, in seconds.
    pub(crate) expires_in: u64,
    /// Delay between two polls at first, in seconds. Each `slow_down` adds as much (RFC
    /// 8628 §3.5).
    pub(crate) interval: u64,
    /// Alphabet of user codes, which have two groups of four letters.
    pub(crate) alphabet: &'static [u8],
}

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
    /// What `slow_down` adds to the interval.
    slower_ms: u64,
    polled_at_ms: Option<u64>,
    decision: Option<Decision>,
}

enum Decision {
    Denied,
    Granted(Grant),
}

impl Devices {
    /// Adds a device. Returns its device code and user code.
    pub(crate) fn wait(
        &mut self,
        rules: &DeviceRules,
        request: DeviceRequest,
        now_ms: u64,
    ) -> (String, String) {
        let device_code = random_text();
        let user_code = [(); 2].map(|()| random_letters(rules.alphabet, 4)).join("-");
        let device = Device {
            user_code: user_code.clone(),
            request,
            expires_at_ms: now_ms + rules.expires_in * 1000,
            interval_ms: rules.interval * 1000,
            slower_ms: rules.interval * 1000,
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
            device.interval_ms += device.slower_ms;
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
