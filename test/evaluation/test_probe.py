"""Reading positions from latents that hold them, that hold them bent, and that do not."""

from __future__ import annotations

import numpy as np
import pytest

from rig_ros.errors import ConfigError
from rig_ros.evaluation.probe import read

RNG = np.random.default_rng(0)
PLACES = RNG.uniform(0, 1, (400, 2))
TRUTHS = [{'hand': tuple(place)} for place in PLACES]


def test_latents_that_are_a_rotated_position_are_read_to_the_end():
    reading = read(PLACES @ [[0.6, 0.8], [-0.8, 0.6]] + 3.0, TRUTHS)['hand']
    assert reading.linear == pytest.approx(0.0, abs=1e-9)
    assert reading.nearest == pytest.approx(reading.best)
    assert reading.best < 0.1 * reading.chance


def test_bent_latents_have_the_right_neighbours_and_no_linear_map():
    angle = 6 * PLACES
    reading = read(np.column_stack((np.sin(angle), np.cos(angle))), TRUTHS)['hand']
    assert reading.nearest < 2 * reading.best
    assert reading.linear > 3 * reading.nearest


def test_latents_of_nothing_are_read_as_badly_as_by_chance():
    reading = read(RNG.normal(size=(400, 3)), TRUTHS)['hand']
    assert reading.nearest == pytest.approx(reading.chance, rel=0.15)
    assert reading.linear > 0.6 * reading.chance


def test_an_object_is_read_in_the_pictures_it_is_in():
    # A puck in every other picture, in latents of its own; what stands there without it is noise.
    noise = RNG.uniform(0, 1, (400, 2))
    there = np.arange(400) % 2 == 0
    truths = [{**truth, **({'puck0': tuple(noise[i])} if there[i] else {})}
              for i, truth in enumerate(TRUTHS)]
    latents = np.column_stack((PLACES, np.where(there[:, None], noise, 10 * noise ** 2)))
    readings = read(latents, truths)
    assert list(readings) == ['hand', 'puck0']
    assert readings['puck0'].linear == pytest.approx(0.0, abs=1e-9)
    assert readings['hand'].linear == pytest.approx(0.0, abs=1e-9)


def test_an_object_in_too_few_pictures_is_left_out():
    truths = [{**truth, **({'puck0': (0.0, 0.0)} if i < 39 else {})}
              for i, truth in enumerate(TRUTHS)]
    assert list(read(PLACES, truths)) == ['hand']


def test_raises_error_if_there_are_too_few_pictures():
    with pytest.raises(ConfigError, match='probe: got 10, allowed: 40 or more'):
        read(PLACES[:10], TRUTHS[:10])
