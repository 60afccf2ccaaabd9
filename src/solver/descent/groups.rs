//! Columns that share one prior variance.

/// The group of each column, numbered from 0; without labels each column has its own variance.
#[derive(Debug, Clone, Default)]
pub struct Groups<'a> {
    labels: &'a [usize],
    sizes: Vec<f64>,
}

impl<'a> Groups<'a> {
    /// Groups by their labels, one per column; no labels for no groups.
    pub fn new(labels: &'a [usize]) -> Self {
        let mut sizes = vec![0.0; labels.iter().max().map_or(0, |last| last + 1)];
        labels.iter().for_each(|&g| sizes[g] += 1.0);
        Self { labels, sizes }
    }

    /// The label of each column.
    pub fn labels(&self) -> &'a [usize] {
        self.labels
    }

    /// Whether each column has a variance of its own.
    pub fn is_empty(&self) -> bool {
        self.labels.is_empty()
    }

    /// Gives every column of a group the value of the first.
    pub fn tie(&self, values: &mut [f64]) {
        let mut first = vec![usize::MAX; self.sizes.len()];
        for (j, &g) in self.labels.iter().enumerate() {
            first[g] = first[g].min(j);
            values[j] = values[first[g]];
        }
    }

    /// Gives every column of a group `of(sum over the group, size of the group)`.
    pub fn share(&self, values: &mut [f64], of: impl Fn(f64, f64) -> f64) {
        let mut totals = vec![0.0; self.sizes.len()];
        values.iter().zip(self.labels).for_each(|(v, &g)| totals[g] += v);
        values.iter_mut().zip(self.labels).for_each(|(v, &g)| *v = of(totals[g], self.sizes[g]));
    }

    /// Gives every column of a group the sum over the group.
    pub fn add_up(&self, values: &mut [f64]) {
        self.share(values, |total, _| total);
    }
}
