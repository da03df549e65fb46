"""Made-up vectors of people, and distances of strangers."""

from __future__ import annotations

import numpy as np

from enrich.items import FloatArray
from tools.calibrate.trials import Trials


def unit_vectors(people: np.ndarray, spread: float, seed: int) -> FloatArray:
    random = np.random.default_rng(seed)
    middles = random.normal(size=(people.max() + 1, 16))
    found = middles[people] + spread * random.normal(size=(len(people), 16))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def strangers(count: int, start: float = 0.5) -> Trials:
    """Distances that rise by a thousandth."""
    return Trials(start + np.arange(count) / 1000, np.ones(count), count)
