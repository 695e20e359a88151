//! Which plan serves which request: the first that matches and is not spent.

use crate::plan::{Accept, Match, Plan, SlowRead};

/// Ordered plans and how often each was used.
#[derive(Debug, Default)]
pub struct Script {
    slots: Vec<Slot>,
}

#[derive(Debug)]
struct Slot {
    plan: Plan,
    seen: u64,
}

/// What a plan may match on.
#[derive(Clone, Copy, Debug)]
pub struct Asked<'a> {
    /// The method.
    pub method: &'a str,
    /// The path without query.
    pub path: &'a str,
    /// Header names (lower case) and values.
    pub headers: &'a [(String, String)],
    /// The body; `None` while it is still on its way.
    pub body: Option<&'a [u8]>,
    /// The model, when one is named.
    pub model: Option<&'a str>,
    /// Whether a stream is asked for.
    pub stream: bool,
}

impl Script {
    /// Replaces everything.
    pub fn set(&mut self, plans: Vec<Plan>) {
        self.slots = plans.into_iter().map(|plan| Slot { plan, seen: 0 }).collect();
    }

    /// The plan for this request, counted as used.
    pub fn take(&mut self, asked: Asked<'_>) -> Option<Plan> {
        let mut fitting = self.slots.iter_mut().filter(|s| s.plan.accept.is_none() && fits(&s.plan.matches, asked));
        fitting.find_map(Slot::turn)
    }

    /// The fault for a connection just accepted, counted as used.
    pub fn take_accept(&mut self) -> Option<Accept> {
        let mut fitting = self.slots.iter_mut().filter(|s| s.plan.accept.is_some());
        fitting.find_map(Slot::turn).and_then(|plan| plan.accept)
    }

    /// How the body is to be read; nothing is counted, for only the head is known.
    pub fn reading(&self, asked: Asked<'_>) -> Option<SlowRead> {
        let live = self.slots.iter().filter(|s| !s.spent() && s.plan.accept.is_none());
        live.filter(|s| fits(&s.plan.matches, asked)).find_map(|s| s.plan.read)
    }
}

impl Slot {
    fn spent(&self) -> bool {
        self.plan.times.is_some_and(|times| self.seen >= self.plan.skip.saturating_add(times))
    }

    /// Counts a matching request; the plan, if it is its turn.
    fn turn(&mut self) -> Option<Plan> {
        if self.spent() {
            return None;
        }
        self.seen += 1;
        (self.seen > self.plan.skip).then(|| self.plan.clone())
    }
}

fn fits(want: &Match, asked: Asked<'_>) -> bool {
    want.method.as_deref().is_none_or(|m| m.eq_ignore_ascii_case(asked.method))
        && want.path.as_deref().is_none_or(|p| path_fits(p, asked.path))
        && want.model.as_deref().is_none_or(|m| asked.body.is_none() || asked.model == Some(m))
        && want.stream.is_none_or(|s| asked.body.is_none() || asked.stream == s)
        && want.body.as_deref().is_none_or(|part| asked.body.is_none_or(|b| contains(b, part.as_bytes())))
        && want.header.as_ref().is_none_or(|(name, part)| header_fits(name, part, asked.headers))
}

fn path_fits(pattern: &str, path: &str) -> bool {
    pattern.strip_suffix('*').map_or(pattern == path, |prefix| path.starts_with(prefix))
}

fn header_fits(name: &str, part: &str, headers: &[(String, String)]) -> bool {
    headers.iter().any(|(n, v)| n.eq_ignore_ascii_case(name) && v.contains(part))
}

fn contains(body: &[u8], part: &[u8]) -> bool {
    part.is_empty() || body.windows(part.len()).any(|w| w == part)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked<'a>(path: &'a str, body: &'a [u8]) -> Asked<'a> {
        Asked { method: "POST", path, headers: &[], body: Some(body), model: Some("m"), stream: false }
    }

    #[test]
    fn f8_a_plan_fails_k_times_and_then_steps_aside() {
        let mut script = Script::default();
        script.set(vec![Plan::error(429).times(2).named("limit"), Plan::text("ok").named("ok")]);
        let mut served = || script.take(asked("/v1/x", b"{}")).and_then(|p| p.name);
        let names: Vec<_> = (0..4).filter_map(|_| served()).collect();
        assert_eq!(names, ["limit", "limit", "ok", "ok"]);
    }

    #[test]
    fn skipped_requests_go_to_later_plans() {
        let mut script = Script::default();
        let late = Plan { skip: 1, ..Plan::error(500).named("late").times(1) };
        script.set(vec![late, Plan::text("ok").named("ok")]);
        let names: Vec<_> = (0..3).filter_map(|_| script.take(asked("/", b"")).and_then(|p| p.name)).collect();
        assert_eq!(names, ["ok", "late", "ok"]);
    }

    #[test]
    fn a_plan_matches_by_path_prefix_body_and_model() {
        let mut script = Script::default();
        let mut plan = Plan::error(500).on("/model/*").for_model("m");
        plan.matches.body = Some("needle".into());
        script.set(vec![plan]);
        assert!(script.take(asked("/model/x/converse", b"hay")).is_none());
        assert!(script.take(asked("/v1/messages", b"needle")).is_none());
        assert!(script.take(asked("/model/x/converse", b"hay needle hay")).is_some());
    }
}
