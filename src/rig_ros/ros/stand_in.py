"""Plays everything a recorder hears, without an arm and without a model: for benches and drills.

Episodes of pictures that differ, latents, commands, joints, poses and events, all with real
stamps, at a steady rate. It knows exactly what was sent, so that what was recorded can be held
against it.
"""

from __future__ import annotations

import array
import hashlib
import time
from collections import Counter
from typing import Any

import numpy as np
from geometry_msgs.msg import PoseStamped
from sensor_msgs.msg import CameraInfo, JointState
from std_msgs.msg import Bool, MultiArrayDimension, UInt8MultiArray

from rig_ros.learning import bundle_file
from rig_ros.ros import topics
from rig_ros.ros.client import GraphClient
from rig_ros.ros.conversions import (
    array_to_image,
    latent_to_cloud,
    to_stamp,
    values_to_message,
    velocity_to_twist,
)
from rig_ros.ros.topics import Topic
from rig_ros.vision.texture import texture

ENCODER_ID = 'stand-in'
STREAMS = (topics.CAMERA_IMAGE, topics.LATENT, topics.POLICY_COMMAND, topics.COMMAND,
           topics.JOINT_STATES, topics.EE_POSE, topics.GROUND_TRUTH)
LATENT_DIM = 16


class StandIn:
    """One graph; call `step` at the rate wanted."""

    def __init__(self, graph: GraphClient, task: str = 'reach_xy') -> None:
        """Make the publishers and latch what is latched.

        Args:
            graph: spun by its owner.
            task: named in the events.
        """
        self.graph = graph
        self.sent: Counter[str] = Counter()
        """Messages by topic within episodes."""
        self.finished_ns: list[int] = []
        """Stamps of the commands sent: each finishes a step."""
        self.episodes = 0
        self._task = task
        self._number = 0
        self._pictures = [texture(n) for n in range(30)]
        self._publishers = {t.name: graph.publisher(t) for t in (*STREAMS, topics.EPISODE_EVENTS)}
        graph.publisher(topics.CAMERA_INFO).publish(CameraInfo(height=84, width=84))
        graph.publisher(topics.ESTOP).publish(Bool(data=False))

    def wait_recorder(self, timeout_s: float = 30.0, readers: int = 1) -> None:
        """Wait until every topic has so many readers.

        Raises:
            HardwareError: not in time.
        """
        self.graph.spin_until(
            lambda: all(p.get_subscription_count() >= readers
                        for p in self._publishers.values()), timeout_s, 'recorder')

    def begin(self) -> str:
        """Start an episode; return its id."""
        self.episodes += 1
        for kind in ('reset', 'start'):
            self._event(kind, time.time_ns())
        return self.episode_id

    @property
    def episode_id(self) -> str:
        """The episode begun last."""
        return f'stand-in-{self.episodes:05d}'

    def step(self) -> None:
        """Send one picture and everything that is derived from it."""
        stamp_ns = self._picture()
        stamp, number = to_stamp(stamp_ns), self._number
        wave = np.sin(number / 7 + np.arange(LATENT_DIM)).astype(np.float32)
        self._send(topics.LATENT, latent_to_cloud(wave, wave - 3, ENCODER_ID, stamp))
        velocity = np.array([0.1 * wave[0], 0.1 * wave[5], 0.0])
        self._send(topics.POLICY_COMMAND, velocity_to_twist(velocity, stamp))
        self._send(topics.COMMAND, velocity_to_twist(velocity, stamp))
        self.finished_ns.append(stamp_ns)
        joints = JointState(name=[f'right_j{i}' for i in range(7)], position=wave[:7].tolist(),
                            velocity=[0.0] * 7, effort=[0.0] * 7)
        joints.header.stamp = stamp
        self._send(topics.JOINT_STATES, joints)
        pose = PoseStamped()
        pose.header.stamp, pose.header.frame_id = stamp, 'base'
        self._send(topics.EE_POSE, pose)
        self._send(topics.GROUND_TRUTH, values_to_message('truth', {'hand': '0 0 0'}, stamp))

    def end(self) -> None:
        """Send the last picture and end the episode."""
        self._event('end', self._picture())

    def _picture(self) -> int:
        self._number += 1
        stamp_ns = time.time_ns()
        self._send(topics.CAMERA_IMAGE, array_to_image(
            self._pictures[self._number % len(self._pictures)], to_stamp(stamp_ns)))
        return stamp_ns

    def _event(self, kind: str, stamp_ns: int) -> None:
        self._send(topics.EPISODE_EVENTS, values_to_message('episode', {
            'kind': kind, 'episode_id': self.episode_id, 'mode': 'collect', 'task': self._task,
            'steps': self._number}, to_stamp(stamp_ns)))

    def _send(self, topic: Topic, message: Any) -> None:
        self._publishers[topic.name].publish(message)
        self.sent[topic.name] += 1


def publish_model(graph: GraphClient, content: bytes) -> str:
    """Publish a model as the trainer does; return its id.

    Raises:
        DataError: it is no bundle.
    """
    bundle_id = hashlib.sha256(content).hexdigest()
    manifest = bundle_file.read_manifest(content)
    payload = UInt8MultiArray(data=array.array('B', content))
    payload.layout.dim = [MultiArrayDimension(label=bundle_id, size=len(content),
                                              stride=len(content))]
    graph.publisher(topics.MODEL_PAYLOAD).publish(payload)
    graph.publisher(topics.MODEL_MANIFEST).publish(values_to_message('model', {
        'bundle_id': bundle_id, 'encoder_id': manifest.encoder_id, 'task': manifest.task,
        'size': len(content), 'step': 0, 'format_version': manifest.format_version},
        to_stamp(time.time_ns())))
    return bundle_id
