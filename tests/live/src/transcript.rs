//! What the guests wrote, step by step.

use std::collections::BTreeMap;
use std::mem;
use std::ops::Range;

use xen_scenarios::Line;

use crate::Cause;

/// A step that a domain wrote down.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// The domain.
    pub domid: u16,
    /// The scenario.
    pub scenario: String,
    /// What was done.
    pub name: String,
    /// What came of it.
    pub result: String,
}

/// The steps of all domains, each domain's in their order.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Transcript {
    steps: Vec<Step>,
    scenarios: BTreeMap<u16, String>,
    ends: BTreeMap<u16, usize>,
    /// The beginning of a domain's line in whose midst Xen wrote one of its own.
    begun: String,
}

/// What Xen's own lines begin with.
const XEN: &str = "(XEN) ";

impl Transcript {
    /// The steps.
    pub fn steps(&self) -> impl Iterator<Item = &Step> {
        self.steps.iter()
    }

    /// How many steps there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.steps.len()
    }

    /// Whether there are none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps.is_empty()
    }

    /// Takes in a line of the serial log, which may be anything.
    pub fn read(&mut self, text: &str) {
        let text = mem::take(&mut self.begun) + text;
        if let Some((begun, _)) = text.split_once(XEN).filter(|(begun, _)| begun.contains('@')) {
            // Linux hands its console over to Xen in pieces. The rest of the line follows.
            self.begun = begun.to_owned();
            return;
        }
        // Linux ends its lines for a terminal, and Xen does so once more.
        match Line::parse(text.trim_end_matches('\r')) {
            Some((domid, Line::Begin { scenario })) => {
                self.scenarios.insert(domid, scenario.to_owned());
            }
            Some((domid, Line::Step { name, result })) => self.steps.push(Step {
                domid,
                scenario: self.scenarios.get(&domid).cloned().unwrap_or_default(),
                name: name.to_owned(),
                result: result.to_owned(),
            }),
            Some((domid, Line::End { steps })) => {
                self.ends.insert(domid, steps);
            }
            None => {}
        }
    }

    /// Whether these domains are all through, with every line of theirs.
    ///
    /// # Errors
    ///
    /// [`Cause::NotThrough`] and [`Cause::Lost`].
    pub(crate) fn is_whole(&self, domids: Range<u16>, status: Option<i32>) -> Result<(), Cause> {
        for domid in domids {
            let Some(&written) = self.ends.get(&domid) else {
                return Err(Cause::NotThrough { domid, status });
            };
            let read = self.steps().filter(|step| step.domid == domid).count();
            if read != written {
                return Err(Cause::Lost { domid, written, read });
            }
        }
        Ok(())
    }

    /// The last step in words.
    pub(crate) fn last_step(&self) -> Option<String> {
        let Step { domid, scenario, name, result } = self.steps.last()?;
        Some(format!("domain {domid}, {scenario}, {name}: {result}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(lines: &[&str]) -> Transcript {
        let mut transcript = Transcript::default();
        lines.iter().for_each(|line| transcript.read(line));
        transcript
    }

    #[test]
    fn domains_write_at_the_same_time() {
        let transcript = of(&[
            "@0 begin a",
            "(XEN) (d1) @1 begin b",
            "(XEN) (d1) @1 step x: 1",
            "@0 step x: 2\r",
            "@0 end 1",
            "(XEN) (d1) @1 end 1",
        ]);
        let steps: Vec<_> =
            transcript.steps().map(|s| (s.domid, &*s.scenario, &*s.result)).collect();
        assert_eq!(steps, [(1, "b", "1"), (0, "a", "2")]);
        assert_eq!(transcript.is_whole(0..2, None), Ok(()));
        assert_eq!(transcript.last_step().unwrap(), "domain 0, a, x: 2");
    }

    #[test]
    fn a_line_goes_on_after_those_of_xen() {
        let transcript = of(&[
            "@1 begin a",
            "@1 step x: 12(XEN) uart interrupt taking more than 15ms",
            "(XEN) (d2) @2 begin b",
            "34\r",
            "@1 step y: 5(XEN) one more",
            "\r",
            "@1 step z: 6",
        ]);
        let steps: Vec<_> = transcript.steps().map(|s| (&*s.name, &*s.result)).collect();
        assert_eq!(steps, [("x", "1234"), ("y", "5"), ("z", "6")]);
    }

    #[test]
    fn what_is_missing_shows() {
        let lost = of(&["@0 begin a", "@0 step x: 2", "@0 end 2"]);
        assert_eq!(lost.is_whole(0..1, None), Err(Cause::Lost { domid: 0, written: 2, read: 1 }));
        let other = Cause::NotThrough { domid: 1, status: Some(0) };
        assert_eq!(of(&["@0 begin a", "@0 end 0"]).is_whole(0..2, Some(0)), Err(other));
    }
}
