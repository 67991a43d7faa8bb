"""Setting a camera up, on a source that plays pictures and a clock that only tests move."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rig_ros.errors import ConfigError, HardwareError
from rig_ros.hardware.camera_controls import Held
from rig_ros.hardware.camera_setup import MEASURE_S, SETTLE_S, CameraSetup
from rig_ros.vision.image import crop_and_resize, read_picture

RNG = np.random.default_rng(0)
SCENE = np.kron(RNG.integers(0, 255, (60, 80, 3), dtype=np.uint8), np.ones((8, 8, 1), np.uint8))


class Source:
    """A device that settles at an exposure, and forgets it if told to."""

    def __init__(self) -> None:
        self.freed = False

    def settled(self) -> dict[str, float]:
        return {'exposure': 156.0}

    def hold(self, wanted: dict[str, float]) -> list[Held]:
        return [Held(name, value, value, True) for name, value in wanted.items()]

    def free(self) -> None:
        self.freed = True


class Reader:
    """The part of `BackgroundReader` that is used, without its thread."""

    def __init__(self) -> None:
        self.picture = SCENE
        self.problem, self.closed = '', False
        self.source: Any = Source()

    def take(self) -> tuple[np.ndarray, int] | None:
        return None if self.problem else (self.picture, 1)

    def ask(self, question: Callable[[Any], Any]) -> Any:
        return question(self.source)

    def close(self) -> None:
        self.closed = True


class Bench:
    def __init__(self, folder: Path, crop: tuple[int, ...] = ()) -> None:
        self.reader, self.now, self.saved = Reader(), 0.0, {}
        self.file = folder / 'view.png'
        self.setup = CameraSetup(self.reader, 84, crop, self.file,  # type: ignore[arg-type]
                                 self.saved.update, lambda: self.now)

    def watch(self, seconds: float, shade: float = 1.0) -> None:
        for _ in range(round(20 * seconds)):
            self.now += 0.05
            self.reader.picture = (SCENE * shade).astype(np.uint8)
            self.setup.poll()


def test_the_crop_that_is_set_is_shown_and_another_one_saved(tmp_path: Path):
    bench = Bench(tmp_path, (10, 20, 300, 300))
    bench.setup.poll()
    region = bench.setup.region()
    assert region.as_list() == [10, 20, 300, 300]
    np.testing.assert_array_equal(bench.setup.policy_picture(),
                                  crop_and_resize(SCENE, region, 84))
    bench.setup.save([80, 0, 480, 480])
    assert bench.saved == {'crop': [80, 0, 480, 480]}
    assert bench.setup.region().as_list() == [80, 0, 480, 480]


def test_a_crop_outside_the_picture_is_refused_and_nothing_saved(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.setup.poll()
    with pytest.raises(ConfigError, match='inside the 640x480 picture'):
        bench.setup.save([200, 0, 480, 480])
    assert bench.saved == {}


def test_without_a_picture_everything_says_why(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.reader.problem = 'unplugged'
    assert not bench.setup.poll()
    assert bench.setup.movement() is None
    for act in (lambda: bench.setup.save([0, 0, 9, 9]), bench.setup.keep_reference,
                bench.setup.policy_picture):
        with pytest.raises(HardwareError, match='unplugged'):
            act()


def test_a_reference_is_kept_and_read_again_and_a_moved_camera_found(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.setup.poll()
    assert bench.setup.movement() is None
    assert bench.setup.keep_reference() == bench.file
    np.testing.assert_array_equal(read_picture(bench.file), SCENE)
    later = Bench(tmp_path)
    later.setup.poll()
    still = later.setup.movement()
    assert still is not None
    assert still.same
    later.reader.picture = np.roll(SCENE, 12, axis=1)
    later.setup.poll()
    moved = later.setup.movement()
    assert moved is not None
    assert moved.right_px == pytest.approx(12, abs=0.5)


@pytest.mark.parametrize(('shade', 'steady'), [(1.0, True), (0.9, False)])
def test_controls_are_fixed_watched_and_saved(tmp_path: Path, shade: float, steady: bool):
    bench = Bench(tmp_path)
    bench.watch(1.0)
    bench.setup.fix()
    assert not bench.setup.watched
    bench.watch(SETTLE_S - 0.1, 0.5)  # while it settles anything may be
    bench.watch(MEASURE_S / 2)
    bench.watch(MEASURE_S / 2 + 0.2, shade)
    assert bench.setup.watched
    found = bench.setup.finish_check()
    assert [h.name for h in found.held] == ['exposure']
    assert (found.steadiness.brightness_drift < 0.02) is steady
    assert bench.setup.save([0, 0, 480, 480]) == {'crop': [0, 0, 480, 480], 'exposure': 156.0}
    bench.setup.free()
    assert bench.reader.source.freed
    assert bench.setup.save([0, 0, 480, 480]) == {'crop': [0, 0, 480, 480]}


def test_a_source_without_controls_is_only_watched(tmp_path: Path):
    bench = Bench(tmp_path)
    bench.reader.source = object()
    bench.setup.fix()
    bench.watch(SETTLE_S + MEASURE_S + 0.1)
    assert bench.setup.finish_check().held == ()
    assert bench.setup.hz == pytest.approx(20)
