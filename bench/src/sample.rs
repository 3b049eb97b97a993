//! Interleaved rounds, and figures that a disturbed round does not move.

use crate::error::Result;

/// The samples of one thing, one a round.
pub(crate) struct Series {
    pub(crate) name: String,
    samples: Vec<f64>,
}

/// Measures each of `names` once a round; each round begins with the next one, so that none is
/// always measured in the wake of the same other.
pub(crate) fn interleave(
    rounds: usize,
    names: &[&str],
    mut measure: impl FnMut(&str) -> Result<f64>,
) -> Result<Vec<Series>> {
    let mut all: Vec<_> = names.iter().map(|name| Series::new(name)).collect();
    for round in 0..rounds {
        for step in 0..names.len() {
            let which = (round + step) % names.len();
            all[which].samples.push(measure(names[which])?);
        }
    }
    Ok(all)
}

impl Series {
    pub(crate) fn new(name: &str) -> Self {
        Self {
            name: name.to_owned(),
            samples: Vec::new(),
        }
    }

    pub(crate) fn of(name: &str, samples: Vec<f64>) -> Self {
        Self {
            name: name.to_owned(),
            samples,
        }
    }

    /// The one of that name, which the caller measured itself.
    pub(crate) fn named<'a>(all: &'a [Series], name: &str) -> &'a Series {
        all.iter()
            .find(|series| series.name == name)
            .unwrap_or_else(|| panic!("`{name}` was not measured"))
    }

    pub(crate) fn len(&self) -> usize {
        self.samples.len()
    }

    pub(crate) fn median(&self) -> f64 {
        quantile(&self.samples, 0.5)
    }

    pub(crate) fn max(&self) -> f64 {
        self.samples
            .iter()
            .copied()
            .fold(f64::NEG_INFINITY, f64::max)
    }

    /// The median of the rounds' ratios: what slows a whole round down leaves them as they are.
    pub(crate) fn ratio_to(&self, other: &Series) -> f64 {
        let ratios: Vec<_> = self
            .samples
            .iter()
            .zip(&other.samples)
            .map(|(a, b)| a / b)
            .collect();
        quantile(&ratios, 0.5)
    }

    /// The median, and between what the middle half lies.
    pub(crate) fn figures(&self) -> String {
        let [low, high] = [0.25, 0.75].map(|share| rounded(quantile(&self.samples, share)));
        format!("{:>10}   {low} – {high}", rounded(self.median()))
    }
}

/// With three figures that count.
pub(crate) fn rounded(value: f64) -> String {
    let decimals = if value.abs() < 10.0 {
        2
    } else {
        usize::from(value.abs() < 100.0)
    };
    format!("{value:.decimals$}")
}

fn quantile(samples: &[f64], share: f64) -> f64 {
    let mut sorted = samples.to_vec();
    sorted.sort_by(f64::total_cmp);
    let Some(last) = sorted.len().checked_sub(1) else {
        return f64::NAN;
    };
    let at = last as f64 * share;
    let (low, high) = (sorted[at.floor() as usize], sorted[at.ceil() as usize]);
    low + (high - low) * at.fract()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_disturbed_round_moves_nothing() {
        let calm = Series::of("a", vec![2.0, 2.0, 2.0, 2.0, 900.0]);
        let other = Series::of("b", vec![1.0, 1.0, 1.0, 1.0, 450.0]);
        assert_eq!(calm.median(), 2.0);
        assert_eq!(calm.ratio_to(&other), 2.0);
        assert_eq!(quantile(&[1.0, 2.0], 0.5), 1.5);
        assert!(quantile(&[], 0.5).is_nan());
    }

    #[test]
    fn every_round_measures_each_once_and_turns() {
        let mut order = Vec::new();
        let all = interleave(2, &["a", "b", "c"], |name| {
            order.push(name.to_owned());
            Ok(1.0)
        })
        .unwrap();
        assert_eq!(order.concat(), "abcbca");
        assert!(all.iter().all(|series| series.len() == 2));
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0.754, 12.34, 68_018.2].map(rounded),
            ["0.75", "12.3", "68018"]
        );
    }
}
