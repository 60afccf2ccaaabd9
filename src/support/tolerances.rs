//! Constants that decide which columns are in, and where each comes from.

/// Rounding in the caller's own product `X z`, in units of the precision of the data. Chosen by hand: a sum over
/// columns is a few units off for the sizes that are usual.
pub(crate) const ROUNDING: f64 = 32.0;
/// Times the tolerance that a column of a proved solution must explain, which no other of it does. Noise that is hardly
/// above rounding cannot hide behind a column then. Chosen by hand.
pub(crate) const MATTERS: f64 = 1e3;
/// Share of the response up to which a steep fall of the residual ends at noise, that of data with at least 6 digits.
pub(crate) const NEARLY: f64 = 1e-6;
/// Times what a support leaves that another must leave to be a worse one, where there is such noise. Chosen by hand.
pub(crate) const NOISE_MARGIN: f64 = 3.0;
/// Margin, in factors of the tolerance, by which exchanging one column must spoil the fit. Chosen by hand.
pub(crate) const EXCHANGE_MARGIN: f64 = 10.0;
/// Chance, by the union bound over all supports of the same size, below which an accidental fit is ruled out. Chosen by
/// hand: one wrong proof in a thousand million.
pub(crate) const ACCIDENT: f64 = 1e-9;

/// An exchange must lower the residual sum of squares by this share to be made, whether of columns or of groups. Chosen
/// by hand, far above rounding and far below what a column of the solution explains, so that exchanges end.
pub(crate) const EXCHANGE_SHARE: f64 = 1e-6;
/// Exchanges in a row, at most. Chosen by hand.
pub(crate) const EXCHANGE_LIMIT: usize = 50;
/// A lower criterion counts once it is lower by this; likewise a lower residual, by this share. Rounding.
pub(crate) const IMPROVED: f64 = 1e-9;
/// Below this share of the total, a residual is a candidate for being zero: rounding, for the certificate to decide.
pub(crate) const ZERO_SHARE: f64 = 1e-13;
/// Designs up to this many entries get the longer patience. Chosen by hand: a step of their path is cheap.
pub(crate) const SMALL: usize = 100_000;
/// Steps of a path beyond the size of least criterion, and how many more for each column at that size: designs up to
/// [`SMALL`], then larger ones. Chosen by hand.
pub(crate) const PATIENCE: [(usize, f64); 2] = [(20, 1.0), (8, 0.5)];
/// Share of its squared norm within which a column counts as in the span of a set of columns. Chosen by hand: updates
/// of the table of distances lose digits.
pub(crate) const DEPENDENT: f64 = 1e-7;
/// Distance of a column of norm 1 from the span of others within which it counts as dependent on them, among groups,
/// whose columns often are. Chosen by hand.
pub(crate) const DEPENDENT_IN_GROUP: f64 = 1e-6;
/// Least share of the total that a residual is taken for, so that its logarithm is finite: below rounding.
pub(crate) const LEAST_RESIDUAL: f64 = 1e-30;
