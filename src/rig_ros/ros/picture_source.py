"""Pictures of a topic as a source for `hardware.background.BackgroundReader`.

Everything of ROS happens in the thread that calls `read` and `close`: the reader's own.
"""

from __future__ import annotations

import dataclasses
from collections import deque

from rig_ros.errors import HardwareError
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import image_to_array
from rig_ros.vision.image import Picture

PATIENCE_S = 1.0


class TopicPictures:
    """Subscribes when the first picture is read."""

    hz = 30.0
    """Not told by a topic; the pictures pace themselves."""

    def __init__(self, topic: str = topics.CAMERA_RAW.name, namespace: str = '') -> None:
        """Name the topic.

        Args:
            topic: of sensor_msgs/Image.
            namespace: that the driver was started with.
        """
        self._topic = dataclasses.replace(topics.CAMERA_RAW, name=topic)
        self._namespace = namespace
        self._client: GraphClient | None = None
        self._waiting: deque[Picture] = deque(maxlen=1)

    def read(self) -> Picture:
        """Return the next picture; waits for it.

        Raises:
            HardwareError: there is none in time.
            DataError: its encoding is not understood.
        """
        if self._client is None:
            self._client = GraphClient('rig_ros_camera', self._namespace)
            self._client.subscribe(self._topic,
                                   lambda m: self._waiting.append(image_to_array(m)))
        try:
            self._client.spin_until(lambda: self._waiting, PATIENCE_S, self._topic.name)
        except HardwareError as error:
            raise HardwareError(f'topic {self._topic.name}: no picture for {PATIENCE_S:.0f} s; is '
                                'the driver up, in the same ROS_DOMAIN_ID?') from error
        return self._waiting.popleft()

    def close(self) -> None:
        """Leave the graph."""
        if self._client is not None:
            self._client.close()
            self._client = None
