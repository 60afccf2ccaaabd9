//! Updates of the prior variances, one a file (docs/notation: w is the prior variance of a column, q and s are its
//! quality and sparsity factors).
//!
//! A rule is a function `update` of `w`, of the root mean square of `q` over the responses (and over a group), and of `s`
//! (its mean over a group); a line in the list below makes it known under its name.

macro_rules! rules {
    ($($(#[$doc:meta])* $name:literal => $rule:ident, $file:ident;)*) => {
        $(mod $file;)*

        /// An update of the prior variances.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Rule {
            $($(#[$doc])* $rule,)*
        }

        impl Rule {
            /// The rules and their names.
            pub const ALL: &[(&str, Self)] = &[$(($name, Self::$rule)),*];

            /// Updates all prior variances.
            pub(super) fn update(self, w: &mut [f64], q: &[f64], s: &[f64]) {
                match self {
                    $(Self::$rule => each(w, q, s, $file::update),)*
                }
            }
        }
    };
}

rules! {
    /// Expectation maximisation: slow, and the best at staying out of bad minima while the noise is annealed.
    "em" => Em, em;
    /// Majorisation: fast, prunes early.
    "mm" => Mm, mm;
    /// MacKay's fixed point: fastest, no guarantee of descent.
    "mackay" => MacKay, mackay;
}

/// Statically dispatched: the loop over the columns is compiled for each rule.
fn each(w: &mut [f64], q: &[f64], s: &[f64], rule: impl Fn(f64, f64, f64) -> f64) {
    w.iter_mut().zip(q.iter().zip(s)).for_each(|(w, (&q, &s))| *w = rule(*w, q, s));
}
