"""Sizes, looks and errors of the pictures."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

pytest.importorskip('mujoco')

from rig_ros.control import task as tasks
from rig_ros.errors import ConfigError, HardwareError
from rig_ros.simulation.painter import NICE
from rig_ros.simulation.portrait import PORTRAIT_VIEW, portrait, render_portrait
from rig_ros.simulation.world import SawyerWorld

pytestmark = pytest.mark.render


@pytest.fixture(scope='module')
def world() -> Iterator[SawyerWorld]:
    world = SawyerWorld(tasks.load('push'))
    yield world
    world.close()


def red_and_white(image: np.ndarray) -> tuple[int, int]:
    """Count pixels of the arm's red and of the eyes' white."""
    r, g, b = (image[..., i].astype(int) for i in range(3))
    return (int(((r > 2.5 * g) & (r > 2.5 * b) & (r > 60)).sum()),
            int(((r > 215) & (g > 215) & (b > 215) & (r - b < 10)).sum()))


def test_sizes_do_not_have_to_be_square(world: SawyerWorld) -> None:
    assert world.render(48, 64).shape == (48, 64, 3)
    assert world.render(480, 640).shape == (480, 640, 3)
    assert world.render().shape == (84, 84, 3)


def test_size_does_not_change_what_is_drawn_next(world: SawyerWorld) -> None:
    first = world.render()
    world.render(480, 640)
    portrait(world)
    np.testing.assert_array_equal(world.render(), first)


def test_too_large_a_picture_is_refused(world: SawyerWorld) -> None:
    with pytest.raises(ConfigError, match=r'\(1000, 1000\).*up to 480 x 640'):
        world.render(1000, 1000)


def test_portrait_shows_a_red_arm_and_a_face(world: SawyerWorld) -> None:
    red, white = red_and_white(portrait(world)[:200, 150:350])
    assert red > 1000
    assert white > 300
    plain_red, plain_white = red_and_white(
        world.render(480, 640, view=PORTRAIT_VIEW)[:200, 150:350])
    assert plain_red > 500
    assert plain_white == 0, 'details are for people only'


def test_shadows_fall_on_the_table_for_people_only(world: SawyerWorld) -> None:
    def darkest(image: np.ndarray) -> int:
        return int(image[290:330, 230:330].sum(axis=2).min())

    view = PORTRAIT_VIEW
    assert darkest(world.render(480, 640, NICE, view)) < 0.8 * darkest(
        world.render(480, 640, view=view))


def test_portrait_is_written(tmp_path: Path) -> None:
    render_portrait(tmp_path / 'sawyer.png', tasks.load('reach_xy'), (320, 240))
    image = cv2.imread(str(tmp_path / 'sawyer.png'))
    assert image.shape == (240, 320, 3)
    assert red_and_white(image[..., ::-1])[0] > 200


def test_portrait_into_a_missing_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(HardwareError, match='could not be written'):
        render_portrait(tmp_path / 'no' / 'sawyer.png', tasks.load('reach_xy'), (64, 48))
