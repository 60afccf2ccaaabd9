//! How many columns of a path are chosen.
//!
//! The fewest that predict as the average does; and more, as long as the F1 score that the posterior expects of them
//! rises. Where columns are many and data few, the average is so uncertain that hardly any column is needed to come near
//! it, though more of them are likely to have an effect. Where columns are few, the prior makes all of them likely: only
//! columns that the data favour count.

use super::tolerances::EVIDENT;

/// What the posterior says of columns one by one.
#[derive(Clone, Copy)]
pub(super) struct Inclusion<'a> {
    /// Probability of each column.
    pub probability: &'a [f64],
    /// Logarithm of its prior odds over their mean; empty where all are the same.
    pub log_prior: &'a [f64],
    /// Columns that an effect may be at.
    pub n_choices: usize,
    /// Mean number of effects.
    pub size: f64,
    /// How many there may be at most.
    pub most: usize,
}

/// Place on a path of the columns to choose; `loss` is that of each set of `columns`.
pub(super) fn choose(columns: &[Vec<usize>], loss: &[f64], tolerance: f64, inclusion: Inclusion<'_>) -> usize {
    let Inclusion { probability, log_prior, n_choices, size, most } = inclusion;
    let Some(enough) = loss.iter().position(|loss| *loss <= tolerance) else { return loss.len().saturating_sub(1) };
    let prior_odds = most as f64 / (2 * n_choices - most) as f64;
    let evident = |j: &usize| {
        let (probability, odds) = (probability[*j], prior_odds * log_prior.get(*j).map_or(1.0, |log| log.exp()));
        if probability > EVIDENT * odds * (1.0 - probability) { probability } else { 0.0 }
    };
    let expected_f1 =
        |columns: &[usize]| 2.0 * columns.iter().map(evident).sum::<f64>() / (columns.len() as f64 + size);
    let mut best = (enough, expected_f1(&columns[enough]));
    for (place, columns) in columns.iter().enumerate().skip(enough + 1) {
        let f1 = expected_f1(columns);
        if f1 > best.1 {
            best = (place, f1);
        }
    }
    best.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn more_columns_are_chosen_only_where_the_data_speak_for_them() {
        let columns: Vec<Vec<usize>> = (0..=3).map(|k| (0..k).collect()).collect();
        let loss = [4.0, 0.5, 0.4, 0.3];
        let mut probability = vec![0.001; 1_000];
        probability[..3].copy_from_slice(&[0.9, 0.6, 0.02]);
        let many = Inclusion { probability: &probability, log_prior: &[], n_choices: 1_000, size: 1.6, most: 20 };
        assert_eq!(choose(&columns, &loss, 1.0, many), 2);
        // Among three columns the prior's is .5: a probability of .6 is no evidence.
        let few = Inclusion { probability: &probability[..3], log_prior: &[], n_choices: 3, size: 1.6, most: 3 };
        assert_eq!(choose(&columns, &loss, 1.0, few), 1);
        assert_eq!(choose(&columns, &loss, 0.1, many), 3);
    }
}
