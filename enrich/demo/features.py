"""Eyes, brows, nostrils, lips and glasses, painted on the head sheet after the light."""

from __future__ import annotations

import numpy as np

from enrich.demo.look import EYES, HAIR, Colour, PersonLook, Shot
from enrich.demo.paint import blend, blend_lit, curve, oval
from enrich.demo.relief import FloatArray, Sheet, mouth_y, nose_tip_y


def paint_features(out: FloatArray, look: PersonLook, shot: Shot, sheet: Sheet) -> None:
    """Nostrils, lips, eyes and brows, in place, after the light."""
    tip, mouth = nose_tip_y(look), mouth_y(look)
    window, nose = sheet.part(-0.45, 0.45, tip - 0.2, tip + 0.3)
    _nostrils(out[window], look, nose)
    for side in (-1.0, 1.0):
        middle = side * look.eye_x
        window, eye = sheet.part(middle - 0.50, middle + 0.50, -0.65, 0.30)
        _eye(out[window], look, shot, eye, side)
        _brow(out[window], look, shot, eye, side)
    window, lips = sheet.part(-0.65, 0.65, mouth - 0.3, mouth + 0.4)
    _mouth(out[window], look, shot, lips)


def _nostrils(out: FloatArray, look: PersonLook, sheet: Sheet) -> None:
    tip = nose_tip_y(look)
    dark: Colour = (look.skin[0] * 0.32, look.skin[1] * 0.20, look.skin[2] * 0.18)
    for side in (-1.0, 1.0):
        nostril = oval(side * look.nose_width * 0.52, tip + 0.115, look.nose_width * 0.26, 0.028)
        blend(out, dark, sheet.polygon(nostril, 0.012) * np.float32(0.85))
        wing = curve(
            np.array(
                [
                    [look.nose_width + 0.03, tip - 0.02],
                    [look.nose_width + 0.055, tip + 0.06],
                    [look.nose_width * 0.75, tip + 0.125],
                ]
            )
            * (side, 1.0)
        )
        blend(out, dark, sheet.stroke(wing, 0.025, 0.02) * np.float32(0.4))


def paint_glasses(out: FloatArray, look: PersonLook, sheet: Sheet) -> None:
    """Spectacles over everything, in place."""
    if not look.glasses:
        return
    half_height, half_length = look.glasses, min(look.eye_x - 0.06, look.eye_length + 0.11)
    power = 2.0 + 4.0 * look.glasses_square
    angle = np.linspace(0, 2 * np.pi, 48)
    rim_x = np.sign(np.cos(angle)) * np.abs(np.cos(angle)) ** (2 / power) * half_length
    rim_y = np.sign(np.sin(angle)) * np.abs(np.sin(angle)) ** (2 / power) * half_height
    for side in (-1.0, 1.0):
        rim = np.stack([rim_x + side * (look.eye_x + 0.02), rim_y + 0.04], axis=1)
        blend(out, look.glasses_colour, sheet.stroke(rim, 0.035, 0.006))
        arm = np.array([[side * (look.eye_x + half_length), -0.02], [side * 1.05, -0.05]])
        blend(out, look.glasses_colour, sheet.stroke(arm, 0.03, 0.006))
    inner = look.eye_x + 0.02 - half_length
    bridge = curve(np.array([[-inner, 0.02], [0, -0.03], [inner, 0.02]]))
    blend(out, look.glasses_colour, sheet.stroke(bridge, 0.035, 0.006))


def _eye(out: FloatArray, look: PersonLook, shot: Shot, sheet: Sheet, side: float) -> None:
    centre = np.array([look.eye_x, 0.0])
    length, opening = look.eye_length, look.eye_opening * shot.lids * (1 - 0.12 * shot.smile)
    t = np.linspace(-1, 1, 21)
    tilt = -look.eye_tilt * t
    upper = np.stack([t * length, tilt - opening * 1.15 * (1 - np.abs(t) ** 2.2) ** 0.8], axis=1)
    lower = np.stack([t * length, tilt + opening * 0.85 * (1 - t**2)], axis=1)
    mirror = np.array([side, 1.0])
    upper, lower = (upper + centre) * mirror, (lower + centre) * mirror
    almond = sheet.polygon(np.concatenate([upper, lower[::-1]]), 0.006)
    if look.eye_paint:
        lid = np.concatenate([upper, (upper - (0, 0.10 + 0.05 * look.brow_gap))[::-1]])
        blend(out, look.eye_shadow, sheet.polygon(lid, 0.03) * np.float32(look.eye_paint * 0.8))
    crease = upper - (0, 0.035 + 0.035 * look.lid_crease)
    dim: Colour = (look.skin[0] * 0.45, look.skin[1] * 0.33, look.skin[2] * 0.30)
    blend(out, dim, sheet.stroke(crease[2:-1], 0.02, 0.012) * np.float32(0.3 + 0.5 * look.lid_crease))
    blend(out, (0.90, 0.88, 0.86), almond)
    gaze_x = float(centre[0] * side + shot.gaze * 0.12)
    radius = look.iris_radius
    iris = sheet.polygon(oval(gaze_x, -0.012, radius, radius), 0.004) * almond
    tint = EYES[look.eye_colour]
    blend(out, (tint[0] * 0.55, tint[1] * 0.55, tint[2] * 0.55), iris)
    blend(out, tint, sheet.polygon(oval(gaze_x, 0.0, radius * 0.78, radius * 0.78), 0.012) * almond)
    blend(out, (0.03, 0.03, 0.04), sheet.polygon(oval(gaze_x, -0.01, radius * 0.42, radius * 0.42), 0.004) * almond)
    blend(out, (0.10, 0.07, 0.07), sheet.stroke(upper + np.array([0, 0.02]), 0.035, 0.02) * almond * np.float32(0.5))
    glint = gaze_x + (0.03 if shot.light_deg > 0 else -0.03)
    blend(out, (1.0, 1.0, 1.0), sheet.polygon(oval(glint, -0.04, 0.018, 0.018), 0.004) * almond)
    ink: Colour = (0.10, 0.07, 0.07)
    blend(out, ink, sheet.stroke(upper, 0.018 + 0.028 * look.liner, 0.006) * np.float32(0.55 + 0.45 * look.liner))
    if look.liner > 0.55:
        wing = np.stack([upper[-1], upper[-1] + (side * 0.09, -0.06)])
        blend(out, ink, sheet.stroke(wing, 0.03, 0.008) * np.float32(look.liner))
    blend(out, dim, sheet.stroke(lower, 0.015, 0.008) * np.float32(0.35 + 0.4 * look.liner))


def _brow(out: FloatArray, look: PersonLook, shot: Shot, sheet: Sheet, side: float) -> None:
    t = np.linspace(-1, 1, 21)
    arch = look.brow_arch * (1 - (t - 0.25) ** 2) + look.brow_tilt * t
    y = -look.brow_gap - 0.06 * shot.brow_raise - arch
    half = look.brow_thickness * (0.35 + 0.65 * np.sqrt(np.clip((1 - t) / 2 + 0.02, 0, 1)))
    top = np.stack([look.eye_x * 1.02 + t * look.brow_length, y - half], axis=1)
    low = np.stack([look.eye_x * 1.02 + t * look.brow_length, y + half], axis=1)
    hair = np.asarray(HAIR[look.hair_colour]) * 0.72
    colour: Colour = (float(hair[0]), float(hair[1]), float(hair[2]))
    shape = np.concatenate([top, low[::-1]]) * (side, 1.0)
    blend(out, colour, sheet.polygon(shape, 0.014) * np.float32(0.35 + 0.6 * look.brow_darkness))


def _mouth(out: FloatArray, look: PersonLook, shot: Shot, sheet: Sheet) -> None:
    y = mouth_y(look)
    width = look.mouth_width * (1 + 0.16 * shot.smile)
    corner = -0.07 * shot.smile
    gap = 0.09 * shot.mouth_open * (0.5 + shot.smile)
    t = np.linspace(-1, 1, 25)
    line = y + corner * t**2 + 0.01 * np.cos(np.pi * t)
    bow = look.lip_bow * np.exp(-((t / 0.16) ** 2))
    thin = 1 - 0.25 * shot.smile
    top = line - look.upper_lip * thin * 1.25 * (1 - np.abs(t) ** 1.8) + bow
    low = line + gap + look.lower_lip * thin * 1.25 * (1 - np.abs(t) ** 2.4)
    upper = np.concatenate([np.stack([t * width, top], axis=1), np.stack([t * width, line], axis=1)[::-1]])
    below = np.stack([t * width, line + gap * (1 - t**2)], axis=1)
    lower = np.concatenate([below, np.stack([t * width, low], axis=1)[::-1]])
    strength = np.float32(0.72 + 0.25 * look.lip_paint)
    if gap > 0.012:
        open_shape = np.concatenate([np.stack([t * width, line], axis=1), below[::-1]])
        inside = sheet.polygon(open_shape, 0.004)
        blend(out, (0.22, 0.06, 0.07), inside)
        blend(out, (0.93, 0.91, 0.88), sheet.polygon(open_shape * (0.86, 1.0) - (0, 0.012), 0.008) * inside)
    lips = look.lip_colour
    shape = sheet.polygon(upper, 0.012) * strength
    lit_by = out.mean(axis=2, keepdims=True) / np.float32(sum(look.skin) / 3)
    shade = np.clip(lit_by, 0.45, 1.25)
    blend_lit(out, (lips[0] * 0.88, lips[1] * 0.85, lips[2] * 0.85), shape, shade)
    blend_lit(out, lips, sheet.polygon(lower, 0.012) * strength, shade)
    seam: Colour = (lips[0] * 0.35, lips[1] * 0.25, lips[2] * 0.25)
    blend(out, seam, sheet.stroke(np.stack([t * width * 1.03, line], axis=1), 0.02, 0.01) * np.float32(0.85))
    gleam = sheet.bump(0.06 if shot.light_deg > 0 else -0.06, float(low.max()) - look.lower_lip * 0.7, 0.09, 0.022)
    blend(out, (1.0, 0.95, 0.93), gleam * np.float32(0.15 + 0.2 * look.lip_paint))
