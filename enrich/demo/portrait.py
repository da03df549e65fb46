"""Portraits drawn by code: ``draw(person, shot)`` gives the same pixels for the same numbers.

Nobody who lives is shown: a face is a list of numbers from a seed (``look``), a height field under a lamp (``relief``)
with painted features, turned by sliding every point sideways by its own height.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

from enrich.demo.features import paint_features, paint_glasses
from enrich.demo.hair import TIED, hair_colours, hair_masks, strands
from enrich.demo.look import PersonLook, Shot
from enrich.demo.relief import LEFT, TOP, FloatArray, Sheet, head_relief, lit
from enrich.demo.scene import background, bust
from enrich.demo.skin import paint_ears, paint_skin

Uint8Array = npt.NDArray[np.uint8]

FINEST = 92.0
"""The most pixels a face unit is drawn with; larger faces are enlarged, which costs little detail and saves a third."""
HEAD = (-1.5, 1.5, -2.1, 2.3)
"""Left, right, top and bottom of the sheet's part that turns with the head, in face units."""


def draw(person: PersonLook, shot: Shot) -> Uint8Array:
    """One picture of one person, head and shoulders: uint8 (height, width, 3), RGB."""
    picture = background(shot)
    _place(picture, person, shot)
    return developed(picture, shot)


def draw_group(people: Sequence[tuple[PersonLook, Shot]]) -> Uint8Array:
    """Several people in one picture, each as their shot places them; the first shot gives background and size."""
    first = people[0][1]
    picture = background(first)
    for person, shot in people:
        _place(picture, person, shot)
    return developed(picture, first)


def _place(picture: FloatArray, person: PersonLook, shot: Shot) -> None:
    """Draw a person into a picture, in place."""
    origin = (shot.centre_x * shot.width_px, shot.centre_y * shot.height_px)
    sheet = Sheet.at(min(shot.face_px, FINEST))
    flow = strands(person, sheet)
    behind, before = hair_masks(person, sheet, flow)
    hair = hair_colours(person, shot, sheet, flow)
    move = _pose(shot, sheet, origin)
    _paste(picture, hair * np.float32(0.62), behind, move)
    bust(picture, person, shot, origin)
    cover = before.copy()
    window, part = sheet.part(*HEAD)
    hair[window], cover[window] = _head(person, shot, part, hair[window], before[window])
    _paste(picture, hair, cover, move)


def _head(
    person: PersonLook, shot: Shot, sheet: Sheet, hair: FloatArray, before: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """The head with the hair before it, turned: colours (rows, columns, 3) and coverage (rows, columns)."""
    z, inside = head_relief(person, shot, sheet)
    light, gloss = lit(z, shot, sheet)
    light *= 1 - np.float32(0.32) * cv2.GaussianBlur(before, (0, 0), 0.08 * sheet.scale)
    colours = paint_skin(person, shot, sheet)
    colours *= light[:, :, None] + (1 - light)[:, :, None] * np.array([0.09, 0.0, -0.05], np.float32)
    colours += gloss[:, :, None] * np.float32(0.06)
    paint_features(colours, person, shot, sheet)
    paint_glasses(colours, person, sheet)
    cover = inside
    if person.hair_style in TIED:
        cover = np.maximum(cover, paint_ears(colours, person, sheet, inside))
    both = np.maximum(cover, before)
    colours += (hair - colours) * (before / np.maximum(both, np.float32(1e-3)))[:, :, None]
    return _turned(colours, both, z + before * np.float32(0.12), shot, sheet)


def _turned(
    colours: FloatArray, cover: FloatArray, z: FloatArray, shot: Shot, sheet: Sheet
) -> tuple[FloatArray, FloatArray]:
    """The sheet as seen with the head turned: every point slides by its height; what slides behind is hidden.

    Toward the rim of the sheet nothing moves, so that the hair outside it goes on without a step.
    """
    yaw, pitch = math.radians(shot.yaw_deg), math.radians(shot.pitch_deg)
    seen_at = sheet.x[None, :] * np.float32(math.cos(yaw)) + (z - np.float32(0.25)) * np.float32(math.sin(yaw))
    if yaw >= 0:
        seen_at = np.maximum.accumulate(seen_at, axis=1)
    else:
        seen_at = np.minimum.accumulate(seen_at[:, ::-1], axis=1)[:, ::-1]
    columns = np.arange(len(sheet.x), dtype=np.float32)
    seen_at += columns * np.float32(1e-5)
    from_x = np.empty(sheet.shape, np.float32)
    for row in range(sheet.shape[0]):
        from_x[row] = np.interp(sheet.x, seen_at[row], columns)
    still = np.outer(_inner(sheet.y, 0.35), _inner(sheet.x, 0.25)).astype(np.float32)
    from_x = columns + (from_x - columns) * still
    rows = np.arange(sheet.shape[0], dtype=np.float32)[:, None]
    depth = cv2.remap(z, from_x, np.broadcast_to(rows, sheet.shape).copy(), cv2.INTER_LINEAR)
    from_y = rows + (depth - np.float32(0.5)) * still * np.float32(math.sin(pitch) * sheet.scale)
    moved = cv2.remap(np.dstack([colours, cover]), from_x, from_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(moved[:, :, :3], np.float32), np.asarray(moved[:, :, 3], np.float32)


def _inner(at: FloatArray, rim: float) -> FloatArray:
    """1 inside, falling to 0 over the rim at both ends."""
    return np.asarray(np.clip(np.minimum(at - at[0], at[-1] - at) / np.float32(rim), 0, 1), np.float32)


def _pose(shot: Shot, sheet: Sheet, origin: tuple[float, float]) -> npt.NDArray[np.float64]:
    """The affine map of sheet pixels to picture pixels: a roll about the point between the eyes, and a scale."""
    roll, grow = math.radians(shot.roll_deg), shot.face_px / sheet.scale
    turn = np.array([[math.cos(roll), -math.sin(roll)], [math.sin(roll), math.cos(roll)]]) * grow
    eyes = np.array([-LEFT, -TOP]) * sheet.scale
    return np.column_stack([turn, np.array(origin) - turn @ eyes])


def _paste(picture: FloatArray, colours: FloatArray, cover: FloatArray, move: npt.NDArray[np.float64]) -> None:
    """Lay a sheet over the picture, in place."""
    rows, columns = cover.shape
    corners = move @ np.array([[0, columns, columns, 0], [0, 0, rows, rows], [1, 1, 1, 1]])
    height, width = picture.shape[:2]
    low = np.clip(np.floor(corners.min(axis=1)), 0, (width, height)).astype(int)
    high = np.clip(np.ceil(corners.max(axis=1)), 0, (width, height)).astype(int)
    part = picture[low[1] : high[1], low[0] : high[0]]
    if part.size == 0:
        return
    local = move - np.array([[0, 0, low[0]], [0, 0, low[1]]])
    size = (int(high[0] - low[0]), int(high[1] - low[1]))
    over = np.asarray(cv2.warpAffine(colours, local, size, flags=cv2.INTER_LINEAR), np.float32)
    share = np.asarray(cv2.warpAffine(cover, local, size, flags=cv2.INTER_LINEAR), np.float32)
    over -= part
    over *= share[:, :, None]
    part += over


def developed(picture: FloatArray, shot: Shot) -> Uint8Array:
    """Exposure, warmth and sensor noise: float32 0..1 in, uint8 RGB out."""
    rng = np.random.default_rng([shot.seed, 31])
    height, width = picture.shape[:2]
    grain = rng.standard_normal((height // 2 + 1, width // 2 + 1), dtype=np.float32) * np.float32(255 * shot.noise)
    grain = np.asarray(cv2.resize(grain, (width, height)), np.float32)
    gain = 255 * shot.exposure
    planes = [
        cv2.addWeighted(plane, gain * tint, grain, 1.0, 0.5)
        for plane, tint in zip(cv2.split(picture), (1 + shot.warmth, 1.0, 1 - shot.warmth), strict=True)
    ]
    return np.asarray(cv2.convertScaleAbs(np.maximum(cv2.merge(planes), 0)), np.uint8)
