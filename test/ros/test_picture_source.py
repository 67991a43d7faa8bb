"""A topic as a camera: pictures arrive in the reader's thread, silence and mosaics are named."""

from __future__ import annotations

import time

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from rig_ros.hardware.background import BackgroundReader
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import array_to_image, to_stamp
from rig_ros.ros.picture_source import TopicPictures

PICTURE = np.random.default_rng(0).integers(0, 255, (48, 64, 3), dtype=np.uint8)


def test_a_driver_is_heard_and_its_mistakes_are_told():
    reader = BackgroundReader(TopicPictures, paced=False, reopen_s=0.1)
    try:
        with GraphClient('driver') as driver:
            publisher = driver.publisher(topics.CAMERA_RAW)

            def drive(encoding: str) -> None:
                message = array_to_image(PICTURE, to_stamp(1))
                message.encoding = encoding
                publisher.publish(message)
                driver.spin_for(0.02)

            deadline = time.monotonic() + 30.0
            while (taken := reader.take()) is None:
                assert time.monotonic() < deadline, reader.problem
                drive('rgb8')
            np.testing.assert_array_equal(taken[0], PICTURE)
            while 'bayer_rggb8' not in reader.problem:
                assert time.monotonic() < deadline, reader.problem
                drive('bayer_rggb8')
        while 'no picture' not in reader.problem:
            assert time.monotonic() < deadline, reader.problem
            time.sleep(0.05)
    finally:
        reader.close()
