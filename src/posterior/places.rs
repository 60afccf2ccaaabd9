//! Where effects may have been, of sweeps at even intervals.

use super::draws::Draws;
use super::tolerances::PLACES_KEPT;
use crate::report::Places;
use ndarray::Array2;
use std::collections::HashMap;

/// Columns and their probabilities, of one effect after the other, sweep by sweep.
pub(super) struct Record {
    kept: Draws<Sweep>,
    /// The sweep that goes on, and how many are done.
    current: Sweep,
    done: usize,
}

#[derive(Default)]
struct Sweep {
    likely: Vec<(usize, f64)>,
    /// Of each entry: where it ends, and how many effects are alike in it.
    entries: Vec<(usize, usize)>,
}

impl Default for Record {
    fn default() -> Self {
        Self { kept: Draws::new(1, PLACES_KEPT), current: Sweep::default(), done: 0 }
    }
}

impl Record {
    /// Columns where each of some effects of this sweep may be, but for those that are too improbable.
    pub fn push(&mut self, likely: impl Iterator<Item = (usize, f64)>, times: usize) {
        let Sweep { likely: all, entries } = &mut self.current;
        let before = all.len();
        all.extend(likely);
        if all.len() > before {
            entries.push((all.len(), times));
        }
    }

    pub fn end_sweep(&mut self) {
        let sweep = std::mem::take(&mut self.current);
        if self.kept.wants(self.done) {
            self.kept.push(sweep);
        }
        self.done += 1;
    }

    /// The same among the columns `candidates` alone, which are `features` for the caller.
    pub fn among(self, candidates: &[usize], features: Vec<usize>, correlation: Array2<f64>) -> Places {
        let place: HashMap<usize, usize> = candidates.iter().enumerate().map(|(i, &j)| (j, i)).collect();
        let sweeps = self.kept.into_inner();
        let mut places = Places {
            n_sweeps: sweeps.len(),
            features,
            correlation,
            column: Vec::new(),
            probability: Vec::new(),
            start: vec![0],
            sweep: Vec::new(),
            times: Vec::new(),
        };
        for (number, Sweep { likely, entries }) in sweeps.into_iter().enumerate() {
            let mut from = 0;
            for (end, times) in entries {
                let own = likely[from..end].iter().filter_map(|(j, p)| place.get(j).map(|i| (*i, *p)));
                let before = places.column.len();
                for (column, probability) in own {
                    places.column.push(column);
                    places.probability.push(probability);
                }
                if places.column.len() > before {
                    places.start.push(places.column.len());
                    places.sweep.push(number);
                    places.times.push(times);
                }
                from = end;
            }
        }
        places
    }
}
