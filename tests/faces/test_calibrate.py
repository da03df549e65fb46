"""Match distances from labelled pictures: the counting against brute force, the command on people drawn by code."""

from __future__ import annotations

import argparse
import itertools
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import yaml
from PIL import Image as PillowImage
from scrapy.utils.project import get_project_settings

from enrich.commands.models import Command
from enrich.errors import EnrichError
from enrich.faces import labelled
from enrich.faces.calibrate import RATES, Bin, Limit, calibrate, confidence, limits_for, propose
from enrich.faces.check import drawn_face
from enrich.faces.engine import FaceEngine
from enrich.faces.labelled import Labelled, Sample, embed_labelled, labelled_pictures
from enrich.faces.pack import ModelPack, load_pack
from enrich.faces.trials import EXISTING, Existing, Trials, at_most, distances_of, genuine, impostors, together
from enrich.items import FloatArray, Uint8Array
from tests.faces.conftest import ASSETS
from tests.faces.tiny import write_pack

ONE, FEW, MANY = EXISTING
Run = Callable[..., tuple[int, str, str]]

# --- the counting -----------------------------------------------------------------------------------------------------


def unit_vectors(people: np.ndarray, spread: float, seed: int) -> FloatArray:
    random = np.random.default_rng(seed)
    middles = random.normal(size=(people.max() + 1, 16))
    found = middles[people] + spread * random.normal(size=(len(people), 16))
    return (found / np.linalg.norm(found, axis=1, keepdims=True)).astype(np.float32)


def by_hand(
    distances: list[np.ndarray], limits: list[float], people: np.ndarray, existing: Existing, same: bool
) -> tuple[float, int]:
    """Every subset of every person's faces, each tried: the decisions for a match, and all."""
    hits, trials = 0.0, 0
    for probe, person in itertools.product(range(len(people)), range(people.max() + 1)):
        faces = [i for i in range(len(people)) if people[i] == person and i != probe]
        if (people[probe] == person) != same or len(faces) < existing.least:
            continue
        size = existing.least if same else min(len(faces), existing.most)
        subsets = list(itertools.combinations(faces, size))
        matched = [
            all(values[probe, subset].min() < limit for values, limit in zip(distances, limits, strict=True))
            for subset in map(list, subsets)
        ]
        hits, trials = hits + sum(matched) / len(subsets), trials + 1
    return hits, trials


@pytest.mark.parametrize("same", [True, False])
@pytest.mark.parametrize("existing", [FEW, MANY])
def test_shares_are_those_of_all_subsets(existing: Existing, same: bool) -> None:
    people = np.repeat(np.arange(6), [1, 2, 3, 4, 5, 7])
    first, second = (distances_of(unit_vectors(people, 1.0, seed)) for seed in (1, 2))
    trials = (genuine if same else impostors)(first, people, existing)
    assert trials is not None
    for limit in (0.2, 0.4, 0.6, 0.9):
        hits, count = by_hand([first], [limit], people, existing, same)
        found = trials.below(limit)
        assert (found.trials, found.hits) == (count, pytest.approx(hits))
        assert found.hits + trials.from_(limit).hits == pytest.approx(count)
        hits, count = by_hand([first, second], [limit, 0.5], people, existing, same)
        both = together({"a": first, "b": second}, {"a": {1: limit}, "b": {1: 0.5}}, people, existing, same=same)
        assert (both.trials, both.hits) == (count, pytest.approx(hits))


def test_with_one_face_each_pair_is_one_trial() -> None:
    people = np.array([0, 0, 1, 1, 1])
    distances = distances_of(unit_vectors(people, 1.0, 3))
    own, others = genuine(distances, people, ONE), impostors(distances, people, ONE)
    assert own is not None
    assert others is not None
    assert (own.trials, others.trials) == (1 + 3, 6)
    assert own.largest == max(distances[0, 1], distances[2, 3], distances[2, 4], distances[3, 4])
    assert others.below(others.safest).hits == 0
    assert others.below(others.safest + 2e-4).hits == 1
    limit = float(np.median(distances[:2, 2:]))
    both = together({"a": distances, "b": distances}, {"a": {1: 9.0}, "b": {1: limit}}, people, ONE, same=False)
    assert (both.hits, both.trials) == (3, 6)


def test_nobody_has_four_other_pictures() -> None:
    people = np.repeat(np.arange(3), 3)
    distances = distances_of(unit_vectors(people, 1.0, 3))
    assert genuine(distances, people, MANY) is None
    assert impostors(distances, people, MANY) is None


# --- what may be said -------------------------------------------------------------------------------------------------


def test_the_bound_is_the_rule_of_three_and_the_exact_one() -> None:
    assert at_most(0, 5775) == pytest.approx(1 - 0.05 ** (1 / 5775), rel=1e-9)
    assert at_most(0, 5775) == pytest.approx(3 / 5775, rel=2e-3)
    assert at_most(5, 1000) == pytest.approx(0.01048, abs=1e-5)  # sum of binomials up to 5 is 0.05 there
    assert at_most(7, 7) == at_most(0, 0) == 1


def strangers(count: int, start: float = 0.5) -> Trials:
    """Distances that rise by a thousandth."""
    return Trials(start + np.arange(count) / 1000, np.ones(count), count)


def test_a_distance_is_given_where_the_trials_carry_the_rate() -> None:
    many = strangers(40_000)
    distance = many.distance_for(1e-3)
    assert distance is not None
    allowed = many.below(distance)
    assert allowed.at_most <= 1e-3 < at_most(allowed.hits + 1, 40_000)
    assert allowed.hits < 40, "as many as the rate itself would be a coin's throw"
    assert many.distance_for(1e-4) == 0.5, "no false match at all"
    assert strangers(29_000).distance_for(1e-4) is None
    assert strangers(2_900).distance_for(1e-3) is None
    assert strangers(3_000).distance_for(1e-3) == 0.5


def own(largest: float) -> Trials:
    return Trials(np.array([0.1, largest]), np.ones(2), 2)


def test_too_few_trials_allow_no_more_than_fewer_faces_do() -> None:
    bins = [Bin(ONE, own(0.9), strangers(40_000, 0.4)), Bin(MANY, own(0.9), strangers(50, 0.8))]
    first, second = limits_for(1e-3, bins)
    assert first.carried
    assert second == Limit(first.distance, carried=False)
    bins = [Bin(ONE, own(0.9), strangers(50, 0.4)), Bin(MANY, own(0.9), strangers(50, 0.3))]
    assert limits_for(1e-3, bins) == (Limit(0.4, carried=False), Limit(0.3, carried=False))


@pytest.mark.parametrize(
    ("largest", "limits", "expected"),
    [
        ((0.2, 0.2, 0.2), (0.4, 0.4, 0.4), (0.3, 0.3, 0.3)),  # the middle of the gap
        ((0.2, 0.15, 0.1), (0.4, 0.4, 0.4), (0.3, 0.3, 0.3)),  # does not fall
        ((0.9, 0.8, 0.2), (0.6, 0.5, 0.4), (0.4, 0.4, 0.4)),  # nor stays above what is allowed with more faces
        ((0.9, 0.8, 0.7), (0.4, 0.5, 0.6), (0.4, 0.5, 0.6)),  # rises where the trials let it
        ((0.2312, 0.2312, 0.2312), (0.2316, 0.2316, 0.2316), (0.2314, 0.2314, 0.2314)),
    ],
)
def test_proposals(largest: tuple[float, ...], limits: tuple[float, ...], expected: tuple[float, ...]) -> None:
    bins = [Bin(existing, own(value), strangers(9)) for existing, value in zip(EXISTING, largest, strict=True)]
    proposed = propose(bins, [Limit(value, carried=True) for value in limits])
    assert list(proposed) == [1, 2, 4]
    assert list(proposed.values()) == pytest.approx(expected)


def sample_of(people: np.ndarray, vectors: FloatArray, confidences: FloatArray, decoys: FloatArray) -> Sample:
    pictures = [Labelled(path=Path(f"{n}.jpg"), name=f"{n}.jpg", person=str(who)) for n, who in enumerate(people)]
    return Sample(
        pictures=tuple(pictures),
        people=people,
        vectors={"a": vectors},
        confidences=confidences,
        decoys=decoys,
        left_out={},
        digest="",
    )


def test_confidence_lies_between_faces_and_tiles() -> None:
    people = np.arange(200) // 2
    scores = np.linspace(0.8, 0.95, 200, dtype=np.float32)
    found = confidence(sample_of(people, np.zeros((200, 2), np.float32), scores, np.full(200, 0.6, np.float32)), 0.5)
    assert found.quantiles[0.0] == pytest.approx(0.8)
    assert found.quantiles[0.01] == pytest.approx(scores[1])
    assert (found.decoys, found.overlap, found.proposed) == (pytest.approx(0.6), False, 0.7)
    few = sample_of(people[:50], np.zeros((50, 2), np.float32), scores[:50], np.zeros(50, np.float32))
    found = confidence(few, 0.5)
    assert 0.01 not in found.quantiles, "half a face is none"
    assert found.decoys == 0.5, "the detector says nothing of what is below"
    overlapping = sample_of(people, np.zeros((200, 2), np.float32), scores, np.full(200, 0.9, np.float32))
    found = confidence(overlapping, 0.5)
    assert (found.overlap, found.proposed) == (True, 0.8)


def test_a_wrong_label_is_pointed_at() -> None:
    people = np.repeat(np.arange(4), 5)
    vectors, ones = unit_vectors(people, 0.3, 1), np.ones(20, np.float32)
    vectors[12] = (vectors[3] + vectors[4]) / np.linalg.norm(vectors[3] + vectors[4])  # person 0, in 2's folder
    result = calibrate(sample_of(people, vectors, ones, ones), "a")
    assert "12.jpg" in result.nearest
    assert 0 < result.nearest[2] < 0.2
    vectors[12] = vectors[3]
    with pytest.raises(EnrichError, match=r"3\.jpg and 12\.jpg are the same to a"):
        calibrate(sample_of(people, vectors, ones, ones), "a")


# --- the command ------------------------------------------------------------------------------------------------------

FOLDERS = {"east/ann": 6, "east/bea": 5, "west/cyd": 5, "west/dot": 2}
TINTS = np.random.default_rng(5).uniform(0.35, 1.0, (len(FOLDERS), 3))


@pytest.fixture(scope="module")
def images(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two groups of two people: a drawn face, each person's in a tint of their own, a little brighter each time."""
    folder = tmp_path_factory.mktemp("people")
    face = drawn_face()[::2, ::2]
    for tint, (name, count) in zip(TINTS, FOLDERS.items(), strict=True):
        (folder / name).mkdir(parents=True)
        for number in range(count):
            picture(folder / name / f"{number}.png", face * (tint * (1 - 0.02 * number)))
    return folder


def picture(path: Path, pixels: np.ndarray) -> Path:
    PillowImage.fromarray(pixels.astype(np.uint8)).save(path)
    return path


@pytest.fixture(scope="module")
def tiny(models_dir: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A pack with two recognisers."""
    return write_pack(tmp_path_factory.mktemp("tiny") / "tiny", load_pack("opencv_zoo", models_dir))


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], models_dir: Path) -> Run:
    """``scrapy models`` in this process: exit code, stdout, stderr."""

    def run(*arguments: object) -> tuple[int, str, str]:
        command = Command()
        command.settings = get_project_settings()
        command.settings.set("MODELS_DIR", str(models_dir), priority="cmdline")
        parser = argparse.ArgumentParser()
        command.add_options(parser)
        parser.add_argument("words", nargs="*")
        opts = parser.parse_args([str(argument) for argument in arguments])
        command.run(opts.words, opts)
        return command.exitcode, *capsys.readouterr()

    return run


def test_two_recognisers_and_two_groups(run: Run, tiny: Path, images: Path, tmp_path: Path) -> None:
    out, drawing = tmp_path / "new.yaml", tmp_path / "curves.png"
    code, said, err = run("calibrate", tiny, "--images", images, "--out", out, "--plot", drawing)
    assert (code, err) == (0, "")
    assert "tiny: 18 pictures of 4 people in 2 groups; left out: 0" in said
    for name in ("facenet", "arcface"):
        part = said.split(f"\n{name}: ")[1].split("\n\n")[0]
        assert part.startswith("36 pairs of one person, 117 of two (6 pairs of people)")
        assert "1e-3 *" in part
        assert "3,000 for 1e-3, 30,000 for 1e-4" in part
        for label, count in (("1", 117), ("2-3", 54), ("4+", 38)):
            line = next(line for line in part.splitlines() if line.startswith(f"  {label:6} proposed"))
            assert f"0 of {count} (at most {100 * at_most(0, count):.2g} %)" in line
        groups = part.split("by group")[1]
        assert groups.count("  east ") == groups.count("  west ") == 3
        assert "  west             2       4+     0 of 2 (at most 78 %)" in groups, "dot has two pictures, none has six"
    assert "facenet and arcface have to agree" in said

    proposed = yaml.safe_load(out.read_text())
    written = out.read_text()
    assert "18 pictures of 4 people" in written
    assert labelled_digest(images) in written
    assert "3,000 would be needed to say 1e-3" in written
    described = yaml.safe_load((tiny / "pack.yaml").read_text())
    described["min_detection_confidence"] = proposed["min_detection_confidence"]
    for spec, new in zip(described["recognisers"], proposed["recognisers"], strict=True):
        assert spec["name"] == new["name"]
        spec |= new
    copy = tmp_path / "copy"
    copy.mkdir()
    for file in tiny.iterdir():
        (copy / file.name).symlink_to(file)
    (copy / "pack.yaml").unlink()
    (copy / "pack.yaml").write_text(yaml.safe_dump(described))
    pack = load_pack(str(copy), tmp_path)
    assert pack.fingerprint == load_pack(str(tiny), tmp_path).fingerprint, "vectors stay what they are"
    assert [set(spec.match_distances) for spec in pack.recognisers] == [{1, 2, 4}, {1, 2, 4}]
    with PillowImage.open(drawing) as drawn:
        drawn.load()
        assert drawn.format == "PNG"
        assert len(drawn.convert("L").getcolors() or []) > 50
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "curves.png", "new.yaml"]


def labelled_digest(folder: Path) -> str:
    """The digest as somebody else would work it out."""
    import hashlib

    lines = [f"{f.relative_to(folder)} {hashlib.sha256(f.read_bytes()).hexdigest()}\n" for f in folder.rglob("*.png")]
    return hashlib.sha256("".join(sorted(lines)).encode()).hexdigest()


def test_pictures_that_do_not_count_are_listed(zoo_engine: FaceEngine, face: Uint8Array, tmp_path: Path) -> None:
    small = face[::2, ::2]
    for name in ("ann", "bea"):
        (tmp_path / name).mkdir()
    picture(tmp_path / "ann" / "a.png", small)
    picture(tmp_path / "bea" / "again.png", small)
    picture(tmp_path / "ann" / "nobody.png", np.full((300, 300, 3), 128))
    picture(tmp_path / "ann" / "two.png", np.hstack([small, small]))
    (tmp_path / "bea" / "notes.txt").write_text("no picture")
    (tmp_path / "bea" / ".hidden").write_text("no picture")
    (tmp_path / "README").write_text("not a person's")
    sample = embed_labelled(zoo_engine, labelled_pictures(tmp_path))
    assert [picture.name for picture in sample.pictures] == ["ann/a.png"]
    assert dict(sample.left_out) == {
        "ann/nobody.png": "no face",
        "ann/two.png": "2 faces",
        "bea/again.png": "the same file as ann/a.png",
        "bea/notes.txt": "not an image",
    }


def test_a_large_collection_is_cut_by_people(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for person, number in itertools.product(range(20), range(3)):
        (tmp_path / f"{person}").mkdir(exist_ok=True)
        (tmp_path / f"{person}" / f"{number}.jpg").touch()
    assert len(labelled_pictures(tmp_path)) == 60
    monkeypatch.setattr(labelled, "MAX_PICTURES", 30)
    found = labelled_pictures(tmp_path)
    assert len(found) == 30
    assert len({picture.person for picture in found}) == 10
    assert found == labelled_pictures(tmp_path)


def nothing(_: Path) -> None:
    pass


def one_person(folder: Path) -> None:
    (folder / "ann").mkdir()
    for number in range(2):
        picture(folder / "ann" / f"{number}.png", drawn_face()[::2, ::2] * (1 - 0.1 * number))


def one_picture_each(folder: Path) -> None:
    for number, name in enumerate(("ann", "bea")):
        (folder / name).mkdir()
        picture(folder / name / "0.png", drawn_face()[::2, ::2] * (1 - 0.1 * number))


def unreadable(folder: Path) -> None:
    one_picture_each(folder)
    (folder / "bea" / "1.png").symlink_to(folder / "gone.png")


def only_damaged(folder: Path) -> None:
    for name in ("ann", "bea"):
        (folder / name).mkdir()
        (folder / name / "0.jpg").write_bytes(b"\xff\xd8\xff" + name.encode())


def mixed(folder: Path) -> None:
    one_person(folder)
    (folder / "ann" / "more").mkdir()


def too_deep(folder: Path) -> None:
    (folder / "group" / "ann" / "session").mkdir(parents=True)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (nothing, "no pictures in it; it should hold a folder for each person"),
        (one_person, "two people at least, each with one face; 2 of 2 pictures counted"),
        (one_picture_each, "two pictures of one person at least, each with one face; 2 of 2 pictures counted"),
        (unreadable, "1.png: cannot be read: No such file"),
        (only_damaged, "0 of 2 pictures counted (ann/0.jpg: not an image)"),
        (mixed, "holds folders and files"),
        (too_deep, "a folder too deep"),
    ],
)
def test_pictures_of_no_use_are_one_line(run: Run, tmp_path: Path, made: Callable[[Path], None], said: str) -> None:
    folder = tmp_path / "images"
    folder.mkdir()
    made(folder)
    code, out, err = run("calibrate", "opencv_zoo", "--images", folder, "--out", tmp_path / "new.yaml")
    assert (code, out, len(err.splitlines())) == (1, "", 1), err
    assert said in err
    assert not (tmp_path / "new.yaml").exists()


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("calibrate", "opencv_zoo"), "needs --images DIR"),
        (("calibrate", "nonsense", "--images", "{here}"), "neither a known pack"),
        (("calibrate", "stash_sense", "--images", "{here}"), "not found in"),
        (("calibrate", "opencv_zoo", "--images", "{here}/none"), "no such folder"),
        (("calibrate", "opencv_zoo", "--images", "{here}", "--out", "{here}/old.yaml"), "nothing is overwritten"),
        (("calibrate", "opencv_zoo", "--images", "{here}", "--out", "{here}/none/x.yaml"), "there is no folder"),
        (("calibrate", "opencv_zoo", "--images", "{here}", "--plot", "{here}/x.pdf"), "should end in .png"),
        (("list", "--plot", "{here}/x.png"), "--plot is an option of `scrapy models calibrate`"),
    ],
)
def test_mistakes_are_one_line(run: Run, tmp_path: Path, arguments: tuple[str, ...], said: str) -> None:
    (tmp_path / "old.yaml").write_text("mine")
    code, out, err = run(*(argument.format(here=tmp_path) for argument in arguments))
    assert (code, out, len(err.splitlines())) == (1, "", 1), err
    assert said in err
    assert [path.read_text() for path in tmp_path.iterdir()] == ["mine"]


def test_without_matplotlib(run: Run, images: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "matplotlib.figure", raising=False)
    code, out, err = run("calibrate", "opencv_zoo", "--images", images, "--plot", tmp_path / "curves.png")
    assert (code, out, len(err.splitlines())) == (1, "", 1)
    assert "--plot needs matplotlib" in err
    assert "pip install" in err


# --- what the packs say -----------------------------------------------------------------------------------------------


def test_packs_distances_lie_in_the_gap_of_the_portraits(engine: FaceEngine) -> None:
    """Of 22 generated people every right face is nearer, and no stranger."""
    folder = ASSETS / "faces"
    if not folder.is_dir():
        pytest.skip(f"no portraits at {folder}: set ENRICH_TEST_ASSETS")  # not the project's to ship
    sample = embed_labelled(engine, labelled_pictures(folder))
    assert (len(sample.pictures), dict(sample.left_out)) == (110, {})
    pack: ModelPack = engine.pack
    found = confidence(sample, pack.detector.threshold)
    assert found.decoys < pack.min_detection_confidence < found.quantiles[0.0]
    assert not found.overlap
    result = calibrate(sample, pack.primary.name)
    for each in result.bins:
        allowed = pack.primary.match_distance(each.existing.least)
        assert each.own.from_(allowed).hits == 0
        assert each.strangers.below(allowed).hits == 0
        assert each.own.largest < result.proposed[RATES[0]][each.existing.least] < each.strangers.safest
