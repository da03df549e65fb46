"""The skin of a head before light falls on it: blush, shadows, freckles, moles, beard; and the ears."""

from __future__ import annotations

import numpy as np

from enrich.demo.look import HAIR, Colour, PersonLook, Shot
from enrich.demo.paint import blend, curve, oval
from enrich.demo.relief import FloatArray, Sheet, crown_y, mouth_y, nose_tip_y


def paint_skin(look: PersonLook, shot: Shot, sheet: Sheet) -> FloatArray:
    """The colour of the head before light falls on it: float32 (rows, columns, 3), 0..1."""
    skin = np.asarray(look.skin, dtype=np.float32)
    out = np.broadcast_to(skin, (*sheet.shape, 3)).copy()
    rosy: Colour = (float(skin[0]) * 0.98, float(skin[1]) * 0.70, float(skin[2]) * 0.68)
    blend(out, rosy, sheet.pair(0.56, 0.50, 0.22, 0.17) * np.float32(0.18 + 0.75 * look.blush * (1 - look.masculine)))
    blend(out, rosy, sheet.bump(0, nose_tip_y(look), 0.14, 0.12) * np.float32(0.25))
    deep: Colour = (float(skin[0]) * 0.80, float(skin[1]) * 0.72, float(skin[2]) * 0.72)
    blend(out, deep, sheet.pair(look.eye_x, 0.06, 0.2, 0.1) * np.float32(0.30))
    if look.freckles:
        _freckles(out, look, sheet)
    if look.beard:
        _beard(out, look, sheet)
    brown: Colour = (look.skin[0] * 0.42, look.skin[1] * 0.32, look.skin[2] * 0.28)
    for x, y, radius in look.moles:
        window, spot = sheet.part(x - 0.1, x + 0.1, y - 0.1, y + 0.1)
        blend(out[window], brown, spot.polygon(oval(x, y, radius, radius), 0.008))
    fold = np.array(
        [
            [look.nose_width + 0.05, nose_tip_y(look)],
            [look.nose_width + 0.18, mouth_y(look) - 0.14],
            [look.mouth_width + 0.06, mouth_y(look) + 0.02],
        ]
    )
    strength = np.float32(min(1.0, 0.25 + 0.45 * look.folds + 0.3 * shot.smile) * 0.6)
    for side in (-1.0, 1.0):
        blend(out, deep, sheet.stroke(curve(fold * (side, 1.0)), 0.05, 0.035) * strength)
    return out


def paint_ears(out: FloatArray, look: PersonLook, sheet: Sheet, inside: FloatArray) -> FloatArray:
    """Ears beside the head, in place; gives their coverage."""
    cover = np.zeros(sheet.shape, np.float32)
    lit_skin: Colour = (look.skin[0] * 0.80, look.skin[1] * 0.72, look.skin[2] * 0.70)
    inner: Colour = (look.skin[0] * 0.58, look.skin[1] * 0.46, look.skin[2] * 0.44)
    for side in (-1.0, 1.0):
        x = side * look.face_width * 1.02
        window, part = sheet.part(x - 0.25, x + 0.25, -0.2, 0.65)
        free = 1 - inside[window]
        shell = part.polygon(oval(x, 0.20, 0.12, 0.24), 0.01)
        blend(out[window], lit_skin, shell * free)
        blend(out[window], inner, part.polygon(oval(x + side * 0.02, 0.19, 0.055, 0.15), 0.025) * free)
        cover[window] = shell
    return cover


def _freckles(out: FloatArray, look: PersonLook, sheet: Sheet) -> None:
    rng = np.random.default_rng([look.seed, 3])
    count = int(40 + 70 * look.freckles)
    x = np.clip(rng.normal(0, 0.42, count), -0.9, 0.9)
    y = np.clip(rng.normal(0.38, 0.16, count), -0.2, 1.0)
    colour: Colour = (look.skin[0] * 0.72, look.skin[1] * 0.58, look.skin[2] * 0.5)
    cover = np.zeros(sheet.shape, np.float32)
    for fx, fy, size in zip(x, y, rng.uniform(0.008, 0.020, count), strict=True):
        window, spot = sheet.part(fx - 0.05, fx + 0.05, fy - 0.05, fy + 0.05)
        cover[window] = np.maximum(cover[window], spot.polygon(oval(fx, fy, size, size)))
    blend(out, colour, cover * np.float32(0.45))


def _beard(out: FloatArray, look: PersonLook, sheet: Sheet) -> None:
    mouth = mouth_y(look)
    y, x = sheet.y[:, None], np.abs(sheet.x)[None, :]
    edge = mouth - 0.25 + 0.35 * np.clip(0.85 - x, 0, 1) - 0.9 * np.clip(x - 0.75, 0, 1)
    cover = np.clip((y - edge) / 0.12, 0, 1) * np.clip((y - mouth + 0.3) / 0.1 + 1, 0, 1)
    lip_gap = np.exp(-((x / (look.mouth_width * 0.95)) ** 4) - ((y - mouth) / 0.13) ** 4)
    moustache = sheet.bump(0, mouth - 0.18, 0.22, 0.05) * np.float32(0.8)
    rng = np.random.default_rng([look.seed, 5])
    grain = rng.uniform(0.75, 1.0, sheet.shape).astype(np.float32)
    hair = np.asarray(HAIR[look.hair_colour]) * 0.85
    colour: Colour = (float(hair[0]), float(hair[1]), float(hair[2]))
    full = np.clip(np.maximum(cover * (1 - lip_gap), moustache), 0, 1) * grain * (sheet.y > crown_y(look))[:, None]
    blend(out, colour, (full * np.float32(0.30 + 0.5 * look.beard)).astype(np.float32))
