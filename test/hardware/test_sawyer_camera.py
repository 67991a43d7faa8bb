"""The arm's camera as a source: it may come late, go away and come back."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from rig_ros.arm_side.picture import PictureWriter
from rig_ros.errors import HardwareError
from rig_ros.hardware import sawyer_camera
from rig_ros.hardware.sawyer_camera import ArmCamera, picture_path

PICTURE = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)


@pytest.fixture
def path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(sawyer_camera, 'PATIENCE_S', 0.05)
    return picture_path(tmp_path / 'arm.sock')


def write(writer: PictureWriter, picture: np.ndarray, encoding: str) -> None:
    writer.write(1.0, picture.shape[0], picture.shape[1], encoding, picture.tobytes())


def test_pictures_come_once_each_in_colour(path: Path) -> None:
    camera = ArmCamera(path)
    with pytest.raises(HardwareError, match='is the node sawyer up'):
        camera.read()
    writer = PictureWriter(str(path))
    write(writer, PICTURE, 'rgb8')
    np.testing.assert_array_equal(camera.read(), PICTURE)
    with pytest.raises(HardwareError, match='no picture'):
        camera.read()
    write(writer, PICTURE[::-1], 'rgb8')
    np.testing.assert_array_equal(camera.read(), PICTURE[::-1])
    camera.close()
    writer.close()


def test_a_grey_camera_is_repeated_in_three_channels(path: Path) -> None:
    writer, camera = PictureWriter(str(path)), ArmCamera(path)
    write(writer, PICTURE[:, :, 0], 'mono8')
    np.testing.assert_array_equal(camera.read(), np.repeat(PICTURE[:, :, :1], 3, axis=2))
    camera.close()
    writer.close()


def test_after_the_side_process_was_restarted_a_new_source_reads_on(path: Path) -> None:
    writer, camera = PictureWriter(str(path)), ArmCamera(path)
    write(writer, PICTURE, 'rgb8')
    camera.read()
    writer.close()
    with pytest.raises(HardwareError):
        camera.read()
    camera.close()
    writer, camera = PictureWriter(str(path)), ArmCamera(path)
    write(writer, PICTURE, 'rgb8')
    assert camera.read().shape == (4, 6, 3)
    camera.close()
    writer.close()
