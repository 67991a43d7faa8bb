"""The node that draws: what is always there, what follows the hand, and what is left out."""

from __future__ import annotations

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from geometry_msgs.msg import PoseStamped
from ros_bench import RosBench
from visualization_msgs.msg import Marker

from rig_ros.control import task as tasks
from rig_ros.nodes.markers import MarkersNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import to_stamp, velocity_to_twist


def by_name(message) -> dict[str, Marker]:
    return {marker.ns: marker for marker in message.markers}


def corners(marker: Marker) -> np.ndarray:
    return np.array([(p.x, p.y, p.z) for p in marker.points])


def test_the_boxes_are_the_tasks_and_stay_while_nothing_moves():
    task = tasks.load('reach_xyz')
    with RosBench() as bench:
        drawn = bench.collect(topics.MARKERS)
        bench.add(MarkersNode, task='reach_xyz', draw_hz=30.0)
        bench.until(lambda: drawn)
    scene = by_name(drawn[-1])
    assert set(scene) == {'workspace', 'goals', 'reset', 'state'}
    points = corners(scene['workspace'])
    assert points.shape == (24, 3)
    np.testing.assert_allclose(points.min(axis=0), task.workspace_low)
    np.testing.assert_allclose(points.max(axis=0), task.workspace_high)
    assert scene['state'].text == 'reach_xyz: no episode yet; no goal'
    assert all(m.header.frame_id == 'base' for m in scene.values())
    assert scene['workspace'].lifetime.sec == scene['workspace'].lifetime.nanosec == 0


def test_arrows_begin_at_the_hand_and_show_requested_and_allowed_motion():
    with RosBench() as bench:
        drawn = bench.collect(topics.MARKERS)
        poses = bench.publisher(topics.EE_POSE)
        wanted, allowed = (bench.publisher(topics.POLICY_COMMAND),
                           bench.publisher(topics.COMMAND))
        bench.add(MarkersNode, draw_hz=30.0, ahead_s=0.5)
        bench.connected(poses, wanted, allowed)
        pose = PoseStamped()
        pose.pose.position.x, pose.pose.position.y, pose.pose.position.z = 0.6, 0.1, 0.05

        def seen() -> bool:
            poses.publish(pose)
            wanted.publish(velocity_to_twist(np.array([0.4, 0.0, 0.0]), to_stamp(1)))
            allowed.publish(velocity_to_twist(np.array([0.2, 0.0, 0.0]), to_stamp(1)))
            bench.spin_for(0.02)
            return bool(drawn) and {'requested', 'allowed'} <= set(by_name(drawn[-1]))

        bench.until(seen)
        scene = by_name(drawn[-1])
        np.testing.assert_allclose(corners(scene['requested']),
                                   [(0.6, 0.1, 0.05), (0.8, 0.1, 0.05)])
        np.testing.assert_allclose(corners(scene['allowed'])[1], (0.7, 0.1, 0.05))
        assert scene['hand'].lifetime.sec == 1
        # Without new commands the arrows are not drawn again.
        bench.until(lambda: 'requested' not in by_name(drawn[-1]))
