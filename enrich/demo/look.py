"""What a drawn person looks like, and how one picture of that person is taken: plain numbers.

Lengths are in face units: 1 is half the width of an average face, the eyes lie on y = 0, y grows downward, z toward
the viewer. Colours are RGB, 0..1.
"""

from __future__ import annotations

from dataclasses import dataclass

Colour = tuple[float, float, float]

SKIN: tuple[Colour, ...] = (
    (0.96, 0.82, 0.74),
    (0.93, 0.77, 0.66),
    (0.88, 0.70, 0.56),
    (0.82, 0.63, 0.47),
    (0.72, 0.52, 0.37),
    (0.60, 0.42, 0.30),
    (0.47, 0.32, 0.23),
    (0.36, 0.24, 0.18),
)
HAIR: dict[str, Colour] = {
    "BLACK": (0.09, 0.075, 0.075),
    "BRUNETTE": (0.29, 0.18, 0.11),
    "AUBURN": (0.43, 0.18, 0.10),
    "RED": (0.66, 0.27, 0.11),
    "BLONDE": (0.84, 0.68, 0.42),
    "GREY": (0.60, 0.60, 0.62),
    "WHITE": (0.90, 0.88, 0.86),
}
EYES: dict[str, Colour] = {
    "BROWN": (0.30, 0.18, 0.10),
    "HAZEL": (0.45, 0.34, 0.16),
    "GREEN": (0.30, 0.48, 0.30),
    "BLUE": (0.28, 0.47, 0.68),
    "GREY": (0.48, 0.53, 0.57),
}
LIPSTICK: tuple[Colour, ...] = (
    (0.72, 0.10, 0.16),
    (0.52, 0.08, 0.20),
    (0.86, 0.36, 0.42),
    (0.66, 0.30, 0.24),
    (0.42, 0.16, 0.22),
)
SHADOW: tuple[Colour, ...] = (
    (0.25, 0.22, 0.30),
    (0.42, 0.28, 0.20),
    (0.30, 0.36, 0.52),
    (0.55, 0.30, 0.36),
    (0.24, 0.36, 0.32),
)
HAIR_STYLES = ("long", "bob", "bun", "curls", "short")


@dataclass(frozen=True, slots=True, kw_only=True)
class PersonLook:
    """One individual: everything that stays the same from picture to picture."""

    seed: int
    masculine: bool
    skin: Colour
    face_width: float
    temple: float
    jaw: float
    jaw_height: float
    chin_width: float
    chin_y: float
    hairline_y: float
    cheekbone: float
    cheek_hollow: float
    eye_x: float
    eye_length: float
    eye_opening: float
    eye_tilt: float
    eye_depth: float
    lid_crease: float
    iris_radius: float
    eye_colour: str
    brow_gap: float
    brow_thickness: float
    brow_arch: float
    brow_tilt: float
    brow_length: float
    brow_darkness: float
    nose_length: float
    nose_width: float
    nose_bridge: float
    nose_height: float
    nose_hump: float
    mouth_drop: float
    mouth_width: float
    upper_lip: float
    lower_lip: float
    lip_bow: float
    lip_colour: Colour
    lip_paint: float
    eye_shadow: Colour
    eye_paint: float
    liner: float
    blush: float
    freckles: float
    folds: float
    moles: tuple[tuple[float, float, float], ...]
    glasses: float
    """0 for none, else the half-height of the lenses."""
    glasses_square: float
    glasses_colour: Colour
    beard: float
    hair_colour: str
    hair_style: str
    parting: float
    fringe: float
    hair_volume: float
    hair_wave: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Shot:
    """How one picture is taken: what changes from picture to picture of the same person. Angles in degrees."""

    seed: int
    width_px: int = 600
    height_px: int = 800
    face_px: float = 108.0
    """Pixels per face unit, i.e. half the width of the face."""
    centre_x: float = 0.5
    centre_y: float = 0.42
    """Where the point between the eyes lies, as a share of the picture's width and height."""
    yaw_deg: float = 0.0
    pitch_deg: float = 0.0
    roll_deg: float = 0.0
    light_deg: float = 20.0
    light_height: float = 0.5
    ambient: float = 0.5
    warmth: float = 0.0
    exposure: float = 1.0
    smile: float = 0.3
    mouth_open: float = 0.0
    brow_raise: float = 0.0
    lids: float = 1.0
    gaze: float = 0.0
    noise: float = 0.012
