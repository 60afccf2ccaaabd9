"""The papers' figures, a folder a family. What is listed here is known by name, in this order."""

from ..engine.registry import register
from . import goldfish, lowrank, manifold, rows, training

for module in (
    goldfish,
    rows,
    training,
    lowrank,
    manifold,
):
    register(module.FAMILY)
