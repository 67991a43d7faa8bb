"""The launch files where ROS has launch: they load, and name the nodes of the table."""

from __future__ import annotations

import pytest

from rig_ros import resources
from rig_ros.bringup import graph

pytest.importorskip('launch_ros')
from launch import LaunchContext, LaunchDescription
from launch.actions import DeclareLaunchArgument, OpaqueFunction
from launch.launch_description_sources import PythonLaunchDescriptionSource
from launch_ros.actions import Node

pytestmark = pytest.mark.ros


def load(name: str) -> LaunchDescription:
    source = PythonLaunchDescriptionSource(str(resources.find('launch', f'{name}.launch.py')))
    return source.get_launch_description(LaunchContext())


def nodes_of(name: str, **arguments: str) -> list[Node]:
    """Return the nodes that a launch file would start with these arguments."""
    description, context = load(name), LaunchContext()
    context.launch_configurations.update(arguments)
    for entity in description.entities:
        if isinstance(entity, DeclareLaunchArgument):
            entity.visit(context)
    opaque = next(e for e in description.entities if isinstance(e, OpaqueFunction))
    return opaque.visit(context)


@pytest.mark.parametrize('name', sorted(graph.DEPLOYMENTS))
def test_starts_the_nodes_of_the_table(name: str):
    expected = [spec.executable for spec in graph.deployment(name).nodes()]
    assert [node.node_executable for node in nodes_of(name)] == expected


def test_arguments_decide_which_nodes_there_are():
    executables = [node.node_executable for node in nodes_of('sim', raw_camera='true',
                                                             train='true')]
    assert 'camera_node' in executables
    assert 'trainer_node' in executables


@pytest.mark.parametrize('name', sorted(graph.DEPLOYMENTS))
def test_every_argument_is_described(name: str):
    declared = [e for e in load(name).entities if isinstance(e, DeclareLaunchArgument)]
    assert {'namespace', 'params_file', 'use_sim_time', 'log_level', 'task', 'bundle'} <= {
        argument.name for argument in declared}
    assert all(argument.description for argument in declared)


def test_a_value_that_is_not_allowed_is_refused():
    with pytest.raises(RuntimeError, match='"slow" is not valid'):
        nodes_of('sim', clock='slow')
