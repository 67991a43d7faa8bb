"""Drift of brightness and colour, and flicker: each found by its own figure."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.errors import ConfigError
from rig_ros.vision.steadiness import BRIGHTNESS, COLOUR, FLICKER, mean_colour, measure

GREY = np.full(100, 120.0)
RAMP = np.linspace(0.95, 1.05, 100)
BEAT = 1 + 0.06 * (np.arange(100) % 2)


def pictures(red: np.ndarray, green: np.ndarray = GREY, blue: np.ndarray = GREY) -> list:
    return list(zip(red.tolist(), green.tolist(), blue.tolist()))


def test_a_steady_camera_is_within_all_limits():
    noise = np.random.default_rng(0).normal(0, 0.3, (3, 100))
    found = measure(pictures(*(GREY + n for n in noise)))
    assert found.brightness == pytest.approx(120, abs=1)
    assert found.brightness_drift < BRIGHTNESS
    assert found.colour_drift < COLOUR
    assert found.flicker < FLICKER


@pytest.mark.parametrize(('colours', 'wrong'), [
    (pictures(GREY * RAMP, GREY * RAMP, GREY * RAMP), 'brightness_drift'),
    (pictures(GREY * RAMP, GREY, GREY * RAMP[::-1]), 'colour_drift'),
    (pictures(GREY * BEAT, GREY * BEAT, GREY * BEAT), 'flicker')])
def test_each_fault_shows_in_its_own_figure(colours: list, wrong: str):
    found = measure(colours)
    over = {name for name, limit in (('brightness_drift', BRIGHTNESS), ('colour_drift', COLOUR),
                                     ('flicker', FLICKER)) if getattr(found, name) > limit}
    assert over == {wrong}


def test_too_few_pictures_prove_nothing():
    with pytest.raises(ConfigError, match='pictures: got 3'):
        measure(pictures(GREY)[:3])


def test_mean_colour_is_of_the_whole_picture():
    picture = np.zeros((80, 40, 3), np.uint8)
    picture[:40, :, 0] = 200
    assert mean_colour(picture) == (100, 0, 0)
