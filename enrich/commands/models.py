"""``scrapy models list | pull PACK | check PACK | calibrate PACK``: the model packs, their files, whether they work
here, and what their distances mean."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from scrapy.commands import ScrapyCommand
from scrapy.exceptions import UsageError

from enrich.commands.arguments import refuse_options
from enrich.errors import ConfigError, EnrichError
from enrich.runtime.runner import FAILED, complain

if TYPE_CHECKING:
    from enrich.faces.pack import ModelPack


class Command(ScrapyCommand):
    """Models are heavy to import: nothing of theirs is loaded before the command runs."""

    requires_project = True
    requires_crawler_process = False
    default_settings: ClassVar[dict[str, Any]] = {"LOG_ENABLED": False}

    def syntax(self) -> str:
        return "list | pull PACK | check PACK | calibrate PACK --images DIR [--out FILE] [--plot FILE.png]"

    def short_desc(self) -> str:
        return "List, fetch, check or calibrate model packs"

    def long_desc(self) -> str:
        return (
            "List the model packs and their files, fetch a pack's files, verify a pack and run it once, or find its "
            "match distances on pictures of known people."
        )

    def add_options(self, parser: argparse.ArgumentParser) -> None:
        super().add_options(parser)
        group = parser.add_argument_group("calibrate")
        group.add_argument("--images", metavar="DIR", help="pictures as PERSON/FILE or GROUP/PERSON/FILE")
        group.add_argument("--out", metavar="FILE", help="write the proposed lines of a pack.yaml to a new file")
        group.add_argument("--plot", metavar="FILE.png", help="draw both error rates and the distances (matplotlib)")

    def run(self, args: list[str], opts: argparse.Namespace) -> None:
        refuse_options(args)
        try:
            given = [name for name in ("images", "out", "plot") if getattr(opts, name)]
            if given and args[:1] != ["calibrate"]:
                raise ConfigError(f"--{given[0]} is an option of `scrapy models calibrate`")
            match args:
                case ["list"]:
                    self._list()
                case ["pull", name]:
                    self._pull(name)
                case ["check", name]:
                    self._check(name)
                case ["calibrate", name]:
                    self._calibrate(name, opts)
                case _:
                    raise UsageError("say one of: list, pull PACK, check PACK, calibrate PACK")
        except EnrichError as error:
            complain(str(error))
            self.exitcode = FAILED

    @property
    def _models_dir(self) -> Path:
        assert self.settings is not None
        return Path(self.settings.get("MODELS_DIR") or Path(self.settings.get("DATA_DIR") or "data") / "models")

    def _list(self) -> None:
        from enrich.faces.pack import known_packs, load_pack

        assert self.settings is not None
        chosen = self.settings.get("MODEL_PACK")
        names = known_packs()
        for name in names if chosen is None or chosen in names else [*names, chosen]:
            pack = load_pack(name, self._models_dir, complete=False)
            _print_pack(pack, chosen=name == chosen)

    def _pull(self, name: str) -> None:
        from enrich.faces.fetch import pull
        from enrich.faces.pack import load_pack

        fetched = pull(name, self._models_dir)
        pack = load_pack(name, self._models_dir)
        if not fetched:
            print(f"{name}: all {len(pack.specs)} files are in {pack.folder} already, and verified")
        for path in fetched:
            print(f"{name}: fetched {path} ({_megabytes(path)}), verified")
        print(f"{name}: {pack.licence}")

    def _check(self, name: str) -> None:
        from enrich.errors import ModelError
        from enrich.faces.check import check
        from enrich.faces.fetch import damaged
        from enrich.faces.pack import load_pack

        assert self.settings is not None
        pack = load_pack(name, self._models_dir)
        if lines := damaged(pack):
            raise ModelError("; ".join(lines))
        print(f"{name}: {len(pack.specs)} files verified in {pack.folder}; fingerprint {pack.fingerprint}")
        result = check(pack, self.settings.get("EMBED_DEVICE") or "auto")
        seen = "no face" if result.confidence is None else f"the face at confidence {result.confidence:.2f}"
        vectors = ", ".join(f"{recogniser} of {dim} numbers" for recogniser, dim in result.dims.items())
        print(
            f"{name}: loaded in {result.load_seconds:.2f} s, runs on {result.device}; found {seen} in a drawing in "
            f"{result.analyse_seconds * 1000:.0f} ms; made {vectors} in {result.embed_seconds * 1000:.0f} ms"
        )
        if result.apart is not None:
            print(f"{name}: the vectors are within {result.apart:.0e} (cosine distance) of those made by the processor")

    def _calibrate(self, name: str, opts: argparse.Namespace) -> None:
        from enrich.faces.pack import load_pack

        try:
            from tools.calibrate.report import calibrate_pack, check_options
        except ImportError as error:
            raise EnrichError(f"calibrate is a tool of the project's checkout, run it there ({error})") from error
        assert self.settings is not None
        check_options(opts)
        calibrate_pack(load_pack(name, self._models_dir), self.settings.get("EMBED_DEVICE") or "auto", opts)


def _print_pack(pack: ModelPack, *, chosen: bool) -> None:
    print(f"{pack.name}{'  (MODEL_PACK)' if chosen else ''}\n  licence: {pack.licence}\n  folder:  {pack.folder}")
    print(f"  vectors: {', '.join(f'{spec.name} of {spec.dim} numbers' for spec in pack.recognisers)}")
    for spec in pack.specs:
        path = pack.path(spec)
        print(f"    {spec.file:42} {_megabytes(path) if path.is_file() else 'missing'}")
    if pack.missing() and not pack.fetch and pack.origin:
        print(f"  place what is missing there yourself: {pack.origin}")


def _megabytes(path: Path) -> str:
    return f"{path.stat().st_size / 1e6:.1f} MB"
