"""The camera node: topic and file sources, crop, rate, silence, size changes, CameraInfo."""

from __future__ import annotations

import time
from pathlib import Path

import cv2
import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from ros_bench import RosBench

from rig_ros.errors import ConfigError, HardwareError
from rig_ros.hardware.camera_controls import Held
from rig_ros.hardware.cameras import SourceSettings
from rig_ros.nodes.camera import CameraNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import array_to_image, image_to_array, stamp_ns, to_stamp
from rig_ros.ros.diagnostics import Level
from rig_ros.vision.image import CropRegion, crop_and_resize

STEP_NS = 100_000_000


def raw(seed: int = 0, height: int = 480, width: int = 640) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (height, width, 3), dtype=np.uint8)


class Lens:
    """A camera node on a topic with its wires in the test's hands."""

    def __init__(self, bench: RosBench, **parameters: object) -> None:
        self.bench = bench
        self.node = bench.add(CameraNode, **parameters)
        self.raws = bench.publisher(topics.CAMERA_RAW)
        self.images = bench.collect(topics.CAMERA_IMAGE)
        bench.connected(self.raws)
        self.stamp = time.time_ns()

    def show(self, picture: np.ndarray, encoding: str = 'rgb8', *, wait: bool = True) -> None:
        """Publish a raw picture one control period later; `wait` for what comes out."""
        self.stamp += STEP_NS
        message = array_to_image(picture, to_stamp(self.stamp), 'lab_camera')
        message.encoding = encoding
        self.raws.publish(message)
        if wait:
            self.bench.until(lambda: self.images and stamp_ns(
                self.images[-1].header.stamp) == self.stamp)


def test_picture_is_cropped_and_keeps_stamp_and_frame() -> None:
    with RosBench() as bench:
        lens = Lens(bench, crop=[100, 20, 400, 400])
        lens.show(raw())
        expected = crop_and_resize(raw(), CropRegion(100, 20, 400, 400), 84)
        np.testing.assert_array_equal(image_to_array(lens.images[0]), expected)
        assert lens.images[0].header.frame_id == 'lab_camera'


def test_bgr_is_turned() -> None:
    with RosBench() as bench:
        lens = Lens(bench)
        lens.show(np.ascontiguousarray(raw()[..., ::-1]), 'bgr8')
        expected = crop_and_resize(raw(), CropRegion.centred_square(640, 480), 84)
        np.testing.assert_array_equal(image_to_array(lens.images[0]), expected)


def test_bayer_is_refused_by_name() -> None:
    with RosBench() as bench:
        lens = Lens(bench)
        lens.show(raw(), 'bayer_rggb8', wait=False)
        bench.until(lambda: lens.node.board.level('camera/image_raw') is Level.ERROR)
        assert 'bayer_rggb8' in lens.node.board._parts['camera/image_raw'].message
        assert not lens.images


def test_camera_that_stops_is_reported_and_comes_back() -> None:
    with RosBench() as bench:
        lens = Lens(bench)
        lens.show(raw())
        bench.until(lambda: lens.node.board.level('source') is Level.OK)
        bench.until(lambda: lens.node.board.level('source') is Level.ERROR)
        lens.show(raw(1))
        bench.until(lambda: lens.node.board.level('source') is Level.OK)


def test_another_size_is_refused_and_counts_as_silence() -> None:
    with RosBench() as bench:
        lens = Lens(bench)
        lens.show(raw())
        count = len(lens.images)
        deadline = time.monotonic() + 10.0
        while lens.node.board.level('source') is not Level.ERROR:
            assert time.monotonic() < deadline
            lens.show(raw(1, 240, 320), wait=False)
            bench.spin_for(0.05)
        assert lens.node.board.level('camera/image_raw') is Level.ERROR
        assert len(lens.images) == count
        lens.show(raw(2))


def test_faster_driver_is_thinned_to_the_control_rate() -> None:
    with RosBench() as bench:
        lens = Lens(bench)
        lens.show(raw())
        for _ in range(3):
            for index in range(2):
                between = to_stamp(lens.stamp + (index + 1) * STEP_NS // 3)
                lens.raws.publish(array_to_image(raw(), between))
                bench.spin_for(0.03)
            lens.show(raw())
        assert len(lens.images) == 4


def test_camera_info_is_scaled_to_the_crop() -> None:
    with RosBench() as bench:
        lens = Lens(bench, calibration=[500.0, 500.0, 320.0, 240.0])
        infos = bench.collect(topics.CAMERA_INFO)
        lens.show(raw())
        bench.until(lambda: infos)
        assert infos[0].k[0] == pytest.approx(500 * 84 / 480)
        assert infos[0].k[2] == pytest.approx((320 - 80 + 0.5) * 84 / 480 - 0.5)


def test_file_is_played_at_the_control_rate(tmp_path: Path) -> None:
    path = tmp_path / 'film.avi'
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter_fourcc(*'MJPG'), 30, (64, 48))
    for index in range(60):
        writer.write(np.full((48, 64, 3), 4 * index, np.uint8))
    writer.release()
    with RosBench() as bench:
        node = bench.add(CameraNode, source=str(path), control_hz=10.0)
        images = bench.collect(topics.CAMERA_IMAGE)
        bench.until(lambda: len(images) >= 8)
        gaps = np.diff([stamp_ns(m.header.stamp) for m in images])
        assert gaps.mean() == pytest.approx(100e6, rel=0.3)
        bench.until(lambda: node.board.level('source') is Level.ERROR)
        assert 'at its end' in node.board._parts['source'].message


def test_a_device_that_does_not_keep_its_exposure_is_named(
        monkeypatch: pytest.MonkeyPatch) -> None:
    class Device:
        """Adjusts itself, whatever it is told."""

        def __init__(self, source: SourceSettings) -> None:
            self.held = [Held('exposure', source.held['exposure'], 90.0, manual=False)]

        def read(self) -> np.ndarray:
            time.sleep(0.02)
            return raw()

        def close(self) -> None:
            pass

    monkeypatch.setattr('rig_ros.nodes.camera.OpenCVCamera', Device)
    with RosBench() as bench:
        node = bench.add(CameraNode, source='/dev/video97', exposure=156.0)
        bench.until(lambda: node.board.level('controls') is Level.WARN)
        assert 'told 156' in node.board._parts['controls'].message


def test_raises_error_if_device_is_missing() -> None:
    with RosBench() as bench:
        node = bench.add(CameraNode, start=False, source='/dev/video97')
        assert not node.start()
        assert isinstance(node.failure, HardwareError)
        assert '/dev/video97 cannot be opened' in str(node.failure)


def test_raises_error_if_crop_is_not_four_numbers() -> None:
    with RosBench() as bench, pytest.raises(ConfigError, match='crop'):
        bench.add(CameraNode, start=False, crop=[1, 2, 3])
