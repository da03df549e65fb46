"""What is around a head in a picture: the background, the neck and shoulders, the clothes."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

from enrich.demo.look import Colour, PersonLook, Shot
from enrich.demo.relief import FloatArray

CLOTHES: tuple[Colour, ...] = (
    (0.16, 0.20, 0.32),
    (0.62, 0.16, 0.20),
    (0.14, 0.36, 0.34),
    (0.80, 0.78, 0.74),
    (0.12, 0.12, 0.13),
    (0.66, 0.46, 0.22),
    (0.42, 0.28, 0.46),
    (0.34, 0.46, 0.62),
    (0.74, 0.52, 0.54),
    (0.30, 0.34, 0.22),
)


def background(shot: Shot) -> FloatArray:
    """A soft wall, a dim room or the open air, out of focus: float32 (height, width, 3), 0..1."""
    rng = np.random.default_rng([shot.seed, 23])
    small = np.zeros((40, 30, 3), np.float32)
    base = rng.uniform(0.25, 0.8) * (1 + rng.normal(0, 0.09, 3))
    down = np.linspace(rng.uniform(-0.2, 0.1), rng.uniform(-0.1, 0.2), 40)[:, None, None]
    small[:] = np.clip(base + down, 0.05, 0.95)
    for _ in range(int(rng.integers(0, 9))):
        x, y, radius = int(rng.integers(0, 30)), int(rng.integers(0, 40)), int(rng.integers(2, 9))
        tint = np.clip(base + rng.normal(0, 0.10) + rng.normal(0, 0.05, 3), 0.05, 0.95)
        cv2.circle(small, (x, y), radius, tuple(float(c) for c in tint), -1)
    small = np.asarray(cv2.GaussianBlur(small, (0, 0), 2.0), np.float32)
    return np.asarray(cv2.resize(small, (shot.width_px, shot.height_px), interpolation=cv2.INTER_LINEAR), np.float32)


def bust(picture: FloatArray, look: PersonLook, shot: Shot, origin: tuple[float, float]) -> None:
    """Neck, shoulders and clothes drawn into the picture, in place. ``origin``: the point between the eyes, pixels."""
    rng = np.random.default_rng([shot.seed, 29])
    colour = np.asarray(CLOTHES[int(rng.integers(len(CLOTHES)))], np.float32)
    neckline = float(rng.uniform(0.25, 0.75))
    wide = 2.15 + 0.35 * look.masculine
    neck = (0.50 + 0.12 * look.masculine) * look.face_width
    chin = look.chin_y
    lean = 0.25 * float(np.sin(np.radians(shot.yaw_deg)))
    top = chin + 0.36
    first_row = max(0, int(origin[1] + (chin - 0.9) * shot.face_px))
    rows, columns = picture.shape[0] - first_row, picture.shape[1]
    if rows < 4:
        return
    unit = shot.face_px / 2
    middle = np.array([origin[0] / 2, (origin[1] - first_row) / 2])
    shape = ((rows + 1) // 2, (columns + 1) // 2)

    def cover(right: list[tuple[float, float]], between: list[tuple[float, float]], soften: float) -> FloatArray:
        """Coverage of a shape that is the same on both sides, its corners cut round."""
        side = _rounded(np.array(right))
        outline = np.concatenate([side, (side * (-1, 1))[::-1], np.array(between).reshape(-1, 2)])
        outline[:, 0] += lean * (outline[:, 1] < top)
        mask = np.zeros(shape, np.uint8)
        cv2.fillPoly(mask, [np.round((outline * unit + middle) * 16).astype(np.int32)], 255, cv2.LINE_AA, 4)
        return np.asarray(cv2.GaussianBlur(mask, (0, 0), max(0.6, soften * unit)), np.float32) / np.float32(255)

    body = [
        (neck * 0.95, chin - 0.6), (neck * 0.97, top - 0.2), (neck + 0.2, top + 0.10), (wide * 0.6, top + 0.26),
        (wide * 0.88, top + 0.42), (wide, top + 1.0), (wide * 1.05, top + 4.0), (wide * 1.05, top + 60),
    ]  # fmt: skip
    collar = [
        (neck * 0.9, top - 0.1),
        (neck + 0.25, top + 0.04),
        (wide * 0.7, top + 0.1),
        (wide * 1.3, top + 0.4),
        (wide * 1.3, top + 60),
    ]
    torso = cover(body, [], 0.012)
    dip = [(-neck * 0.55, top + neckline * 0.75), (0.0, top + neckline), (neck * 0.55, top + neckline * 0.75)]
    cloth = cover(collar, dip, 0.012) * torso
    x = (np.arange(shape[1], dtype=np.float32)[None, :] - np.float32(middle[0])) / np.float32(unit)
    y = (np.arange(shape[0], dtype=np.float32)[:, None] - np.float32(middle[1])) / np.float32(unit)
    side_light = np.float32(0.14 * np.sin(np.radians(shot.light_deg)))
    light = np.float32(shot.ambient + 0.36) + side_light * x - np.float32(0.12 / wide**2) * x * x
    shadow = 1 - np.float32(0.45) * np.exp(-(((y - chin - 0.02) / 0.32) ** 2)) * np.exp(-((x / (neck * 1.5)) ** 4))
    skin = (light * shadow)[:, :, None] * np.asarray(look.skin, np.float32)
    edge = np.clip(np.asarray(cv2.GaussianBlur(cloth, (0, 0), 0.08 * unit), np.float32) * 2 - 0.2, 0.55, 1)
    folds = 1 + np.float32(0.04) * np.sin(x * 4 + y * 2 + float(rng.uniform(0, 6))) * np.sin(y * 3 - x)
    dress = (light * folds * edge)[:, :, None] * colour
    layer = np.dstack([skin + (dress - skin) * cloth[:, :, None], torso])
    layer = np.asarray(cv2.resize(layer, (columns, rows), interpolation=cv2.INTER_LINEAR), np.float32)
    below = picture[first_row:]
    below += (layer[:, :, :3] - below) * layer[:, :, 3:]


def _rounded(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """Chaikin's corner cutting, three times."""
    for _ in range(3):
        ahead, behind = points[1:], points[:-1]
        cut = np.stack([behind * 0.75 + ahead * 0.25, behind * 0.25 + ahead * 0.75], axis=1).reshape(-1, 2)
        points = np.concatenate([points[:1], cut, points[-1:]])
    return points
