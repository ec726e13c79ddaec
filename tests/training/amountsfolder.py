"""A small folder of amounts as ORAND-CAR-A has them, written with the contact sheet's digits."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from pipeline.training.handwriting import Hand
from tests.handwriting import handwriting

AMOUNTS = 24
_HAND = Hand(slant=0.1, stroke=0.1, gap=0.25, wobble=0.5)


def write_amounts(folder: Path, amounts: int = AMOUNTS) -> dict[str, str]:
    """Pictures, dark on grey paper, and labels.csv; returns the digits of each file. Every third has a point, not labelled."""
    (folder / "images").mkdir(parents=True)
    rng = np.random.default_rng(5)
    lines, known = ["file,digits,boxes_xywh"], {}
    for i in range(amounts):
        digits = "".join(str(d) for d in rng.integers(0, 10, int(rng.integers(2, 6))))
        ink, boxes, x = np.zeros((60, 400), np.uint8), [], 8
        for position, digit in enumerate(digits):
            glyph = handwriting().number(digit, 36, _HAND, rng)
            height, width = glyph.shape
            ink[10 : 10 + height, x : x + width] = glyph
            boxes.append(f"{x},10,{width},{height}")
            x += width + 6
            if i % 3 == 0 and position == 0:
                ink[41:45, x : x + 4] = 255
                x += 10
        page = 215 - 0.7 * ink[:, : x + 4].astype(np.float32) + rng.normal(0, 3, (60, x + 4))
        name = f"a_{i:04}.png"
        cv2.imwrite(str(folder / "images" / name), np.clip(page, 0, 255).astype(np.uint8))
        lines.append(f'{name},{digits},"{" ".join(boxes)}"')
        known[name] = digits
    folder.joinpath("labels.csv").write_text("\n".join(lines) + "\n")
    return known
