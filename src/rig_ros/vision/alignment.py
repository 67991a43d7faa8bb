"""How far a camera has moved since a reference picture was taken. Pixels of the source picture."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import cv2
import numpy as np

from rig_ros.vision.image import Picture

FEATURES = 800
RATIO = 0.8
"""A match counts when the second best is this much worse."""
LEAST = 12
"""Matches that must agree; fewer prove nothing."""
TOLERANCE_PX = 2.0
"""A match agrees when it is this near."""
MOVED_PX, TURNED_DEG, ZOOMED = 1.5, 0.3, 0.006
"""More than this is another view."""


class Movement(NamedTuple):
    """Where what was in the reference's middle is now, and how the picture has turned."""

    right_px: float
    down_px: float
    clockwise_deg: float
    zoom: float
    """Above 1: things have become larger."""
    matches: int
    """Places that agree."""

    @property
    def same(self) -> bool:
        """Whether the view is as good as the same."""
        return (math.hypot(self.right_px, self.down_px) <= MOVED_PX
                and abs(self.clockwise_deg) <= TURNED_DEG and abs(self.zoom - 1) <= ZOOMED)

    @property
    def text(self) -> str:
        """The movement in words."""
        across = f'{abs(self.right_px):.1f} px {"right" if self.right_px >= 0 else "left"}'
        along = f'{abs(self.down_px):.1f} px {"down" if self.down_px >= 0 else "up"}'
        turn = 'clockwise' if self.clockwise_deg >= 0 else 'anticlockwise'
        return (f'{across}, {along}, {abs(self.clockwise_deg):.1f} deg {turn}, '
                f'zoom {self.zoom:.3f}')


class Reference:
    """A picture that others are compared with; what stands out in it is looked for only once."""

    def __init__(self, picture: Picture) -> None:
        self.picture = picture
        self._finder: Any = cv2.ORB_create(FEATURES)  # type: ignore[attr-defined]
        self._points, self._signs = self._look(picture)

    def _look(self, picture: Picture) -> tuple[Any, Any]:
        found, signs = self._finder.detectAndCompute(cv2.cvtColor(picture, cv2.COLOR_RGB2GRAY),
                                                     None)
        return np.array([f.pt for f in found], np.float64).reshape(-1, 2), signs

    def movement(self, picture: Picture) -> Movement | None:
        """Return how the view has moved, or None when too little in it stands out or agrees.

        Things that moved in the scene do not matter as long as most of it stayed.
        """
        if picture.shape != self.picture.shape or self._signs is None:
            return None
        points, signs = self._look(picture)
        if signs is None:
            return None
        pairs = cv2.BFMatcher(cv2.NORM_HAMMING).knnMatch(self._signs, signs, k=2)
        good = [p[0] for p in pairs if len(p) == 2 and p[0].distance < RATIO * p[1].distance]
        if len(good) < LEAST:
            return None
        before = self._points[[m.queryIdx for m in good]]
        after = points[[m.trainIdx for m in good]]
        turn, agree = cv2.estimateAffinePartial2D(before, after,
                                                  ransacReprojThreshold=TOLERANCE_PX)
        matches = 0 if agree is None else int(agree.sum())
        if turn is None or matches < LEAST:
            return None
        height, width = picture.shape[:2]
        middle = np.array([(width - 1) / 2, (height - 1) / 2])
        right, down = (turn[:, :2] @ middle + turn[:, 2] - middle).tolist()
        return Movement(right, down, math.degrees(math.atan2(turn[1, 0], turn[0, 0])),
                        math.hypot(turn[0, 0], turn[1, 0]), matches)
