"""``python -m tests.standin.demo_world``: the demo world's server, which keeps its drawings for the next one.

A suite starts a world per worker and folder, and a drawing costs as much as all that a crawl does with it.
"""

from __future__ import annotations

import hashlib
import shutil
import sys
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import NamedTemporaryFile

from enrich import demo
from enrich.demo import server
from enrich.demo.__main__ import main
from enrich.demo.cast import Person
from enrich.demo.pictures import Studio
from enrich.demo.truth import Drawing

KEPT = Path(__file__).resolve().parents[2] / ".pytest_cache" / "drawings"


def _program() -> str:
    """What decides how a drawing looks: the demo's own code and the libraries that draw and encode."""
    code = hashlib.sha256()
    for path in sorted(Path(demo.__file__).parent.glob("*.py")):
        code.update(path.read_bytes())
    for library in ("numpy", "opencv-python-headless", "pillow"):
        code.update(version(library).encode())
    return code.hexdigest()[:16]


class KeepingStudio(Studio):
    """A studio whose developed drawings are kept in a folder per version of the code."""

    def __init__(self, people: Mapping[str, Person]) -> None:
        super().__init__(people)
        self._folder = KEPT / _program()
        self._folder.mkdir(parents=True, exist_ok=True)
        for other in KEPT.iterdir():
            if other != self._folder:
                shutil.rmtree(other, ignore_errors=True)

    def develop(self, drawing: Drawing, longest_px: int | None = None) -> tuple[bytes, str]:
        """Bytes and content type, from the folder if they are there."""
        wanted = repr((drawing, longest_px, [self._people[key].look for key in drawing.people]))
        kept = self._folder / hashlib.sha256(wanted.encode()).hexdigest()
        if kept.exists():
            head, _, rest = kept.read_bytes().partition(b"\n")
            return rest, head.decode()
        body, content_type = super().develop(drawing, longest_px)
        with NamedTemporaryFile(dir=self._folder, delete=False) as unfinished:
            unfinished.write(content_type.encode() + b"\n" + body)
        Path(unfinished.name).replace(kept)
        return body, content_type


if __name__ == "__main__":
    server.Studio = KeepingStudio  # type: ignore[attr-defined]
    sys.exit(main())
