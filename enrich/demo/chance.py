"""People and shots from seeds: the same seed gives the same person, the same picture, on every machine.

Changing a range or the order of the draws changes everybody: the seeds in ``identities`` then have to be chosen anew.
"""

from __future__ import annotations

import math

import numpy as np

from enrich.demo.look import EYES, HAIR, HAIR_STYLES, LIPSTICK, SHADOW, SKIN, PersonLook, Shot


def look_from_seed(seed: int, *, masculine: bool = False) -> PersonLook:
    """The individual of this seed: the same seed gives the same face on every machine."""
    rng = np.random.default_rng([seed, int(masculine), 7])

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    def sometimes(chance: float, low: float, high: float) -> float:
        value = between(low, high)
        return value if rng.random() < chance else 0.0

    tone = float(rng.uniform(0, len(SKIN) - 1))
    base = np.array(SKIN[int(tone)]) * (1 - tone % 1) + np.array(SKIN[math.ceil(tone)]) * (tone % 1)
    skin = np.clip(base * (1 + rng.normal(0, 0.035, 3)), 0.12, 0.97)
    dark = tone > 3.6
    hair = str(
        rng.choice(["BLACK", "BRUNETTE", "AUBURN"] if dark else list(HAIR), p=[0.65, 0.25, 0.1] if dark else None)
    )
    eyes = str(rng.choice(["BROWN", "HAZEL"], p=[0.85, 0.15])) if dark else str(rng.choice(list(EYES)))
    natural = skin * np.array([0.88, 0.62, 0.62]) + np.array([0.03, 0.0, 0.01])
    paint = 0.0 if masculine else sometimes(0.6, 0.35, 0.95)
    lip = natural * (1 - paint) + np.array(LIPSTICK[int(rng.integers(len(LIPSTICK)))]) * paint
    style = "short" if masculine else str(rng.choice(HAIR_STYLES, p=[0.34, 0.22, 0.16, 0.16, 0.12]))
    eye_x = between(0.36, 0.54)
    moles = tuple(
        (between(-0.75, 0.75), between(0.3, 1.4), between(0.016, 0.034))
        for _ in range(int(rng.choice([0, 1, 2, 3], p=[0.4, 0.3, 0.2, 0.1])))
    )
    return PersonLook(
        seed=seed,
        masculine=masculine,
        skin=(float(skin[0]), float(skin[1]), float(skin[2])),
        face_width=between(0.84, 1.17),
        temple=between(0.83, 1.0),
        jaw=between(0.66, 0.88) + 0.05 * masculine,
        jaw_height=between(0.95, 1.25),
        chin_width=between(0.22, 0.46) + 0.06 * masculine,
        chin_y=between(1.46, 1.9),
        hairline_y=between(-1.12, -0.72),
        cheekbone=between(0.0, 0.15),
        cheek_hollow=between(-0.04, 0.1),
        eye_x=eye_x,
        eye_length=between(0.17, 0.295),
        eye_opening=between(0.048, 0.122),
        eye_tilt=between(-0.05, 0.07),
        eye_depth=between(0.04, 0.17),
        lid_crease=between(0.0, 1.0),
        iris_radius=between(0.082, 0.105),
        eye_colour=eyes,
        brow_gap=between(0.18, 0.38),
        brow_thickness=between(0.018, 0.085) + 0.015 * masculine,
        brow_arch=between(-0.01, 0.10) * (0.4 if masculine else 1.0),
        brow_tilt=between(-0.08, 0.05),
        brow_length=min(between(0.24, 0.38), eye_x - 0.10),
        brow_darkness=between(0.35, 1.0),
        nose_length=between(0.48, 0.77),
        nose_width=between(0.12, 0.29),
        nose_bridge=between(0.055, 0.11),
        nose_height=between(0.22, 0.48),
        nose_hump=between(-0.05, 0.07),
        mouth_drop=between(0.26, 0.46),
        mouth_width=between(0.23, 0.47),
        upper_lip=between(0.025, 0.11),
        lower_lip=between(0.045, 0.14),
        lip_bow=between(0.0, 0.035),
        lip_colour=(float(lip[0]), float(lip[1]), float(lip[2])),
        lip_paint=paint,
        eye_shadow=SHADOW[int(rng.integers(len(SHADOW)))],
        eye_paint=0.0 if masculine else sometimes(0.45, 0.25, 0.8),
        liner=0.1 if masculine else between(0.2, 1.0),
        blush=between(0.0, 0.5),
        freckles=0.0 if dark else sometimes(0.25, 0.3, 1.0),
        folds=between(0.0, 0.8),
        moles=moles,
        glasses=sometimes(0.2, 0.17, 0.27),
        glasses_square=between(0.0, 1.0),
        glasses_colour=((0.08, 0.07, 0.08), (0.35, 0.16, 0.10), (0.55, 0.46, 0.20), (0.45, 0.08, 0.14))[
            int(rng.integers(4))
        ],
        beard=between(0.3, 1.0) if masculine else 0.0,
        hair_colour=hair,
        hair_style=style,
        parting=between(-0.55, 0.55),
        fringe=sometimes(0.3, 0.35, 0.75) if style in ("long", "bob") else 0.0,
        hair_volume=between(0.10, 0.34),
        hair_wave=between(0.0, 1.0),
    )


def shot_from_seed(seed: int, *, width_px: int = 600, height_px: int = 800) -> Shot:
    """An ordinary good picture: near frontal, lit well enough, sharp; varied by the seed."""
    rng = np.random.default_rng([seed, 11])

    def between(low: float, high: float) -> float:
        return float(rng.uniform(low, high))

    face = between(0.16, 0.20) * min(width_px, 0.8 * height_px)
    return Shot(
        seed=seed,
        width_px=width_px,
        height_px=height_px,
        face_px=face,
        centre_x=0.5 + between(-0.06, 0.06),
        centre_y=between(0.38, 0.46),
        yaw_deg=between(-11, 11),
        pitch_deg=between(-4, 5),
        roll_deg=between(-7, 7),
        light_deg=between(-36, 36),
        light_height=between(0.28, 0.68),
        ambient=between(0.52, 0.68),
        warmth=between(-0.07, 0.10),
        exposure=between(0.88, 1.10),
        smile=between(0.2, 0.85),
        mouth_open=max(0.0, between(-0.6, 0.6)),
        brow_raise=between(-0.2, 0.5),
        lids=between(0.88, 1.1),
        gaze=between(-0.25, 0.25),
        noise=between(0.004, 0.016),
    )
