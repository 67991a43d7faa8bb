"""Watches a running graph from outside and keeps what it saw: for demos, drills and benches.

It may read the simulation's ground truth, because nothing learns from it. Times of arrival are
of the monotonic clock in seconds, stamps integer nanoseconds of the graph's clock (the wall clock
in real time), positions metres in `base`.
"""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from diagnostic_msgs.msg import DiagnosticArray
from geometry_msgs.msg import PoseStamped, TwistStamped
from numpy.typing import NDArray
from sensor_msgs.msg import Image

from rig_ros.errors import HardwareError
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import (
    image_to_array,
    message_to_values,
    pose_to_position,
    stamp_ns,
    twist_to_velocity,
)
from rig_ros.vision.image import Picture

MODEL_NODES = ('encoder', 'goal', 'policy')


@dataclass(frozen=True)
class Command:
    """One message of `cmd_twist`."""

    arrival_s: float
    stamp_ns: int
    speed: float
    """Length of the velocity [m/s]."""


class Witness:
    """Subscribes to what a graph does; filled while a method of its client waits."""

    def __init__(self, graph: GraphClient) -> None:
        """Begin to watch.

        Args:
            graph: a client of the graph; it is spun by its owner.
        """
        self.graph = graph
        self.commands: list[Command] = []
        self.segments: list[dict[str, str]] = []
        """Recorded episodes, as announced, oldest first."""
        self.models: dict[str, dict[str, str]] = {}
        """The newest `model/status` of each node."""
        self.truth: dict[str, NDArray[np.float64]] = {}
        """The newest true positions by name, (3,) [m]."""
        self.images = 0
        self.episode_id = ''
        """The episode that the newest event is about."""
        self._arrivals_s: list[float] = []
        self._stamps_ns: list[int] = []
        self._positions: list[NDArray[np.float64]] = []
        self._image: Image | None = None
        graph.subscribe(topics.EE_POSE, self._on_pose, 'record')
        graph.subscribe(topics.COMMAND, self._on_command, 'record')
        graph.subscribe(topics.GROUND_TRUTH, self._on_truth, 'record')
        graph.subscribe(topics.CAMERA_IMAGE, self._on_image)
        graph.subscribe(topics.MODEL_STATUS, self._on_model)
        graph.subscribe(topics.RECORDER_SEGMENT, self._on_segment)
        graph.subscribe(topics.EPISODE_EVENTS, self._on_event)

    @property
    def picture(self) -> Picture:
        """The newest picture of the camera.

        Raises:
            HardwareError: none has come yet.
        """
        if self._image is None:
            raise HardwareError('camera/image: nothing has arrived; is the camera node up?')
        return image_to_array(self._image)

    @property
    def path(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Stamps (n,) [s] and hand positions (n, 3) [m] since `forget`.

        Stamps, not arrivals: a witness that was busy would call the arm late.
        """
        return 1e-9 * np.array(self._stamps_ns), np.array(self._positions).reshape(-1, 3)

    def speed(self, window_s: float = 0.3) -> float:
        """Return the mean speed of the hand over the last moments [m/s]; 0 when unknown."""
        since = time.monotonic() - window_s
        recent = [i for i in range(max(0, len(self._arrivals_s) - 100), len(self._arrivals_s))
                  if self._arrivals_s[i] >= since]
        if len(recent) < 2:
            return 0.0
        path = np.array([self._positions[i] for i in recent])
        span_s = self._arrivals_s[recent[-1]] - self._arrivals_s[recent[0]]
        return float(np.linalg.norm(np.diff(path, axis=0), axis=1).sum() / max(span_s, 1e-3))

    def forget(self) -> None:
        """Drop hand positions and commands, before the next thing to watch."""
        self._arrivals_s.clear()
        self._stamps_ns.clear()
        self._positions.clear()
        self.commands.clear()

    def wait_ready(self, timeout_s: float, models: Sequence[str] = MODEL_NODES) -> None:
        """Wait until the camera gives pictures and the given nodes hold one and the same model.

        Raises:
            HardwareError: not in time; the message says what is missing.
        """
        def ready() -> bool:
            active = {self.models.get(node, {}).get('active', '') for node in models}
            return self._image is not None and len(active) <= 1 and '' not in active

        try:
            self.graph.spin_until(ready, timeout_s, 'graph')
        except HardwareError as error:
            state = {node: self.models.get(node, {}).get('active') or 'no model'
                     for node in models}
            raise HardwareError(f'graph: not ready within {timeout_s:g} s; pictures seen: '
                                f'{self.images}, models: {state}; look into the logs') from error

    def _on_pose(self, message: PoseStamped) -> None:
        self._arrivals_s.append(time.monotonic())
        self._stamps_ns.append(stamp_ns(message.header.stamp))
        self._positions.append(pose_to_position(message))

    def _on_command(self, message: TwistStamped) -> None:
        self.commands.append(Command(time.monotonic(), stamp_ns(message.header.stamp),
                                     float(np.linalg.norm(twist_to_velocity(message)))))

    def _on_truth(self, message: DiagnosticArray) -> None:
        self.truth = {name: np.array([float(v) for v in text.strip('[]()').replace(',', ' ')
                                      .split()])
                      for name, text in message_to_values(message).items()}

    def _on_image(self, message: Image) -> None:
        self._image = message
        self.images += 1

    def _on_model(self, message: DiagnosticArray) -> None:
        values = message_to_values(message)
        self.models[values['node']] = values

    def _on_event(self, message: DiagnosticArray) -> None:
        self.episode_id = message_to_values(message).get('episode_id', '')

    def _on_segment(self, message: DiagnosticArray) -> None:
        self.segments.append(message_to_values(message))


def distance(here: dict[str, Any], there: dict[str, Any], name: str = 'hand') -> float:
    """Return how far an object is from its place in a goal [m]."""
    return float(np.linalg.norm(np.subtract(here[name], there[name])))
