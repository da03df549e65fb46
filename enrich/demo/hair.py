"""Hair: a mass behind the head and locks before it, with strands and a sheen."""

from __future__ import annotations

import cv2
import numpy as np

from enrich.demo.look import HAIR, PersonLook, Shot
from enrich.demo.relief import FloatArray, Sheet, crown_y

LENGTH = {"long": 2.5, "bob": 1.45, "bun": 0.30, "curls": 1.75, "short": 0.25}
"""How far down the hair behind the head reaches, in face units."""
FLARE = {"long": 0.08, "bob": 0.14, "curls": 0.34, "bun": -0.12, "short": -0.10}
"""How much wider it is at the ends."""
TIED = ("short", "bun")


def strands(look: PersonLook, sheet: Sheet) -> FloatArray:
    """Light and dark strands that run down the hair: float32 (rows, columns), about -2..2."""
    rng = np.random.default_rng([look.seed, 19])
    line = rng.normal(0, 1, (1, 512)).astype(np.float32)
    line = cv2.GaussianBlur(line, (0, 0), 1.2) + np.float32(0.9) * cv2.GaussianBlur(line, (0, 0), 5)
    x, y = sheet.x[None, :], sheet.y[:, None]
    wave = np.float32(0.09 * look.hair_wave) * np.sin(y * np.float32(5 + 3 * look.hair_wave) + x)
    sweep = (x - np.float32(look.parting * 0.5)) * (np.clip(-y - 0.2, 0, 2) * np.float32(0.28))
    across = (x + wave + sweep) * np.float32(80) + np.float32(256)
    flat = np.zeros(sheet.shape, np.float32)
    return np.asarray(cv2.remap(line, across, flat, cv2.INTER_LINEAR, borderMode=cv2.BORDER_WRAP), np.float32)


def hair_masks(look: PersonLook, sheet: Sheet, flow: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Coverage behind and before the head: float32 (rows, columns) each, 0..1. ``flow``: the strands."""
    tied = look.hair_style in TIED
    volume = look.hair_volume * (0.45 if tied else 1.0)
    crown = crown_y(look) - volume * 0.7
    y, bottom = sheet.y, LENGTH[look.hair_style]
    level = np.clip((0.25 - y) / (0.25 - crown), 0, 1)
    widest = look.face_width * 1.03 + volume * 0.9
    top = widest * np.sqrt(1 - level**2.9)
    side = widest * (1 + FLARE[look.hair_style] * np.clip((y - 0.2) / 1.4, 0, 1.3))
    if not tied:
        side = side + 0.07 * look.hair_wave * np.sin(y * 6 + look.seed % 6) * np.clip(y, 0, 1)
    if look.hair_style == "curls":
        side = side + 0.045 * np.sin(y * 14 + look.seed % 5)
    outline = np.where(y < 0.25, top, side) * np.sqrt(np.clip((bottom - y) / 0.45, 0, 1))
    reach = np.abs(sheet.x)[None, :]
    ragged = flow * (np.clip(y - 0.2, 0, 1) * np.float32(0.03) + np.float32(0.012))[:, None]
    behind = _edge(outline.astype(np.float32)[:, None] - reach + ragged, sheet, 0.05) * (outline > 0.02)[:, None]
    if look.hair_style == "bun":
        knot = np.hypot(sheet.x[None, :] - look.parting * 0.3, (y[:, None] - crown + 0.10) * 1.15)
        behind = np.maximum(behind, _edge((0.40 - knot).astype(np.float32), sheet, 0.04))
    return behind, np.minimum(behind, _front(look, sheet, flow))


def _front(look: PersonLook, sheet: Sheet, flow: FloatArray) -> FloatArray:
    """The hair that lies over the forehead and beside the face: all but an opening shaped like an arch."""
    x, y = sheet.x[None, :], sheet.y[:, None]
    tied = look.hair_style in TIED
    peak = look.parting * (0.20 if tied else 0.55)
    centre = 0.05 if tied else 0.45
    reach = look.face_width * (1.0 if tied else 0.90 - 0.14 * look.hair_volume)
    open_width = np.where(x < peak, reach + peak, reach - peak).astype(np.float32)
    if not tied:
        open_width = open_width + np.float32(0.30) * np.clip(y - 0.9, 0, 2)
    share = np.minimum(np.abs(x - np.float32(peak)) / open_width, 1)
    arch = centre - (centre - look.hairline_y) * np.sqrt(1 - share**2.2)
    below = y >= centre
    beside = np.abs(x - np.float32(peak)) - open_width
    depth = np.where(below, beside, np.maximum(arch - y, beside))
    if look.fringe:
        level = look.hairline_y + look.fringe * (-look.brow_gap + 0.10 - look.hairline_y)
        fringe = level + 0.05 * x * np.sign(look.parting) - 0.06 * x**2 + 0.03 * np.sin(x * 29 + look.seed % 6)
        depth = np.maximum(depth, np.where(below, -1, fringe - y))
    if tied:
        depth = np.where(y > centre, -1, depth)
    return _edge((depth + flow * np.float32(0.022)).astype(np.float32), sheet, 0.06)


def _edge(depth: FloatArray, sheet: Sheet, soft: float) -> FloatArray:
    return np.asarray(np.clip(depth / np.float32(max(soft, 1 / sheet.scale)), 0, 1), np.float32)


def hair_colours(look: PersonLook, shot: Shot, sheet: Sheet, flow: FloatArray) -> FloatArray:
    """The colour of hair everywhere on the sheet, strands and sheen included: float32 (rows, columns, 3)."""
    x, y = sheet.x[None, :], sheet.y[:, None]
    turn = np.float32(0.20 * np.sin(np.radians(shot.light_deg)))
    bow = y + np.float32(0.28) * x * x
    sheen = np.exp(-(((bow + np.float32(1.05)) / np.float32(0.22)) ** 2))
    sheen += np.float32(0.5) * np.exp(-(((bow - np.float32(1.2)) / np.float32(0.3)) ** 2))
    round_off = 1 - np.float32(0.15) * x * x + turn * x
    light = (np.float32(0.66 + 0.26 * shot.ambient) + np.float32(0.09) * flow) * np.clip(round_off, 0.35, 1.3)
    base = np.asarray(HAIR[look.hair_colour], dtype=np.float32)
    gleam = sheen * (np.float32(0.11) + np.float32(0.06) * flow)
    return np.asarray(
        light[:, :, None] * base + gleam[:, :, None] * (base * np.float32(0.6) + np.float32(0.10)), np.float32
    )
