"""How paper lies: stapled, curled or folded, on a desk."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from pipeline.records import Image


def stapled(image: Image, staples: int, rng: np.random.Generator) -> Image:
    """Wires through the paper, with their shadows."""
    height, width = image.shape[:2]
    wired, long = image.copy(), 0.05 * width
    for i in range(staples):
        start = np.array([0.05 * width, (0.03 + 0.02 * i) * height])
        angle = float(rng.uniform(-1.0, 1.0))
        stop = start + long * np.array([np.cos(angle), np.sin(angle)])
        for shift, shade in ((max(2, width // 600), 90), (0, 180)):
            ends = [tuple(int(v) for v in end + shift) for end in (start, stop)]
            cv2.line(wired, ends[0], ends[1], (shade,) * 3, max(2, width // 500), cv2.LINE_AA)
    return wired


def raised(shape: tuple[int, ...], curl: float, fold: float) -> NDArray[np.float64]:
    """How far up each column of pixels is seen, for paper that is not flat."""
    along = np.linspace(0, 1, shape[1])
    return shape[0] * (curl * np.sin(np.pi * along) + fold * (1 - np.abs(2 * along - 1)))


def bent(image: Image, up: NDArray[np.float64], crease: bool) -> Image:
    """The image with its columns of pixels moved up, in the light of paper that is not flat; a crease is dark."""
    height, width = image.shape[:2]
    x, y = np.meshgrid(np.arange(width, dtype=np.float32), np.arange(height, dtype=np.float32))
    curved = cv2.remap(image, x, (y + up).astype(np.float32), cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    slope = np.gradient(up)
    light = 1 - 0.15 * slope / max(float(np.abs(slope).max()), 1e-6)
    if crease:
        light -= 0.3 * np.exp(-(((np.arange(width) - width / 2) / (width / 1000)) ** 2))
    return np.asarray(np.rint(curved * np.minimum(light, 1.0)[None, :, None]), np.uint8)


def desk(shape: tuple[int, ...], rng: np.random.Generator) -> Image:
    """Brown wood with its grain from left to right."""
    grain = cv2.GaussianBlur(rng.standard_normal(shape).astype(np.float32), (0, 0), sigmaX=shape[1] / 20, sigmaY=1.2)
    share = 1 + 0.12 * grain / max(float(grain.std()), 1e-6)
    return np.asarray((np.array((55, 85, 125), np.float32) * share[..., None]).clip(0, 255), np.uint8)
