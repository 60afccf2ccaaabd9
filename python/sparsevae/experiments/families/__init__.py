"""Figures, a folder a family. What is listed here is known by name, in this order."""

from ..engine.registry import register
from . import covariance, goldfish, lowrank, manifold, rows, statistics, training

for module in (
    goldfish,
    rows,
    training,
    lowrank,
    manifold,
    covariance,
    statistics,
):
    register(module.FAMILY)
