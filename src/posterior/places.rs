//! Where effects may have been, of all sweeps.

use crate::report::Places;
use ndarray::Array2;
use std::collections::HashMap;

/// Columns and their probabilities, of one effect after the other, sweep by sweep.
#[derive(Default)]
pub(super) struct Record {
    pub n_sweeps: usize,
    likely: Vec<(usize, f64)>,
    /// Of each entry: where it ends, its sweep, and how many effects are alike in it.
    entries: Vec<(usize, usize, usize)>,
}

impl Record {
    pub fn begin_sweep(&mut self) {
        self.n_sweeps += 1;
    }

    /// Columns where each of some effects of this sweep may be, but for those that are too improbable.
    pub fn push(&mut self, likely: impl Iterator<Item = (usize, f64)>, times: usize) {
        let before = self.likely.len();
        self.likely.extend(likely);
        if self.likely.len() > before {
            self.entries.push((self.likely.len(), self.n_sweeps - 1, times));
        }
    }

    /// The same among the columns `candidates` alone, which are `features` for the caller.
    pub fn among(&self, candidates: &[usize], features: Vec<usize>, correlation: Array2<f64>) -> Places {
        let place: HashMap<usize, usize> = candidates.iter().enumerate().map(|(i, &j)| (j, i)).collect();
        let mut places = Places {
            n_sweeps: self.n_sweeps,
            features,
            correlation,
            column: Vec::new(),
            probability: Vec::new(),
            start: vec![0],
            sweep: Vec::new(),
            times: Vec::new(),
        };
        let mut from = 0;
        for &(end, sweep, times) in &self.entries {
            let own = self.likely[from..end].iter().filter_map(|(j, p)| place.get(j).map(|i| (*i, *p)));
            let before = places.column.len();
            for (column, probability) in own {
                places.column.push(column);
                places.probability.push(probability);
            }
            if places.column.len() > before {
                places.start.push(places.column.len());
                places.sweep.push(sweep);
                places.times.push(times);
            }
            from = end;
        }
        places
    }
}
