//! A transcript beside the reference, step by step.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use xen_scenarios::RANDOM;

use crate::differences::{Difference, Where, differences, own};
use crate::{Step, Transcript};

/// What the newest release does in a PV guest, which has the most, or in a translated one where a PV guest
/// has nothing to do: the scenarios' results, with `[scenario]` before each one's steps.
pub const REFERENCE: &str = include_str!("../reference.txt");

/// Differences of one random sequence that are shown.
const SHOWN: usize = 5;

/// A result by scenario and step.
type Results<'a> = BTreeMap<(&'a str, &'a str), &'a str>;

/// A step whose result is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Divergence {
    /// Scenario and step.
    pub step: String,
    /// What should have come of it; nothing if there should be no such step.
    pub expected: Option<String>,
    /// What came of it; nothing if it was not done.
    pub found: Option<String>,
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |result: &Option<String>| result.clone().unwrap_or("no such step".to_owned());
        let Self { step, expected, found } = self;
        write!(f, "{step}: {}, expected {}", shown(found), shown(expected))
    }
}

/// Where one domain's transcript departs from the reference and the differences that are known for
/// this place.
#[must_use]
pub fn compare(transcript: &Transcript, domid: u16, place: Where) -> Vec<Divergence> {
    depart(
        &fixed(transcript, domid),
        expectations(parse(REFERENCE), differences(place).flat_map(rules)),
    )
}

/// Where one domain's transcript departs from that of the simulator, which was told the same: random
/// sequences as [`compare_random`] says, and all steps of the other scenarios.
#[must_use]
pub fn compare_simulated(
    transcript: &Transcript,
    domid: u16,
    simulated: &Transcript,
) -> Vec<Divergence> {
    let steps = simulated.steps().filter(|step| step.domid == domid && step.scenario != RANDOM);
    let expected = steps.map(|step| ((&*step.scenario, &*step.name), &*step.result)).collect();
    let mut divergences = depart(&fixed(transcript, domid), expected);
    divergences.extend(compare_random(transcript, domid, simulated));
    divergences
}

/// Where the random sequences in a domain's transcript depart from those of the simulator, which was told
/// the same: of each seed the first few steps, for a difference leads to others.
#[must_use]
pub fn compare_random(
    transcript: &Transcript,
    domid: u16,
    simulated: &Transcript,
) -> Vec<Divergence> {
    let own = |transcript: &Transcript| -> Vec<Step> {
        let steps = transcript.steps().filter(|step| step.domid == domid);
        steps.filter(|step| step.scenario == RANDOM).cloned().collect()
    };
    let (found, expected) = (own(transcript), own(simulated));
    let seed = |step: &Step| step.name.split('.').next().unwrap_or_default().to_owned();
    let mut shown: BTreeMap<String, usize> = BTreeMap::new();
    let mut divergences = Vec::new();
    for at in 0..found.len().max(expected.len()) {
        let (found, expected) = (found.get(at), expected.get(at));
        let Some(step) = found.or(expected).filter(|_| found != expected) else { continue };
        let shown = shown.entry(seed(step)).or_default();
        *shown += 1;
        if *shown <= SHOWN {
            let same = found.zip(expected).is_some_and(|(found, other)| found.name == other.name);
            let result = |step: Option<&Step>| {
                step.map(|step| match same {
                    true => step.result.clone(),
                    false => format!("{} in {}", step.result, step.name),
                })
            };
            divergences.push(Divergence {
                step: format!("{RANDOM}, {}", step.name),
                expected: result(expected),
                found: result(found),
            });
        }
    }
    divergences
}

/// The differences that make none: those without which every one of the transcripts, each of a domain,
/// would be the same as expected. Each is named by its scenario and step.
///
/// If the transcripts are the model's, it is only the model's own differences that are looked at. Of a release that is
/// newer than the reference's it is those that the same machine of the reference's release does not have.
#[must_use]
pub fn stale(transcripts: &[(Where, u16, &Transcript)]) -> Vec<String> {
    // A difference is of one scenario, and there are many of them.
    let reference = by_scenario(parse(REFERENCE), |((scenario, _), _)| scenario);
    let ran: Vec<_> = transcripts
        .iter()
        .map(|&(place, domid, transcript)| {
            (place, by_scenario(fixed(transcript, domid), |step| step.scenario.as_str()))
        })
        .collect();
    let used = |rule: &Rule| {
        let expected: Results<'_> =
            reference.get(rule.scenario).into_iter().flatten().copied().collect();
        ran.iter().any(|(place, steps)| {
            let Some(steps) = steps.get(rule.scenario) else { return false };
            let own = differences(*place).flat_map(rules);
            let own: Vec<Rule> = own.filter(|other| other.scenario == rule.scenario).collect();
            let others = own.iter().copied().filter(|other| other != rule);
            own.contains(rule) && !depart(steps, expectations(expected.clone(), others)).is_empty()
        })
    };
    let wanted = |place: Where| -> Vec<Rule> {
        let own = own(place).iter().filter(|difference| (difference.place)(place));
        if place.model {
            own.flat_map(rules).collect()
        } else {
            let same = place.of_reference();
            let is_own = |difference: &&Difference| same == place || !(difference.place)(same);
            differences(place).filter(is_own).flat_map(rules).collect()
        }
    };
    let all: BTreeSet<Rule> = transcripts.iter().flat_map(|(place, ..)| wanted(*place)).collect();
    let stale = all.iter().filter(|rule| !used(rule));
    stale.map(|rule| format!("{}, {}: {}", rule.scenario, rule.steps, rule.reason)).collect()
}

/// One line of a difference.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Rule {
    scenario: &'static str,
    steps: &'static str,
    result: Option<&'static str>,
    reason: &'static str,
}

fn rules(difference: &'static Difference) -> impl Iterator<Item = Rule> {
    let Difference { scenario, steps, reason, .. } = difference;
    steps.iter().map(|&(steps, result)| Rule { scenario, steps, result, reason })
}

/// A domain's steps of scenarios that the reference has. Random sequences have none: see [`compare_random`].
fn fixed(transcript: &Transcript, domid: u16) -> Vec<&Step> {
    let steps = transcript.steps();
    steps.filter(|step| step.domid == domid && step.scenario != RANDOM).collect()
}

fn by_scenario<T: Copy, S: Ord>(
    items: impl IntoIterator<Item = T>,
    scenario: impl Fn(T) -> S,
) -> BTreeMap<S, Vec<T>> {
    let mut all = BTreeMap::<S, Vec<T>>::new();
    items.into_iter().for_each(|item| all.entry(scenario(item)).or_default().push(item));
    all
}

/// Where steps depart from what is expected of the scenarios that they are of.
fn depart(steps: &[&Step], mut expected: Results<'_>) -> Vec<Divergence> {
    let ran: BTreeSet<&str> = steps.iter().map(|step| step.scenario.as_str()).collect();
    let mut found = Results::new();
    let mut divergences = Vec::new();
    for Step { scenario, name, result, .. } in steps {
        if found.insert((scenario, name), result).is_some() {
            divergences.push(Divergence {
                step: format!("{scenario}, {name}"),
                expected: Some("to be done once".to_owned()),
                found: Some(result.clone()),
            });
        }
    }
    expected.retain(|(scenario, _), _| ran.contains(scenario));
    let mut keys: Vec<_> = expected.keys().chain(found.keys()).collect();
    keys.sort();
    keys.dedup();
    for key in keys {
        let (expected, found) = (expected.get(key), found.get(key));
        if expected != found {
            divergences.push(Divergence {
                step: format!("{}, {}", key.0, key.1),
                expected: expected.map(|result| (*result).to_owned()),
                found: found.map(|result| (*result).to_owned()),
            });
        }
    }
    divergences
}

/// The reference with differences.
fn expectations<'a>(mut expected: Results<'a>, rules: impl Iterator<Item = Rule>) -> Results<'a> {
    for Rule { scenario, steps, result, .. } in rules {
        let matching = |key: &&(&'a str, &'a str)| key.0 == scenario && matches(steps, key.1);
        let mut keys: Vec<_> = expected.keys().filter(matching).copied().collect();
        if !steps.contains('*') {
            keys.push((scenario, steps));
        }
        for key in keys {
            match result {
                Some(result) => expected.insert(key, result),
                None => expected.remove(&key),
            };
        }
    }
    expected
}

/// Whether a name is what a pattern says, in which a star stands for anything.
fn matches(pattern: &str, name: &str) -> bool {
    let Some((start, rest)) = pattern.split_once('*') else { return pattern == name };
    let Some(name) = name.strip_prefix(start) else { return false };
    (0..=name.len()).any(|at| name.is_char_boundary(at) && matches(rest, &name[at..]))
}

fn parse(text: &str) -> Results<'_> {
    let mut results = Results::new();
    let mut scenario = "";
    for line in text.lines() {
        if let Some(name) = line.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            scenario = name;
        } else if let Some((name, result)) = line.split_once(": ") {
            results.insert((scenario, name), result);
        }
    }
    results
}

/// Transcripts as the text of a reference. A scenario is that of the first transcript that has it, and of
/// domains with the same scenario, the first one's.
#[must_use]
pub fn reference(transcripts: &[Transcript]) -> String {
    let mut scenarios: Vec<(&Transcript, u16, &str)> = Vec::new();
    for transcript in transcripts {
        let mut own: Vec<(u16, &str)> = Vec::new();
        for Step { domid, scenario, .. } in transcript.steps() {
            let mut known =
                scenarios.iter().map(|known| known.2).chain(own.iter().map(|own| own.1));
            if scenario != RANDOM && known.all(|known| known != scenario) {
                own.push((*domid, scenario));
            }
        }
        own.sort_by_key(|(domid, _)| *domid);
        scenarios.extend(own.into_iter().map(|(domid, scenario)| (transcript, domid, scenario)));
    }
    let texts = scenarios.into_iter().map(|(transcript, domid, scenario)| {
        let own = transcript.steps().filter(|s| s.domid == domid && s.scenario == scenario);
        let lines = own.map(|step| format!("{}: {}\n", step.name, step.result));
        format!("[{scenario}]\n{}", lines.collect::<String>())
    });
    texts.collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_star_stands_for_anything() {
        for (pattern, name) in [("a", "a"), ("*", ""), ("a*c", "abc"), ("*, x*", "a, b, x")] {
            assert!(matches(pattern, name), "{pattern} {name}");
        }
        for (pattern, name) in [("a", "ab"), ("a*c", "abcd"), ("*x", "a")] {
            assert!(!matches(pattern, name), "{pattern} {name}");
        }
    }
}
