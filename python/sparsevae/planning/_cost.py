"""What a fit takes, from what was measured."""

# Columns of a working set: so many for each sample, but at least so many; and how many times as many columns a design
# has that is searched by one (src/model/sparse_regression/tolerances.rs).
_LEADING, _BACKGROUND, _WIDE = (2, 1000), (2, 500), 2
# Bytes of a fit beside the design: fixed, copies of the columns that are searched, for each column of the design. By
# the peaks of benches/peers/scale.py and those of 100 x 200 to 2,000 x 500: within a factor of two from 20 MiB on.
_FIXED, _COPIES, _COLUMN = 10 * 2**20, 5, 130
# From 100,000 columns on time grows by this power of their number at most (benches/peers/scale.py --only growth).
TIME_EXPONENT = 1.04


def memory_bytes(n_samples: int, n_features: int) -> int:
    """Estimate the memory of a fit beside the design, in bytes."""
    working = sum(max(times * n_samples, least) for times, least in (_LEADING, _BACKGROUND))
    searched = working if n_features >= _WIDE * working else n_features
    return _FIXED + 8 * _COPIES * n_samples * searched + _COLUMN * n_features
