"""The recordings' table against itself and against the ROS table."""

from __future__ import annotations

import pytest

from rig_ros.episodes import schema
from rig_ros.errors import DataError


@pytest.mark.parametrize(('topic', 'name'), [
    ('/cmd_twist', 'cmd_twist'), ('/policy/cmd_twist', 'policy/cmd_twist'),
    ('/rig/policy/cmd_twist', 'policy/cmd_twist'), ('/rig/cmd_twist', 'cmd_twist'),
    ('camera/image', 'camera/image'), ('/my_cmd_twist', ''), ('/camera/image/x', '')])
def test_local_name_ignores_the_namespace(topic: str, name: str):
    assert schema.local_name(topic) == name


def test_definitions_carry_text_and_hash():
    found = schema.definition('sensor_msgs/msg/Image')
    assert 'MSG: std_msgs/Header' in found.text
    assert found.type_hash.startswith('RIHS01_')


def test_raises_error_if_the_type_is_unknown():
    with pytest.raises(DataError, match='my_msgs/msg/Thing'):
        schema.definition('my_msgs/msg/Thing')


@pytest.mark.ros
def test_the_table_agrees_with_the_ros_table():
    topics = pytest.importorskip('rig_ros.ros.topics')
    recorded = {t.name: t for t in topics.ALL if t.recorded}
    assert sorted(recorded) == sorted(schema.BY_NAME)
    for name, topic in recorded.items():
        ours = schema.BY_NAME[name]
        assert ours.type == topic.type_name
        assert ours.latched == (topic.kind == 'latched'), name
        if ours.latched:
            assert ours.depth == topic.depth, name
