"""White print on black, as headings have it, turned into black on white; the edge of the black stays as a ruling."""

from __future__ import annotations

import cv2
import numpy as np

from pipeline.records import Box, Image
from pipeline.stages.shrinking import shrunk

#: Black fields are looked for in a picture shrunk by this; they are as dark as this share of the paper no further away than so
#: many of its pixels.
_COARSE, _DARK, _AROUND = 8, 0.45, 20
#: They are so many pixels high or more, and so much of the page's longer side wide; so much of their own box is theirs.
_LOWEST, _WIDE, _SOLID = 24, 0.04, 0.85
#: Of a field this share is black, and this share is not: letters and lines.
_BLACK, _WHITE = 0.5, (0.01, 0.45)
#: The black between letters is so many pixels thick somewhere; so many pixels of the edge stay black.
_THICK, _EDGE = 12, 3

#: Fine white lines on black close up in print and are blurred; their lightness is raised to this power.
_LIFTED = 0.6


def with_black_on_white(grey: Image) -> Image:
    """The page with what is printed white on black fields as if it were printed black on white; itself if there are none."""
    small = shrunk(grey, _COARSE)
    paper = cv2.dilate(small, np.ones((2 * _AROUND + 1, 2 * _AROUND + 1), np.uint8))
    dark = np.where(small < _DARK * paper, 255, 0).astype(np.uint8)
    out = grey
    for outline in cv2.findContours(dark, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)[0]:
        box = Box(*cv2.boundingRect(outline))
        if min(box.width * _COARSE / max(grey.shape) / _WIDE, box.height * _COARSE / _LOWEST) < 1:
            continue  # a letter, a ruling
        is_inside = box.x > 0 and box.y > 0 and box.right < small.shape[1] and box.bottom < small.shape[0]
        if is_inside and cv2.contourArea(outline) > _SOLID * (box.width - 1) * (box.height - 1):  # from middle to middle
            out = _turned(grey, out, box, float(np.median(paper[box.y : box.bottom, box.x : box.right])))
    return out


def _turned(grey: Image, out: Image, box: Box, paper: float) -> Image:
    """The page with one field turned, which is in this box of the shrunk page; as it was if that holds no white print."""
    rows = slice(max(0, (box.y - 1) * _COARSE), (box.bottom + 1) * _COARSE)
    place = rows, slice(max(0, (box.x - 1) * _COARSE), (box.right + 1) * _COARSE)
    part = grey[place]
    black = np.where(part < 0.5 * paper, 255, 0).astype(np.uint8)
    # what is around the field, rulings and writing, is thinner
    thick = cv2.findNonZero(cv2.morphologyEx(black, cv2.MORPH_OPEN, np.ones((_THICK, _THICK), np.uint8)))
    if thick is None:
        return out
    field = cv2.fillConvexPoly(np.zeros_like(black), cv2.convexHull(thick), 255)
    inside = cv2.erode(field, np.ones((2 * _EDGE + 1, 2 * _EDGE + 1), np.uint8)) > 0
    shade = part[inside]
    if not shade.size:
        return out
    is_print = shade >= 0.5 * paper
    if (shade < _DARK * paper).mean() < _BLACK or not _WHITE[0] < is_print.mean() < _WHITE[1]:
        return out
    middle, bright = float(np.median(shade)), float(np.percentile(shade[is_print], 80))
    ground = middle + 4.4 * float(np.median(np.abs(shade - middle)))  # three standard deviations of the black's grain
    lightness = np.clip((shade - ground) / max(bright - ground, 1.0), 0, 1) ** _LIFTED
    if out is grey:
        out = grey.copy()
    out[place][inside] = (paper * (1 - lightness)).astype(np.uint8)
    return out
