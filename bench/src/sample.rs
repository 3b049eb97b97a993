//! Interleaved rounds, and figures that a disturbed round does not move.

use crate::error::Result;

/// The samples of one thing, one a round.
pub(crate) struct Series {
    pub(crate) name: String,
    samples: Vec<f64>,
}

/// Measures each of `names` once a round, in an order that changes from round to round, so that
/// none is always measured in the wake of the same other.
pub(crate) fn interleave(
    rounds: usize,
    names: &[&str],
    mut measure: impl FnMut(&str) -> Result<f64>,
) -> Result<Vec<Series>> {
    let mut all: Vec<_> = names.iter().map(|name| Series::new(name)).collect();
    let mut order: Vec<_> = (0..names.len()).collect();
    let mut dice = Dice(1);
    for _ in 0..rounds {
        for last in (1..order.len()).rev() {
            order.swap(last, dice.up_to(last));
        }
        for which in &order {
            all[*which].samples.push(measure(names[*which])?);
        }
    }
    Ok(all)
}

/// The same throws in every run: Knuth's MMIX generator.
struct Dice(u64);

impl Dice {
    fn up_to(&mut self, most: usize) -> usize {
        self.0 = self
            .0
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) as usize % (most + 1)
    }
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

    /// Further samples of it.
    pub(crate) fn extend(&mut self, more: Self) {
        self.samples.extend(more.samples);
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
    fn every_round_measures_each_once_in_an_order_of_its_own() {
        let mut order = String::new();
        let all = interleave(20, &["a", "b", "c"], |name| {
            order.push_str(name);
            Ok(1.0)
        })
        .unwrap();
        assert!(all.iter().all(|series| series.len() == 20));
        let rounds: Vec<_> = order.as_bytes().chunks(3).collect();
        assert!(
            rounds
                .iter()
                .all(|round| b"abc".iter().all(|name| round.contains(name)))
        );
        for first in b"abc" {
            assert!(rounds.iter().any(|round| round[0] == *first), "{order}");
        }
    }

    #[test]
    fn figures_are_short() {
        assert_eq!(
            [0.754, 12.34, 68_018.2].map(rounded),
            ["0.75", "12.3", "68018"]
        );
    }
}
