"""A small disk of its own (a tmpfs), which a test can fill up or make read-only. Only root may mount one."""

from __future__ import annotations

import contextlib
import os
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

PAGE = 4096


class SmallDisk:
    """A folder that is a file system of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._ballast = folder / "ballast"

    def fill(self, free_pages: int = 0) -> None:
        """Leave so many pages of 4 KiB."""
        self.empty()
        with self._ballast.open("wb", buffering=0) as file:
            for size in (PAGE * 64, PAGE):  # whoever else writes takes part of what there was
                with contextlib.suppress(OSError):
                    while True:
                        os.posix_fallocate(file.fileno(), file.seek(0, os.SEEK_END), size)
            file.truncate(max(file.seek(0, os.SEEK_END) - PAGE * free_pages, 0))

    def empty(self) -> None:
        """Take away what filled it."""
        self._ballast.unlink(missing_ok=True)

    def write_protect(self, protect: bool = True) -> None:
        """Allow no writes any more, to nobody."""
        mount("-o", "remount,ro" if protect else "remount,rw", str(self.folder))


def mount(*words: str) -> None:
    subprocess.run(["mount", *words], check=True, capture_output=True, text=True)


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], SmallDisk]]:
    """``small_disk(megabytes)`` makes one that goes with the test; skips the test where none can be mounted."""
    made: list[Path] = []

    def new(megabytes: int) -> SmallDisk:
        folder = tmp_path / f"disk{len(made)}"
        folder.mkdir()
        try:
            mount("-t", "tmpfs", "-o", f"size={megabytes}m", "tmpfs", str(folder))
        except (subprocess.CalledProcessError, OSError) as error:
            pytest.skip(f"needs to mount a small disk, as root may: {getattr(error, 'stderr', '') or error}")
        made.append(folder)
        return SmallDisk(folder)

    yield new
    for folder in made:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)
