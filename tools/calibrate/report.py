"""``scrapy models calibrate``: what match distances cost on pictures of known people, and which to put into a pack."""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from math import floor
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from enrich.errors import ConfigError, EnrichError

if TYPE_CHECKING:
    from enrich.faces.pack import ModelPack, RecogniserSpec
    from enrich.items import FloatArray
    from tools.calibrate.distances import Confidence, Result
    from tools.calibrate.labelled import Sample
    from tools.calibrate.trials import Share

ENOUGH = 10
"""From so many hits on a rate is said itself, not only what it is at most."""


def check_options(opts: argparse.Namespace) -> None:
    """Raise ConfigError for options that are missing or name files that cannot be written."""
    given = [name for name in ("images", "out", "plot") if getattr(opts, name)]
    if not opts.images:
        raise ConfigError("calibrate needs --images DIR, a folder with a folder of pictures for each person")
    for name in ("out", "plot"):
        path = Path(getattr(opts, name) or "")
        if name in given and path.exists():
            raise ConfigError(f"--{name} {path}: is there already, and nothing is overwritten")
        if name in given and not path.parent.is_dir():
            raise ConfigError(f"--{name} {path}: there is no folder {path.parent}")
    if opts.plot and Path(opts.plot).suffix.lower() != ".png":
        raise ConfigError(f"--plot {opts.plot}: the name should end in .png")


def calibrate_pack(pack: ModelPack, device: str, opts: argparse.Namespace) -> None:
    """Print the figures, then write what ``--out`` and ``--plot`` ask for. Raises EnrichError."""
    from enrich.faces.engine import FaceEngine
    from tools.calibrate.curves import plot, require_matplotlib
    from tools.calibrate.distances import calibrate, confidence
    from tools.calibrate.labelled import embed_labelled, labelled_pictures

    if opts.plot:
        require_matplotlib()
    pictures = labelled_pictures(Path(opts.images))
    sample = embed_labelled(FaceEngine(pack, device), pictures)
    try:
        results = {spec.name: calibrate(sample, spec.name) for spec in pack.recognisers}
    except EnrichError as error:
        left_out = next(((name, why) for name, why in sample.left_out.items()), None)
        example = f" ({left_out[0]}: {left_out[1]})" if left_out else ""
        counts = f"{len(sample.people)} of {len(pictures)} pictures counted{example}"
        raise EnrichError(f"--images {opts.images}: {error}; {counts}") from error
    detector = confidence(sample, pack.detector.threshold)
    _print_sample(pack, sample)
    _print_confidence(pack, detector)
    for spec in pack.recognisers:
        _print_result(spec, results[spec.name], sample)
    if len(results) > 1:
        _print_together(sample, results)
    if opts.out:
        _write_new(Path(opts.out), snippet(pack, sample, detector, results).encode())
    if opts.plot:
        _write_new(Path(opts.plot), plot(results, f"{pack.name}: {_counted(sample)}"))


def snippet(pack: ModelPack, sample: Sample, detector: Confidence, results: Mapping[str, Result]) -> str:
    """The lines of a pack.yaml that were calibrated, with how they were got."""
    from tools.calibrate.distances import RATES

    now = f"{datetime.now(UTC):%Y-%m-%d}"
    lines = [
        f"# {pack.name}: proposed by `scrapy models calibrate` on {now}, to be put into its pack.yaml.",
        f"# From {_counted(sample)}; {len(sample.left_out)} pictures left out.",
        f"# sha256 of the list of pictures (name, space, sha256, newline; by name): {sample.digest}",
        f"# Fingerprint of the pack: {pack.fingerprint}",
        f"# {_spoken(detector)}",
        f"min_detection_confidence: {detector.proposed:.2f}",
        "recognisers:",
    ]
    for spec in pack.recognisers:
        result = results[spec.name]
        lines += [f"  - name: {spec.name}", f"    # For a false match rate of {_rate(RATES[0])}:"]
        lines += [f"    # {line}" for line in _costs(result, RATES[0])]
        lines.append(f"    match_distances: {_distances(result.proposed[RATES[0]])}")
        for rate in RATES[1:]:
            lines.append(f"    # For {_rate(rate)}: {_distances(result.proposed[rate])}")
            lines += [f"    # {line}" for line in _costs(result, rate)]
        norms = sample.norms[spec.name]
        lines.append(f"    # 2 % below the least norm of {len(norms)} faces; a shorter vector is unrecognisable.")
        lines.append(f"    least_norm: {least_norm(norms)}")
    return "\n".join(lines) + "\n"


def least_norm(norms: FloatArray) -> float:
    """The floor below which a face counts as unrecognisable: 2 % below the least norm of the n norms, float32 (n,)."""
    return floor(98 * float(norms.min())) / 100


def _costs(result: Result, rate: float) -> Iterator[str]:
    """What the proposed distances cost, a line for each number of faces."""
    for each, limit in zip(result.bins, result.limits[rate], strict=True):
        distance = result.proposed[rate][each.existing.least]
        strangers, own = each.strangers.below(distance), each.own.from_(distance)
        lacking = "" if limit.carried else f"; {_needed(rate)} would be needed to say {_rate(rate)}"
        yield (
            f"{each.existing.spoken}: below {distance:.4f} false matches {_share(strangers)}, "
            f"misses {_share(own)}{lacking}"
        )


def _print_sample(pack: ModelPack, sample: Sample) -> None:
    print(f"{pack.name}: {_counted(sample)}; left out: {len(sample.left_out)}")
    for name, why in sample.left_out.items():
        print(f"  {name}: {why}")


def _print_confidence(pack: ModelPack, detector: Confidence) -> None:
    print(f"\ndetector: {_spoken(detector)}")
    print(f"  min_detection_confidence: {detector.proposed:.2f} proposed, {pack.min_detection_confidence:.2f} now")


def _print_result(spec: RecogniserSpec, result: Result, sample: Sample) -> None:
    from tools.calibrate.distances import RATES

    pairs = result.bins[0]
    count = int(sample.people.max()) + 1
    print(
        f"\n{spec.name}: {pairs.own.trials:,} pairs of one person, {pairs.strangers.trials:,} of two "
        f"({count * (count - 1) // 2:,} pairs of people)"
    )
    one, other, distance = result.nearest
    print(f"  nearest strangers: {one} and {other}, {distance:.4f}; a wrong label would be found here")
    print(f"  {'faces':6} {'false match rate':17} {'distance':9} {'false matches':38} misses")
    for position, each in enumerate(result.bins):
        limits = {rate: result.limits[rate][position] for rate in RATES}
        rows = [(f"{_rate(rate)}{'' if limit.carried else ' *'}", limit.distance) for rate, limit in limits.items()]
        rows += [("proposed", result.proposed[RATES[0]][each.existing.least])]
        rows += [("in the pack now", spec.match_distance(each.existing.least))]
        for label, at in rows:
            costs = f"{_share(each.strangers.below(at)):38} {_share(each.own.from_(at))}"
            print(f"  {each.existing.label:6} {label:17} {at:<9.4f} {costs}")
    if not all(limit.carried for limits in result.limits.values() for limit in limits):
        needs = ", ".join(f"{_needed(rate)} for {_rate(rate)}" for rate in RATES)
        print(f"  * too few comparisons to say so ({needs}): the distance below which there is no false match")
    for rate in RATES:
        print(f"  match_distances for {_rate(rate)}: {_distances(result.proposed[rate])}")
    norms = sample.norms[spec.name]
    print(
        f"  least_norm: {least_norm(norms)} proposed, {spec.least_norm or 'none'} now; "
        f"the faces' norms: {norms.min():.2f} to {norms.max():.2f}, {np.median(norms):.2f} in the middle"
    )
    if sample.groups:
        _print_groups(result, sample)


def _print_groups(result: Result, sample: Sample) -> None:
    from tools.calibrate.distances import RATES
    from tools.calibrate.trials import genuine, impostors

    print("  by group, at the proposed distances:")
    print(f"  {'group':16} {'people':7} {'faces':6} {'false matches within the group':38} misses")
    for group in sample.groups:
        rows = sample.group(group)
        people = sample.people[rows]
        among = result.distances[rows][:, rows]
        for each in result.bins:
            limit = result.proposed[RATES[0]][each.existing.least]
            own, strangers = genuine(among, people, each.existing), impostors(among, people, each.existing)
            false = "none to compare" if strangers is None else _share(strangers.below(limit))
            missed = "none to compare" if own is None else _share(own.from_(limit))
            print(f"  {group:16} {len(set(people.tolist())):<7} {each.existing.label:6} {false:38} {missed}")


def _print_together(sample: Sample, results: Mapping[str, Result]) -> None:
    """All recognisers have to agree before a face is taken."""
    from tools.calibrate.distances import RATES
    from tools.calibrate.trials import together

    print(f"\n{' and '.join(results)} have to agree: at the proposed distances, together")
    print(f"  {'faces':6} {'false matches':38} misses")
    distances = {name: result.distances for name, result in results.items()}
    limits = {name: result.proposed[RATES[0]] for name, result in results.items()}
    for each in next(iter(results.values())).bins:
        matched = together(distances, limits, sample.people, each.existing, same=True)
        false = together(distances, limits, sample.people, each.existing, same=False)
        print(f"  {each.existing.label:6} {_share(false):38} {_share(matched.complement)}")


def _write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet, whole or not at all. Raises EnrichError."""
    unfinished = path.with_name(f".{path.name}.part")
    try:
        unfinished.write_bytes(content)
        path.hardlink_to(unfinished)  # fails where the name was taken meanwhile
    except OSError as error:
        raise EnrichError(f"{path}: cannot be written: {error.strerror}") from error
    finally:
        unfinished.unlink(missing_ok=True)
    print(f"\n{path}: written")


def _counted(sample: Sample) -> str:
    groups = f" in {len(sample.groups)} groups" if sample.groups else ""
    return f"{len(sample.people):,} pictures of {int(sample.people.max()) + 1:,} people{groups}"


def _spoken(detector: Confidence) -> str:
    words = {0.0: "lowest", 0.01: "1 % below", 0.05: "5 % below", 0.5: "half below", 1.0: "highest"}
    figures = ", ".join(f"{words[share]} {value:.2f}" for share, value in detector.quantiles.items())
    overlap = ": they overlap" if detector.overlap else ""
    return (
        f"{detector.faces:,} faces, each alone in its picture: {figures}; "
        f"the same pictures with their tiles shuffled {detector.decoys:.2f} at most{overlap}"
    )


def _share(share: Share) -> str:
    hits = f"{share.hits:,.1f}".removesuffix(".0")
    observed = f", {_rate(share.rate)}" if share.hits >= ENOUGH else ""
    return f"{hits} of {share.trials:,}{observed} (at most {_rate(share.at_most)})"


def _rate(value: float) -> str:
    """``1e-3``, ``2.5e-4``; from a hundredth on in percent."""
    if value >= 0.01:
        return f"{100 * value:.2g} %" if value < 0.995 else "100 %"
    mantissa, exponent = f"{value:.1e}".split("e")
    return f"{mantissa.removesuffix('.0')}e{int(exponent)}"


def _needed(rate: float) -> str:
    return f"{3 / rate:,.0f}"


def _distances(distances: Mapping[int, float]) -> str:
    return "{" + ", ".join(f"{faces}: {distance:g}" for faces, distance in distances.items()) + "}"
