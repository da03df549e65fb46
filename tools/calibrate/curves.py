"""The plot of a calibration: both error rates over the match distance, and histograms of the distances."""

from __future__ import annotations

from collections.abc import Mapping
from io import BytesIO
from typing import TYPE_CHECKING

import numpy as np

from enrich.errors import EnrichError
from tools.calibrate.distances import RATES, Result
from tools.calibrate.trials import Distances, Share, Trials

if TYPE_CHECKING:
    from matplotlib.axes import Axes

STEPS = 400
COLOURS = ("#1f77b4", "#2ca02c", "#9467bd")
"""For 1, 2-3 and 4+ faces."""


def require_matplotlib() -> None:
    """Raise EnrichError, saying how to get it, where matplotlib is not installed."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError as error:
        raise EnrichError(f"--plot needs matplotlib ({error}): pip install 'matplotlib>=3.9,<4'") from error


def plot(results: Mapping[str, Result], title: str) -> bytes:
    """Return a PNG with a row for each recogniser: both error rates over the distance, and both histograms."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 4.5 * len(results)), layout="constrained")
    figure.suptitle(title)
    for (name, result), (rates, histograms) in zip(
        results.items(), figure.subplots(len(results), 2, squeeze=False), strict=True
    ):
        _plot_rates(rates, name, result)
        _plot_histograms(histograms, name, result)
    out = BytesIO()
    figure.savefig(out, format="png", dpi=110)
    return out.getvalue()


def _plot_rates(axes: Axes, name: str, result: Result) -> None:
    ends = [trials for each in result.bins for trials in (each.own, each.strangers)]
    at = np.linspace(0, max(float(np.quantile(trials.distances, 0.5)) for trials in ends), STEPS)
    for each, colour in zip(result.bins, COLOURS, strict=False):
        faces = each.existing.spoken
        axes.plot(at, _shares(each.strangers, at), color=colour, label=f"false matches, {faces}")
        axes.plot(at, 1 - _shares(each.own, at), color=colour, linestyle="--", label=f"misses, {faces}")
        axes.axvline(result.proposed[RATES[0]][each.existing.least], color=colour, linewidth=0.8, alpha=0.6)
    for rate in RATES:
        axes.axhline(rate, color="grey", linewidth=0.6)
    none_found = Share(0, result.bins[0].strangers.trials).at_most
    axes.axhline(none_found, color=COLOURS[0], linestyle=":", label="at most, without a false match (1 face)")
    axes.set_yscale("log")
    axes.set_ylim(min(RATES) / 3, 1.2)
    axes.set(title=f"{name}: what a distance costs (upright: proposed)", xlabel="cosine distance", ylabel="rate")
    axes.legend(fontsize="small")


def _plot_histograms(axes: Axes, name: str, result: Result) -> None:
    one, two = result.bins[0].own, result.bins[0].strangers
    edges = np.linspace(0, max(one.largest, two.largest), 60)
    for trials, label, colour in ((one, "one person", "#2ca02c"), (two, "two people", "#d62728")):
        counts, _ = np.histogram(trials.distances, edges)
        axes.stairs(
            counts / trials.trials, edges, fill=True, alpha=0.55, color=colour, label=f"{label}, {trials.trials:,}"
        )
    axes.set(title=f"{name}: pairs of pictures", xlabel="cosine distance", ylabel="share of the pairs")
    axes.legend()


def _shares(trials: Trials, at: Distances) -> Distances:
    return np.array([trials.below(float(distance)).rate for distance in at])
