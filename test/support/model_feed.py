"""Publishes bundles and episode events as trainer and episode node do, broken ones too."""

from __future__ import annotations

import array
import hashlib
from typing import Any

import random_bundle
from ros_bench import RosBench
from std_msgs.msg import MultiArrayDimension, UInt8MultiArray

from rig_ros.learning import bundle as bundles
from rig_ros.ros import topics
from rig_ros.ros.conversions import message_to_values, to_stamp, values_to_message

STAMP_NS = 1_795_000_000_000_000_000


class ModelFeed:
    """The trainer's and the episode node's end of a test."""

    def __init__(self, bench: RosBench) -> None:
        self._bench = bench
        self._manifests = bench.publisher(topics.MODEL_MANIFEST)
        self._payloads = bench.publisher(topics.MODEL_PAYLOAD)
        self._events = bench.publisher(topics.EPISODE_EVENTS)
        self._statuses = bench.collect(topics.MODEL_STATUS)

    def publish(self, seed: int, payload: bytes | None = None, **changes: object) -> str:
        """Publish a random bundle; return its id.

        Args:
            seed: of the bundle.
            payload: bytes to send instead of the right ones.
            changes: of the manifest.
        """
        content = random_bundle.content(seed)
        bundle_id = hashlib.sha256(content).hexdigest()
        values: dict[str, object] = {
            'bundle_id': bundle_id, 'encoder_id': bundles.loads(content).manifest.encoder_id,
            'task': 'reach_xy', 'size': len(content), 'step': 1, 'format_version': 1}
        message = UInt8MultiArray(data=array.array('B', content if payload is None else payload))
        message.layout.dim = [MultiArrayDimension(label=bundle_id, size=len(content), stride=1)]
        self._bench.connected(self._manifests, self._payloads)
        self._manifests.publish(values_to_message('model', {**values, **changes}, to_stamp(1)))
        self._payloads.publish(message)
        return bundle_id

    def event(self, kind: str, **values: str) -> None:
        """Publish an event of the episode."""
        self._bench.connected(self._events)
        self._events.publish(values_to_message('episode', {'kind': kind, **values},
                                               to_stamp(STAMP_NS)))

    def status(self) -> dict[str, str]:
        """Return the newest model/status."""
        return message_to_values(self._statuses[-1]) if self._statuses else {}

    def until_status(self, **expected: str) -> dict[str, Any]:
        """Wait until the newest model/status has these values."""
        self._bench.until(lambda: expected.items() <= self.status().items())
        return self.status()
