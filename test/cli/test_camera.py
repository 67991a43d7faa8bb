"""`rig_ros camera` on a video file: the check, its words, and the window without a window."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner

from rig_ros.bringup import parameter_file
from rig_ros.cli import camera, camera_window
from rig_ros.cli.camera_window import Square
from rig_ros.errors import ConfigError, HardwareError
from rig_ros.hardware import camera_setup
from rig_ros.hardware.camera_controls import Held
from rig_ros.hardware.camera_setup import Check
from rig_ros.vision.steadiness import Steadiness

STEADY = Steadiness(100, 120.0, 0.001, 0.001, 0.001)


@pytest.fixture
def film(tmp_path: Path) -> Path:
    """Two seconds of a table that stands still, 64x48 at 30 Hz."""
    path = tmp_path / 'film.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 30, (64, 48))
    table = np.random.default_rng(0).integers(60, 180, (48, 64, 3), dtype=np.uint8)
    for _ in range(60):
        writer.write(table)
    writer.release()
    return path


@pytest.fixture
def brief(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(camera_setup, 'MEASURE_S', 1.0)
    monkeypatch.setattr(camera_setup, 'SETTLE_S', 0.1)


@pytest.mark.usefixtures('brief')
def test_check_of_a_film_names_what_it_looked_at(film: Path, tmp_path: Path):
    result = CliRunner().invoke(camera.app, [
        '--source', str(film), '--check', '--json', str(tmp_path / 'found.json'),
        '--params-file', str(tmp_path / 'nodes.yaml')])
    assert result.exit_code == 0, result.output
    found = json.loads((tmp_path / 'found.json').read_text())
    assert found['fit']
    assert {c['name']: c['ok'] for c in found['checks']} == {
        'controls': False, 'light': True, 'brightness': True, 'colour': True, 'flicker': True}
    assert not (tmp_path / 'nodes.yaml').exists()


@pytest.mark.parametrize(('check', 'wrong'), [
    (Check((Held('exposure', 156, 156, True),), STEADY, None), []),
    (Check((Held('exposure', 156, 90, True),), STEADY, None), ['exposure']),
    (Check((Held('white_balance', 4600, 4600, False),), STEADY, None), ['white_balance']),
    (Check((Held('gain', 1, 1, True),), STEADY._replace(colour_drift=0.1), None), ['colour']),
    (Check((Held('gain', 1, 1, True),), STEADY._replace(brightness_drift=0.1, flicker=0.1), None),
     ['brightness', 'flicker'])])
def test_what_is_wrong_is_named_with_a_remedy(check: Check, wrong: list[str]):
    found = list(camera.told(check))
    assert [f.name for f in found if not f.ok] == wrong
    assert all(f.remedy for f in found)


def test_a_file_that_is_missing_is_an_error(tmp_path: Path):
    with pytest.raises(HardwareError, match='does not exist'):
        CliRunner().invoke(camera.app, ['--source', str(tmp_path / 'none.avi'), '--check'],
                           catch_exceptions=False)


class Gui:
    """OpenCV's window functions; the keys are pressed one after the other."""

    def __init__(self, keys: str, drag: tuple[tuple[int, int], tuple[int, int]]) -> None:
        self.keys, self.drag = list(keys), drag
        self.shown: list[np.ndarray] = []
        self.mouse: Any = None

    def namedWindow(self, title: str) -> None: ...  # noqa: N802
    def createTrackbar(self, *given: Any) -> None: ...  # noqa: N802
    def destroyAllWindows(self) -> None: ...  # noqa: N802

    def getTrackbarPos(self, slider: str, title: str) -> int:  # noqa: N802
        return 50

    def getWindowProperty(self, title: str, which: int) -> float:  # noqa: N802
        return 1.0

    def setMouseCallback(self, title: str, callback: Any) -> None:  # noqa: N802
        self.mouse = callback

    def imshow(self, title: str, picture: np.ndarray) -> None:
        self.shown.append(picture)

    def waitKey(self, patience: int) -> int:  # noqa: N802
        if self.mouse is None:
            return -1  # nothing to press before there is a picture
        if self.drag:
            (x0, y0), (x1, y1) = self.drag
            self.mouse(cv2.EVENT_LBUTTONDOWN, x0, y0)
            self.mouse(cv2.EVENT_MOUSEMOVE, x1, y1)
            self.mouse(cv2.EVENT_LBUTTONUP, x1, y1)
            self.drag = ()  # type: ignore[assignment]
            return -1
        return ord(self.keys.pop(0))


def test_a_square_dragged_in_the_window_is_saved(film: Path, tmp_path: Path,
                                                 monkeypatch: pytest.MonkeyPatch):
    gui = Gui('rsq', ((4, 6), (24, 20)))
    monkeypatch.setattr(camera_window.show, '__defaults__', (gui,))
    file = tmp_path / 'nodes.yaml'
    result = CliRunner().invoke(camera.app, ['--source', str(film), '--window',
                                             '--params-file', str(file)])
    assert result.exit_code == 0, result.output
    assert parameter_file.read(file, 'camera')['crop'] == [4, 6, 20, 20]
    assert (tmp_path / 'nodes-view.png').is_file()
    assert gui.shown[-1].shape == (48, 64, 3)


def test_a_build_without_windows_says_what_to_do(film: Path, tmp_path: Path):
    class NoGui:
        def namedWindow(self, title: str) -> None:  # noqa: N802
            raise cv2.error('The function is not implemented')

    with pytest.raises(ConfigError, match='page in the browser'):
        camera_window.show(None, 'x', NoGui())  # type: ignore[arg-type]


@pytest.mark.parametrize(('start', 'end', 'crop'), [
    ((10, 10), (30, 25), [10, 10, 20, 20]), ((30, 30), (10, 20), [10, 10, 20, 20]),
    ((50, 40), (200, 45), [50, 40, 8, 8]), ((10, 10), (12, 12), [0, 0, 9, 9])])
def test_a_drag_gives_a_square_inside_the_picture(start: tuple, end: tuple, crop: list[int]):
    square = Square(64, 48, [0, 0, 9, 9])
    square.on_mouse(cv2.EVENT_MOUSEMOVE, 40, 40)  # no button yet
    square.on_mouse(cv2.EVENT_LBUTTONDOWN, *start)
    square.on_mouse(cv2.EVENT_MOUSEMOVE, *end)
    assert square.crop == crop
