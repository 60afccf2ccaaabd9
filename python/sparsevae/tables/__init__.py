"""Tables in files: CSV, Parquet, NumPy and PLINK, read with errors that name line and column."""

from ._reader import SUFFIXES, read_table
from ._table import Table

__all__ = ["SUFFIXES", "Table", "read_table"]
