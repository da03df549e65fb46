"""A folder that is replaced whole or not at all: built beside its place, then swapped in by one rename.

``RENAME_EXCHANGE`` of Linux swaps two folders in one step. Where it is not available (some network file systems, other
systems) the old folder is moved aside first: killed between the two renames, the next ``claimed`` puts it back.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import shutil
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from enrich.errors import StoreError
from enrich.store.db.backup import sync, sync_folder

LOCK_SECONDS = 600.0
"""How long to wait for another process that writes the same folder."""

_AT_FDCWD, _RENAME_EXCHANGE = -100, 2


@contextmanager
def claimed(folder: Path, *, seconds: float = LOCK_SECONDS) -> Iterator[None]:
    """Nobody else writes the folder meanwhile, and what a killed process left beside it is gone.

    ``folder``: absolute, with no link in it. Its parents are made; those that are still empty at the end are removed.
    Raises StoreError if another process has it for too long, OSError if its parent cannot be written.
    """
    made = [parent for parent in folder.parents if not parent.exists()]
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with _locked(_beside(folder, "lock"), seconds):
            _clean(folder)
            yield
    finally:
        for parent in made:
            with suppress(OSError):
                parent.rmdir()


@contextmanager
def replacing(folder: Path) -> Iterator[Path]:
    """Yield an empty folder to fill, which takes the place of ``folder`` at the end, on the disk; within ``claimed``.

    On an exception, in here or outside, nothing has changed. Raises OSError.
    """
    unfinished = _beside(folder, "unfinished")
    unfinished.mkdir()
    try:
        yield unfinished
        if folder.exists():
            shutil.copymode(folder, unfinished)
        for file in unfinished.iterdir():
            sync(file)
        sync_folder(unfinished)
        _swap(unfinished, folder)
        sync_folder(folder.parent)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    _clean(folder)


def remove(folder: Path) -> None:
    """Remove the folder with all that is in it: gone in one step, whatever happens then; within ``claimed``."""
    folder.rename(_beside(folder, "unfinished"))
    sync_folder(folder.parent)
    _clean(folder)


def _beside(folder: Path, what: str) -> Path:
    return folder.with_name(f".{folder.name}.enrich-{what}")


def _clean(folder: Path) -> None:
    """Finish or undo what was being done to the folder when its process was killed; remove what is left over."""
    aside, unfinished = _beside(folder, "aside"), _beside(folder, "unfinished")
    if aside.exists() and not folder.exists():
        aside.rename(folder)
    for left in (aside, unfinished):
        if left.exists():
            shutil.rmtree(left)


def _swap(new: Path, folder: Path) -> None:
    """Put ``new`` in the folder's place. What was there is under the name of ``new``, or gone."""
    if not folder.exists():
        new.rename(folder)
        return
    try:
        _exchange(new, folder)
    except OSError as error:
        if error.errno not in (errno.EINVAL, errno.ENOSYS, errno.ENOTSUP):
            raise
        _swap_in_two_steps(new, folder)


def _swap_in_two_steps(new: Path, folder: Path) -> None:
    aside = _beside(folder, "aside")
    folder.rename(aside)
    try:
        new.rename(folder)
    except BaseException:
        aside.rename(folder)
        raise


def _renameat2() -> Callable[..., int] | None:
    try:
        function: Callable[..., int] = ctypes.CDLL(None, use_errno=True).renameat2
    except (AttributeError, OSError):
        return None
    return function


def _exchange(one: Path, other: Path) -> None:
    renameat2 = _renameat2()
    if renameat2 is None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    if renameat2(_AT_FDCWD, os.fsencode(one), _AT_FDCWD, os.fsencode(other), _RENAME_EXCHANGE) != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number), str(other))


@contextmanager
def _locked(lock: Path, seconds: float) -> Iterator[None]:
    """Hold a lock file, which is gone afterwards: no litter beside a user's folder."""
    until = time.monotonic() + seconds
    while (descriptor := _try_lock(lock)) is None:
        if time.monotonic() > until:
            raise StoreError(f"{lock}: another process has held it for {seconds:.0f} s; run this again")
        time.sleep(0.1)  # flock waits for ever or not at all
    try:
        yield
    finally:
        lock.unlink(missing_ok=True)
        os.close(descriptor)


def _try_lock(lock: Path) -> int | None:
    descriptor = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        if os.path.samestat(os.fstat(descriptor), lock.stat()):
            return descriptor
    except (BlockingIOError, FileNotFoundError):  # held, or removed by who held it
        pass
    except BaseException:
        os.close(descriptor)
        raise
    os.close(descriptor)
    return None
