"""The shape of a head as a height field, and the light on it.

A face is a smooth skull with soft bumps added for brow, eyes, nose, cheeks, lips and chin (sums of Gaussians), lit
by one lamp with Lambert's law and a little wrap-around, which is what a detector trained on photographs expects.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from enrich.demo.look import PersonLook, Shot

FloatArray = npt.NDArray[np.float32]

LEFT, RIGHT, TOP, BOTTOM = -2.0, 2.0, -2.3, 2.9
"""The part of the plane that a whole sheet covers, in face units."""
Window = tuple[slice, slice]


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """A raster over the head's plane. ``x``: float32 (columns,), ``y``: float32 (rows,), both in face units."""

    scale: float
    x: FloatArray
    y: FloatArray

    @classmethod
    def at(cls, scale: float) -> Sheet:
        """The whole sheet. ``scale``: pixels per face unit."""
        columns, rows = round((RIGHT - LEFT) * scale), round((BOTTOM - TOP) * scale)
        x = (np.arange(columns, dtype=np.float32) + 0.5) / np.float32(scale) + np.float32(LEFT)
        y = (np.arange(rows, dtype=np.float32) + 0.5) / np.float32(scale) + np.float32(TOP)
        return cls(scale, x.astype(np.float32), y.astype(np.float32))

    def part(self, left: float, right: float, top: float, bottom: float) -> tuple[Window, Sheet]:
        """A smaller sheet, and where it lies in arrays of this one."""
        rows = slice(*(int(at) for at in np.searchsorted(self.y, (top, bottom))))
        columns = slice(*(int(at) for at in np.searchsorted(self.x, (left, right))))
        return (rows, columns), Sheet(self.scale, self.x[columns], self.y[rows])

    @property
    def shape(self) -> tuple[int, int]:
        """(rows, columns)."""
        return len(self.y), len(self.x)

    def bump(self, x: float, y: float, width: float, height: float) -> FloatArray:
        """A Gaussian hill of height 1 at (x, y): float32 (rows, columns)."""
        across = np.exp(-(((self.x - x) / width) ** 2) / 2)
        down = np.exp(-(((self.y - y) / height) ** 2) / 2)
        return np.outer(down, across).astype(np.float32)

    def pair(self, x: float, y: float, width: float, height: float) -> FloatArray:
        """The same hill on both sides of the face."""
        across = np.exp(-(((self.x - x) / width) ** 2) / 2) + np.exp(-(((self.x + x) / width) ** 2) / 2)
        down = np.exp(-(((self.y - y) / height) ** 2) / 2)
        return np.outer(down, across).astype(np.float32)

    def polygon(self, points: npt.NDArray[np.float64], soften: float = 0.0) -> FloatArray:
        """Coverage 0..1 of a polygon given in face units, (n, 2); ``soften`` is a blur's sigma in face units."""
        mask = np.zeros(self.shape, np.uint8)
        cv2.fillPoly(mask, [self._pixels(points)], 255, cv2.LINE_AA, 4)
        return self._covered(mask, soften)

    def stroke(self, points: npt.NDArray[np.float64], thickness: float, soften: float = 0.0) -> FloatArray:
        """Coverage 0..1 of a line through points in face units, (n, 2)."""
        mask = np.zeros(self.shape, np.uint8)
        width = max(1, round(thickness * self.scale))
        cv2.polylines(mask, [self._pixels(points)], False, 255, width, cv2.LINE_AA, 4)
        return self._covered(mask, soften)

    def _pixels(self, points: npt.NDArray[np.float64]) -> npt.NDArray[np.int32]:
        moved = (np.asarray(points, dtype=np.float64) - (self.x[0], self.y[0])) * self.scale
        return np.asarray(np.round(moved * 16), np.int32)

    def _covered(self, mask: npt.NDArray[np.uint8], soften: float) -> FloatArray:
        if soften * self.scale > 0.4:
            mask = cv2.GaussianBlur(mask, (0, 0), soften * self.scale).astype(np.uint8, copy=False)
        return mask.astype(np.float32) / np.float32(255)


def nose_tip_y(look: PersonLook) -> float:
    """Where the tip of the nose lies."""
    return look.nose_length - 0.08


def mouth_y(look: PersonLook) -> float:
    """Where the lips meet."""
    return look.nose_length + look.mouth_drop * (look.chin_y - look.nose_length) / 1.1


def half_width(look: PersonLook, y: FloatArray) -> FloatArray:
    """Half the width of the bare head at each height, float32, 0 above the crown and below the chin."""
    crown = crown_y(look)
    level = np.clip((-0.25 - y) / (-0.25 - crown), 0, 1)
    skull = look.temple * look.face_width * np.sqrt(1 - np.power(level, 2.3))
    at = [-0.25, 0.15, 0.55, look.jaw_height]
    cheek = look.face_width * np.array([look.temple, 1.0, 0.97, look.jaw])
    middle = np.interp(y, at, cheek)
    fall = np.clip((y - look.jaw_height) / (look.chin_y - look.jaw_height), 0, 1)
    chin = cheek[-1] * np.sqrt(1 - np.power(fall, 0.9 + 4.0 * (look.chin_width - 0.18)))
    outline = np.where(y < -0.25, skull, np.where(y < look.jaw_height, middle, chin)).astype(np.float32)
    step = float(y[1] - y[0])
    smooth = cv2.GaussianBlur(outline.reshape(-1, 1), (1, 0), sigmaX=0.1, sigmaY=0.045 / step).reshape(-1)
    return np.where(outline > 0, smooth, 0).astype(np.float32)


def crown_y(look: PersonLook) -> float:
    """The top of the bare head."""
    return look.hairline_y - 0.62


def head_relief(look: PersonLook, shot: Shot, sheet: Sheet) -> tuple[FloatArray, FloatArray]:
    """Height toward the viewer and coverage of the bare head: float32 (rows, columns) each, face units and 0..1."""
    wide = half_width(look, sheet.y)
    crown = crown_y(look)
    middle = np.interp(
        sheet.y,
        [crown, crown + 0.15, look.hairline_y, -0.3, 0.1, 1.0, look.chin_y - 0.25, look.chin_y, look.chin_y + 0.1],
        [0.05, 0.42, 0.76, 0.88, 0.82, 0.80, 0.74, 0.45, 0.2],
    )
    reach = np.minimum(np.abs(sheet.x)[None, :] / np.maximum(wide, 1e-3)[:, None], 1)
    dome = np.sqrt(1 - reach * reach * (0.7 + 0.3 * reach))
    z = middle.astype(np.float32)[:, None] * dome.astype(np.float32)
    inside = np.clip((wide[:, None] - np.abs(sheet.x)[None, :]) * sheet.scale, 0, 1).astype(np.float32)

    raised = 0.05 * shot.brow_raise
    brow = look.brow_gap + raised
    z += sheet.pair(look.eye_x * 0.9, -brow, 0.30, 0.11) * np.float32(0.06 + 0.05 * look.masculine)
    z -= sheet.pair(look.eye_x, 0.0, 0.20, 0.15) * np.float32(look.eye_depth)
    z += sheet.pair(look.eye_x, 0.01, look.eye_length * 0.55, 0.09) * np.float32(0.055)
    cheek = 0.03 * shot.smile
    z += sheet.pair(0.62 * look.face_width, 0.36, 0.20, 0.17) * np.float32(look.cheekbone)
    z += sheet.pair(0.48, 0.62 - cheek, 0.22, 0.2) * np.float32(0.03 + cheek)
    z -= sheet.pair(0.66, 0.95, 0.18, 0.25) * np.float32(look.cheek_hollow)
    z += _nose(look, sheet)
    mouth = mouth_y(look)
    span = look.mouth_width * 0.75
    z += sheet.bump(0, mouth, 0.36, 0.22) * np.float32(0.06)
    z += sheet.bump(0, mouth - look.upper_lip * 0.8, span, look.upper_lip * 0.75) * np.float32(
        0.035 + look.upper_lip * 0.25
    )
    z += sheet.bump(0, mouth + look.lower_lip * 0.8, span * 0.8, look.lower_lip * 0.7) * np.float32(
        0.03 + look.lower_lip * 0.35
    )
    z -= sheet.bump(0, mouth, span, 0.02) * np.float32(0.03)
    z -= sheet.bump(0, mouth - 0.2, 0.045, 0.07) * np.float32(0.02)
    z -= sheet.bump(0, mouth + 0.12 + look.lower_lip, 0.2, 0.06) * np.float32(0.05)
    z += sheet.bump(0, look.chin_y - 0.2, look.chin_width * 0.6, 0.13) * np.float32(0.09)
    return z, inside


def _nose(look: PersonLook, sheet: Sheet) -> FloatArray:
    """The nose alone, added to the skull."""
    tip = nose_tip_y(look)
    ridge = np.interp(sheet.y, [-0.35, -0.1, tip * 0.5, tip, tip + 0.13, tip + 0.2], [0, 0.22, 0.62, 1.0, 0.35, 0.0])
    ridge = ridge * look.nose_height + look.nose_hump * np.exp(-(((sheet.y - tip * 0.35) / 0.14) ** 2) / 2)
    thick = np.interp(sheet.y, [-0.1, tip * 0.6, tip, tip + 0.2], np.array([1.0, 1.15, 1.7, 1.7]) * look.nose_bridge)
    out = ridge.astype(np.float32)[:, None] * np.exp(-((sheet.x[None, :] / thick.astype(np.float32)[:, None]) ** 2) / 2)
    out += sheet.bump(0, tip - 0.01, 0.10 + look.nose_bridge * 0.3, 0.10) * np.float32(0.07)
    out += sheet.pair(look.nose_width * 0.78, tip + 0.05, 0.07, 0.075) * np.float32(0.13)
    soft = cv2.GaussianBlur(out.astype(np.float32), (0, 0), 0.022 * sheet.scale)
    return np.asarray(soft, dtype=np.float32)


def lit(z: FloatArray, shot: Shot, sheet: Sheet) -> tuple[FloatArray, FloatArray]:
    """Light (about 0.3..1.3) and gloss (0..1) on a height field under the shot's lamp: float32 (rows, columns)."""
    smooth = cv2.GaussianBlur(z, (0, 0), 0.012 * sheet.scale)
    gain = sheet.scale * 0.5
    dx = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, ksize=1, scale=gain)
    dy = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, ksize=1, scale=gain)
    length = np.sqrt(dx * dx + dy * dy + 1)
    side = math.radians(shot.light_deg - shot.yaw_deg)
    up = shot.light_height
    lamp = np.array([math.sin(side), -up, math.cos(side)])
    lamp /= np.linalg.norm(lamp)
    facing = (-dx * np.float32(lamp[0]) - dy * np.float32(lamp[1]) + np.float32(lamp[2])) / length
    wrapped = np.clip((facing + 0.25) / 1.25, 0, 1)
    hollow = np.clip((cv2.GaussianBlur(z, (0, 0), 0.16 * sheet.scale) - z) * np.float32(2.2), -0.1, 0.35)
    light = (shot.ambient + (0.92 - shot.ambient * 0.45) * wrapped) * (1 - hollow)
    half = lamp + np.array([0, 0, 1.0])
    half /= np.linalg.norm(half)
    gloss = np.clip((-dx * np.float32(half[0]) - dy * np.float32(half[1]) + np.float32(half[2])) / length, 0, 1)
    for _ in range(5):
        gloss *= gloss
    return light.astype(np.float32), gloss.astype(np.float32)
