//! How often somebody asks: calls by address and by user, and what is dear by project and user.
//!
//! The table has a fixed size, whoever calls: a key takes the place of the one with the fewest calls, so that many
//! addresses that call once displace each other and not the one that calls a thousand times. Counts are this process's
//! own. Each period of a minute begins with the first call, as with trigger tokens.

use std::hash::{BuildHasher as _, RandomState};
use std::net::IpAddr;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use model::{ProjectId, Timestamp, UserId};

use crate::App;
use crate::error::{Error, Result, Throttled};
use crate::triggers::Rate;

/// The period in which calls are counted.
const PERIOD: Duration = Duration::from_secs(60);

/// Groups of places; with [`WAYS`] places each this is 192 KiB.
const GROUPS: usize = 2048;

/// Places that a key may take.
const WAYS: usize = 4;

/// Tests and resends of webhooks a minute, each (GitLab's limits).
const HOOK_CALLS: i64 = 5;

/// Somebody who is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Who {
    /// Calls without a good credential, from an address; of IPv6 the network of 64 bits that one subscriber has.
    Address(IpAddr),
    /// Calls of a user.
    User(UserId),
    /// Tests of webhooks of a project by a user.
    HookTest(ProjectId, UserId),
    /// Repeated deliveries of webhooks of a project by a user.
    HookResend(ProjectId, UserId),
}

/// The counts.
pub struct Throttle {
    hasher: RandomState,
    groups: Vec<Mutex<[Place; WAYS]>>,
}

#[derive(Clone, Copy, Default)]
struct Place {
    key: u64,
    started_at: i64,
    calls: i64,
}

impl Default for Throttle {
    fn default() -> Throttle {
        Throttle {
            hasher: RandomState::new(),
            groups: (0..GROUPS).map(|_| Mutex::default()).collect(),
        }
    }
}

impl std::fmt::Debug for Throttle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Throttle(..)")
    }
}

impl Place {
    /// A clock that was set back ends a period too.
    fn holds(&self, now: Timestamp) -> bool {
        let start = Timestamp(self.started_at);
        self.calls > 0 && (start..start + PERIOD).contains(&now)
    }

    fn rate(&self, limit: i64) -> Rate {
        Rate {
            limit,
            observed: self.calls,
            resets_at: Timestamp(self.started_at) + PERIOD,
        }
    }
}

impl Throttle {
    /// Counts a call.
    fn count(&self, who: Who, limit: i64, now: Timestamp) -> Rate {
        let key = self.hasher.hash_one(who);
        let mut group = self.group(key).lock().unwrap_or_else(PoisonError::into_inner);
        let own = group.iter().position(|place| place.key == key && place.holds(now));
        let index = own.unwrap_or_else(|| {
            let calls = |place: &Place| if place.holds(now) { place.calls } else { 0 };
            let fewest = (0..WAYS).min_by_key(|index| calls(&group[*index])).unwrap_or(0);
            group[fewest] = Place {
                key,
                started_at: now.0,
                calls: 0,
            };
            fewest
        });
        let place = &mut group[index];
        place.calls = place.calls.saturating_add(1);
        place.rate(limit)
    }

    fn group(&self, key: u64) -> &Mutex<[Place; WAYS]> {
        let index = usize::try_from(key % GROUPS as u64).unwrap_or(0);
        &self.groups[index]
    }
}

/// Refuses an address that made too many calls without a good credential, and counts this one.
///
/// # Errors
///
/// [`Error::Throttled`].
pub fn anonymous_call(app: &App, address: Option<IpAddr>) -> Result<()> {
    let limit = i64::from(app.settings.unauthenticated_calls_per_minute);
    match address {
        Some(address) if limit > 0 && !address.is_loopback() => {
            let rate = app
                .throttle
                .count(Who::Address(network(address)), limit, app.clock.now());
            check(app, "throttle_unauthenticated_api", rate)
        }
        _ => Ok(()),
    }
}

/// Refuses a user who made too many calls, and counts this one. Calls from this machine are not counted.
///
/// # Errors
///
/// [`Error::Throttled`].
pub fn user_call(app: &App, user: UserId, address: Option<IpAddr>) -> Result<()> {
    let limit = i64::from(app.settings.authenticated_calls_per_minute);
    match address {
        Some(address) if limit > 0 && !address.is_loopback() => {
            let rate = app.throttle.count(Who::User(user), limit, app.clock.now());
            check(app, "throttle_authenticated_api", rate)
        }
        _ => Ok(()),
    }
}

/// Refuses the sixth test of a project's webhooks by one user in a minute.
///
/// # Errors
///
/// [`Error::TooMany`].
pub(crate) fn hook_test(app: &App, project: ProjectId, user: UserId) -> Result<()> {
    dear(app, Who::HookTest(project, user))
}

/// Refuses the sixth repetition of a delivery of a project's webhooks by one user in a minute.
///
/// # Errors
///
/// [`Error::TooMany`].
pub(crate) fn hook_resend(app: &App, project: ProjectId, user: UserId) -> Result<()> {
    dear(app, Who::HookResend(project, user))
}

fn dear(app: &App, who: Who) -> Result<()> {
    let now = app.clock.now();
    let rate = app.throttle.count(who, HOOK_CALLS, now);
    if rate.is_exceeded() {
        return Err(Error::TooMany {
            retry_after: rate.retry_after(now),
        });
    }
    Ok(())
}

fn check(app: &App, name: &'static str, rate: Rate) -> Result<()> {
    if rate.is_exceeded() {
        let retry_after = rate.retry_after(app.clock.now());
        return Err(Error::Throttled(Box::new(Throttled {
            name,
            rate,
            retry_after,
        })));
    }
    Ok(())
}

/// What one subscriber has: an address, of IPv6 a network of 64 bits.
fn network(address: IpAddr) -> IpAddr {
    match address.to_canonical() {
        IpAddr::V4(address) => IpAddr::V4(address),
        IpAddr::V6(address) => {
            let bits = address.to_bits() >> 64 << 64;
            IpAddr::V6(bits.into())
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: i64) -> Timestamp {
        Timestamp((1000 + seconds) * 1_000_000)
    }

    #[test]
    fn calls_are_counted_for_a_minute() {
        let throttle = Throttle::default();
        let who = Who::User(UserId(1));
        for (seconds, observed, exceeded) in [(0, 1, false), (30, 2, false), (59, 3, true), (60, 1, false)] {
            let rate = throttle.count(who, 2, at(seconds));
            assert_eq!((rate.observed, rate.is_exceeded()), (observed, exceeded), "{seconds}");
        }
        let test = Who::HookTest(ProjectId(1), UserId(1));
        assert_eq!(throttle.count(test, 2, at(61)).observed, 1, "counted apart");
    }

    #[test]
    fn whoever_calls_often_is_not_forgotten_for_many_who_call_once() {
        let throttle = Throttle::default();
        let busy = Who::Address(IpAddr::from([192, 0, 2, 1]));
        for _ in 0..100 {
            throttle.count(busy, 10, at(0));
        }
        for number in 0..100_000_u32 {
            throttle.count(Who::Address(IpAddr::from(number.to_be_bytes())), 10, at(1));
        }
        assert_eq!(throttle.count(busy, 10, at(2)).observed, 101);
        assert_eq!(throttle.groups.len(), GROUPS);
    }

    #[test]
    fn an_ipv6_subscriber_is_one() {
        let parse = |text: &str| network(text.parse().unwrap());
        assert_eq!(parse("2001:db8:1:2:3:4:5:6"), parse("2001:db8:1:2::1"));
        assert_ne!(parse("2001:db8:1:2::1"), parse("2001:db8:1:3::1"));
        assert_eq!(parse("::ffff:192.0.2.1"), parse("192.0.2.1"));
    }
}
