"""``scrapy models calibrate`` on people drawn by code, and on pictures that are of no use."""

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
from enrich.faces.check import drawn_face
from enrich.faces.engine import FaceEngine
from enrich.faces.pack import load_pack
from enrich.items import Uint8Array
from tests.faces.tiny import write_pack
from tools.calibrate import labelled
from tools.calibrate.labelled import embed_labelled, labelled_pictures
from tools.calibrate.trials import at_most

Run = Callable[..., tuple[int, str, str]]
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
        assert "  least_norm: " in part
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
    norms = embed_labelled(FaceEngine(pack, "cpu"), labelled_pictures(images)).norms
    for spec in pack.recognisers:
        assert spec.least_norm == pytest.approx(0.98 * norms[spec.name].min(), abs=0.011), "just below all of them"
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
        (too_deep, "too deep"),
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
        (("calibrate", "nonsense", "--images", "{here}"), "neither a known one"),
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


def test_without_the_checkout_calibrate_is_one_line(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "tools.calibrate.report", None)
    code, out, err = run("calibrate", "opencv_zoo", "--images", tmp_path)
    assert (code, out) == (1, "")
    assert err.startswith("enrich: calibrate is a tool of the project's checkout")
    assert err.count("\n") == 1
