"""``python -m tests.store.killed_export DATA OUT one-step|two-steps [TIMES]``: kills exports; OUT is whole each time.

Each export runs in a process of its own, killed before its first, its second, ... operation on a file, until one comes
to its end; or TIMES times at a random moment. ``two-steps``: as if the system could not exchange two folders.
Prints how many were killed, and after how many the old and the new release was there; fails if anything else was.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
import traceback
from pathlib import Path
from typing import Any

from enrich.store.db.database import database_url, open_database
from enrich.store.release import folder as export_folder
from enrich.store.release.export import export
from tests.store.consumer import Release


def kill_before(step: int, place: Path) -> None:
    """Kill this process before it does something with a file below ``place`` for the ``step``-th time."""
    seen = 0

    def hook(_: str, args: tuple[Any, ...]) -> None:
        nonlocal seen
        if any(isinstance(arg, str | os.PathLike) and str(arg).startswith(str(place)) for arg in args):
            seen += 1
            if seen == step:
                os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)


def killed(data: Path, out: Path, *, step: int = 0, seconds: float = 0) -> bool:
    """Export in a process of its own, to be killed before a step or after some time; whether it was."""
    child = os.fork()
    if child == 0:
        try:
            engine = open_database(database_url(data))
            if step:
                kill_before(step, out.parent)
            export(engine, out, priorities={"stashdb": 1})
            os._exit(0)
        finally:  # this is a copy of the program, which must not go on
            traceback.print_exc()
            os._exit(1)
    if seconds:
        time.sleep(seconds)
        os.kill(child, signal.SIGKILL)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) or os.WEXITSTATUS(status) == 0, "the export failed"
    return os.WIFSIGNALED(status)


def version(out: Path, *, perhaps_aside: bool) -> str:
    """The version of the whole release that is there, or that lies where renaming in two steps has left it."""
    if perhaps_aside and not out.exists():
        out = out.with_name(f".{out.name}.enrich-aside")
    found: str = Release(out).manifest["version"]
    return found


def main(data: Path, out: Path, steps: str, times: int = 0) -> None:
    """Kill and look, again and again; then let one come to its end, after which nothing else lies beside it."""
    if steps == "two-steps":
        export_folder._renameat2 = lambda: None
    count, old, new = 0, 0, 0
    started = time.monotonic()
    killed(data, out)
    whole_seconds = time.monotonic() - started
    before = version(out, perhaps_aside=False)
    for step in range(1, times + 1 if times else 1000):
        how: dict[str, Any] = {"seconds": random.uniform(0, 1.1 * whole_seconds)} if times else {"step": step}
        ended = not killed(data, out, **how)
        after = version(out, perhaps_aside=steps == "two-steps")
        assert after >= before
        count, old, new = count + (not ended), old + (after == before), new + (after > before)
        before = after
        if ended and not times:
            break
    killed(data, out)
    assert version(out, perhaps_aside=False) >= before
    assert [entry.name for entry in out.parent.iterdir()] == [out.name], "something was left beside it"
    sys.stdout.write(json.dumps({"killed": count, "old": old, "new": new}))


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]), sys.argv[3], *map(int, sys.argv[4:]))
