"""Foxglove's layout and RViz's configuration against the topics there are, and their QoS."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
import yaml

pytest.importorskip('rclpy')

from rclpy.qos import (
    DurabilityPolicy,
    QoSCompatibility,
    QoSProfile,
    ReliabilityPolicy,
    qos_check_compatible,
)

from rig_ros import resources
from rig_ros.ros import topics

BY_NAME = {topic.name.lstrip('/'): topic for topic in topics.ALL}
KINDS = {'Image': 'Image', 'Pose': 'PoseStamped', 'MarkerArray': 'MarkerArray'}
"""RViz's display to the message it takes."""


def layout() -> dict[str, Any]:
    return json.loads(resources.find('config', 'views', 'foxglove.json').read_text())


def leaves(tree: Any) -> Iterator[str]:
    if isinstance(tree, str):
        yield tree
    else:
        yield from leaves(tree['first'])
        yield from leaves(tree['second'])


def paths(config: Any) -> Iterator[str]:
    """Yield everything in a layout that begins as a topic or message path does."""
    if isinstance(config, dict):
        for key, value in config.items():
            yield from paths(key)
            yield from paths(value)
    elif isinstance(config, list):
        for value in config:
            yield from paths(value)
    elif isinstance(config, str) and config.startswith('/'):
        yield config


def field(message_type: Any, path: str) -> bool:
    """Return whether a message has the field of a path such as `twist.linear.x`."""
    message = message_type()
    for name in filter(None, re.sub(r'\[.*?\]', '', path).split('.')):
        if not hasattr(message, name):
            return False
        message = getattr(message, name)
    return True


def test_every_panel_of_the_layout_is_placed_once():
    placed = list(leaves(layout()['layout']))
    assert sorted(placed) == sorted(layout()['configById'])


def test_the_layout_names_only_topics_fields_and_services_there_are():
    found = list(paths(layout()['configById']))
    assert len(found) > 20
    for path in found:
        name, _, rest = path.lstrip('/').partition('.')
        if name in topics.SERVICES:
            continue
        assert name in BY_NAME, path
        assert field(BY_NAME[name].type, rest), path


def test_the_estop_can_be_tripped_but_not_cleared_from_the_layout():
    text = json.dumps(layout())
    assert topics.ESTOP_TRIP in text
    assert topics.ESTOP_CLEAR not in text


def test_rviz_asks_for_topics_of_the_right_type_in_a_way_that_connects():
    config = yaml.safe_load(resources.find('config', 'views', 'rig_ros.rviz').read_text())
    displays = [d for d in config['Visualization Manager']['Displays'] if 'Topic' in d]
    assert len(displays) == 4
    for display in displays:
        asked = display['Topic']
        topic = BY_NAME[asked['Value']]
        assert topic.type.__name__ == KINDS[display['Class'].rpartition('/')[2]]
        wanted = QoSProfile(
            depth=asked['Depth'],
            reliability=ReliabilityPolicy[asked['Reliability Policy'].upper().replace(' ', '_')],
            durability=DurabilityPolicy[asked['Durability Policy'].upper().replace(' ', '_')])
        verdict, reason = qos_check_compatible(topic.qos('publish'), wanted)
        assert verdict is not QoSCompatibility.ERROR, f'{topic.name}: {reason}'
