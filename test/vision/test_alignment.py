"""How far a view has moved: known shifts, turns and zooms of a busy picture."""

from __future__ import annotations

import cv2
import numpy as np
import pytest

from rig_ros.vision.alignment import Reference


def scene(seed: int = 0) -> np.ndarray:
    """A table with things on it, larger than the camera's picture."""
    rng = np.random.default_rng(seed)
    picture = np.full((520, 700, 3), 90, np.uint8)
    for _ in range(60):
        x, y = (int(v) for v in rng.integers(20, 500, 2))
        size = int(rng.integers(8, 40))
        colour = tuple(int(v) for v in rng.integers(0, 255, 3))
        cv2.rectangle(picture, (x + 100, y), (x + 100 + size, y + size), colour, -1)
    return picture


def view(right: float = 0, down: float = 0, clockwise: float = 0, zoom: float = 1) -> np.ndarray:
    """What the camera shows when things have moved so."""
    turn = cv2.getRotationMatrix2D((349.5, 259.5), -clockwise, zoom)
    turn[:, 2] += right, down
    moved = cv2.warpAffine(scene(), turn, (700, 520), borderMode=cv2.BORDER_REFLECT)
    return np.ascontiguousarray(moved[20:500, 30:670])


@pytest.mark.parametrize(('right', 'down', 'clockwise', 'zoom'), [
    (0, 0, 0, 1), (12.5, -7.25, 0, 1), (0, 0, 3, 1), (-4, 6, -1.5, 1.05)])
def test_movement_is_measured(right: float, down: float, clockwise: float, zoom: float):
    found = Reference(view()).movement(view(right, down, clockwise, zoom))
    assert found is not None
    assert (found.right_px, found.down_px) == pytest.approx((right, down), abs=0.5)
    assert found.clockwise_deg == pytest.approx(clockwise, abs=0.1)
    assert found.zoom == pytest.approx(zoom, abs=0.003)
    assert found.same is (right == down == clockwise == 0)


def test_things_that_moved_in_the_scene_do_not_matter():
    now = view(5, 0)
    now[100:260, 200:400] = 30
    found = Reference(view()).movement(now)
    assert found is not None
    assert found.right_px == pytest.approx(5, abs=0.5)


def test_another_scene_or_size_or_an_empty_picture_tells_nothing():
    reference = Reference(view())
    noise = np.random.default_rng(1).integers(0, 255, (480, 640, 3), dtype=np.uint8)
    assert reference.movement(noise) is None
    assert reference.movement(np.zeros((480, 640, 3), np.uint8)) is None
    assert reference.movement(np.zeros((240, 320, 3), np.uint8)) is None
    assert Reference(np.zeros((480, 640, 3), np.uint8)).movement(view()) is None


def test_words_name_the_direction():
    found = Reference(view()).movement(view(-12, 8))
    assert found is not None
    assert 'left' in found.text
    assert 'down' in found.text
