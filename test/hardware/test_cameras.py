"""Cameras: a real video file, and a fake device that fails as devices do."""

import cv2
import numpy as np
import pytest

from rig_ros.errors import ConfigError, HardwareError
from rig_ros.hardware.cameras import OpenCVCamera, SourceSettings

FRAMES = 5


class FakeDevice:
    """A device that delivers two pictures and is then unplugged."""

    def __init__(self, opens=True):
        self.opens = opens
        self.left = 2
        self.properties = {}
        self.released = False

    def isOpened(self):  # noqa: N802
        return self.opens

    def read(self):
        self.left -= 1
        if self.left < 0:
            return False, None
        pixels = np.zeros((480, 640, 3), np.uint8)
        pixels[..., 0] = 200
        return True, pixels

    def set(self, key, value):
        self.properties[key] = value
        return True

    def get(self, key):
        return 0.0

    def release(self):
        self.released = True


@pytest.fixture
def video(tmp_path):
    path = tmp_path / 'film.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 20, (64, 48))
    assert writer.isOpened()
    for index in range(FRAMES):
        writer.write(np.full((48, 64, 3), (0, 0, 40 * index), np.uint8))
    writer.release()
    return path


def test_file_is_read_in_rgb_then_ends(video):
    camera = OpenCVCamera(SourceSettings(str(video)))
    assert camera.hz == pytest.approx(20)
    pictures = [camera.read() for _ in range(FRAMES)]
    assert pictures[0].shape == (48, 64, 3)
    assert pictures[4][..., 0].mean() == pytest.approx(160, abs=5)
    assert pictures[4][..., 2].mean() < 10
    with pytest.raises(HardwareError, match='at its end'):
        camera.read()
    camera.close()


def test_file_repeats_if_asked(video):
    camera = OpenCVCamera(SourceSettings(str(video), repeat=True))
    for _ in range(FRAMES + 2):
        picture = camera.read()
    assert picture[..., 0].mean() == pytest.approx(40, abs=5)


def test_device_is_asked_for_size_and_a_short_buffer():
    device = FakeDevice()
    camera = OpenCVCamera(SourceSettings('0', width=800, height=600, hz=15), lambda _: device)
    assert device.properties[cv2.CAP_PROP_FRAME_WIDTH] == 800
    assert device.properties[cv2.CAP_PROP_BUFFERSIZE] == 1
    assert camera.hz == 15
    assert camera.read()[0, 0].tolist() == [0, 0, 200]


def test_raises_error_if_device_is_unplugged():
    camera = OpenCVCamera(SourceSettings('/dev/video7'), lambda _: FakeDevice())
    camera.read()
    camera.read()
    with pytest.raises(HardwareError, match='/dev/video7 delivers no picture'):
        camera.read()


def test_raises_error_and_releases_if_device_does_not_open():
    device = FakeDevice(opens=False)
    with pytest.raises(HardwareError, match='cannot be opened'):
        OpenCVCamera(SourceSettings('3'), lambda _: device)
    assert device.released


def test_raises_error_if_file_is_missing_or_no_video(tmp_path):
    with pytest.raises(HardwareError, match='does not exist'):
        OpenCVCamera(SourceSettings(str(tmp_path / 'none.mp4')))
    (tmp_path / 'text.mp4').write_text('no film')
    with pytest.raises(HardwareError, match='cannot be opened'):
        OpenCVCamera(SourceSettings(str(tmp_path / 'text.mp4')))


@pytest.mark.parametrize('values', [
    {'path': ''}, {'path': '0', 'hz': 0}, {'path': '0', 'width': 0}])
def test_raises_error_if_settings_are_out_of_range(values):
    with pytest.raises(ConfigError):
        SourceSettings(**values)
