"""The exceptions that sparsevae raises, all under one base class, and its warning."""


class SparseVaeError(Exception):
    """Base class of every error that sparsevae itself raises."""


class ShapeError(SparseVaeError, ValueError):
    """An array has the wrong number of dimensions, rows or columns."""


class NonFiniteError(SparseVaeError, ValueError):
    """An array holds NaN or infinity."""


class DataTypeError(SparseVaeError, TypeError, ValueError):
    """An array is complex, sparse, or holds something that is no number."""


class ParameterError(SparseVaeError, ValueError):
    """A parameter lies outside its range or is of the wrong type."""


class NumericalError(SparseVaeError, ArithmeticError):
    """A factorisation failed: the problem is outside what float64 can hold."""


class DerivativeError(SparseVaeError, RuntimeError):
    """A derivative was asked for that is not computed."""


class DataUnavailableError(SparseVaeError, OSError):
    """A data set is neither in the local folder nor reachable for download."""


class StoreError(SparseVaeError, OSError):
    """A file of trials cannot be used: it is foreign, newer than this version, or not readable."""


class SchedulerError(SparseVaeError, OSError):
    """A cluster cannot be used: its package is missing, or no scheduler answers at the address."""


class VersionWarning(UserWarning):
    """An estimator was pickled by another version of sparsevae."""
