//! Wall and processor time of a child with all its descendants.

use std::time::Duration;

use crate::{Error, cpu};

/// The times of one build, in seconds.
#[derive(Clone, Copy, Debug)]
pub(super) struct Sample {
    wall: f64,
    cpu: f64,
}

/// The times of several builds, in seconds.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Figures {
    /// Median.
    pub(super) wall: f64,
    /// The best wall time.
    pub(super) fastest: f64,
    /// The worst wall time.
    pub(super) slowest: f64,
    /// Median of user and system time together.
    pub(super) cpu: f64,
}

impl Figures {
    /// The figures of one sample or more.
    pub(super) fn of(samples: &[Sample]) -> Self {
        let sorted = |of: fn(&Sample) -> f64| {
            let mut values = samples.iter().map(of).collect::<Vec<_>>();
            values.sort_by(f64::total_cmp);
            values
        };
        let (walls, cpus) = (sorted(|sample| sample.wall), sorted(|sample| sample.cpu));
        Self {
            wall: median(&walls),
            fastest: walls[0],
            slowest: walls[walls.len() - 1],
            cpu: median(&cpus),
        }
    }
}

fn median(sorted: &[f64]) -> f64 {
    let middle = sorted.len() / 2;
    if sorted.len() % 2 == 1 { sorted[middle] } else { (sorted[middle - 1] + sorted[middle]) / 2.0 }
}

/// Times one child process: `work` starts it, waits for it and says how long that took.
pub(super) fn sample(work: impl FnOnce() -> Result<Duration, Error>) -> Result<Sample, Error> {
    let before = waited_for()?;
    let wall = work()?.as_secs_f64();
    Ok(Sample { wall, cpu: waited_for()? - before })
}

fn waited_for() -> Result<f64, Error> {
    let time = cpu::of_children().ok_or_else(|| {
        Error::Unexpected("/proc/self/stat has no times; run the benchmark on Linux".to_owned())
    })?;
    Ok(time.as_secs_f64())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_medians() {
        let samples = [3.0, 1.0, 2.0].map(|wall| Sample { wall, cpu: 2.0 * wall });
        let expected = Figures { wall: 2.0, fastest: 1.0, slowest: 3.0, cpu: 4.0 };
        assert_eq!(Figures::of(&samples), expected);
        assert!((Figures::of(&samples[..2]).wall - 2.0).abs() < 1e-9);
    }
}
