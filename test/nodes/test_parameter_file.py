"""`config/nodes.yaml` against what the nodes declare: no other names, and the same defaults.

What a deployment sets (`bringup.graph`) may be left out of the file; everything else is in it.
"""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')
pytest.importorskip('torch')
pytest.importorskip('mujoco')

from rig_ros import resources, settings
from rig_ros.bringup import graph
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, build

NODES = ('camera', 'encoder', 'goal', 'policy', 'guard', 'episode', 'recorder', 'trainer', 'sim',
         'sawyer', 'fake_robot', 'markers')
COMMON = {field.name for field in dataclasses.fields(CommonParameters)}


def node_class(name: str) -> type[RigNode]:
    module = importlib.import_module(f'rig_ros.nodes.{name}')
    return next(c for c in vars(module).values() if isinstance(c, type)
                and issubclass(c, RigNode) and c.__module__ == module.__name__)


def section(name: str) -> dict[str, Any]:
    return settings.read_yaml(resources.find('config', 'nodes.yaml'))[f'/**/{name}'][
        'ros__parameters']


def decided(name: str) -> set[str]:
    """Return the parameters that a deployment sets on a node."""
    deployments = [graph.deployment('sim', {'train': True, 'raw_camera': True}),
                   graph.deployment('robot'), graph.deployment('trainer')]
    return {key for chosen in deployments for spec in chosen.nodes() if spec.name == name
            for key in spec.parameters}


def test_deployments_set_only_what_nodes_declare() -> None:
    for name in NODES:
        fields = {f.name for f in dataclasses.fields(node_class(name).PARAMETERS)}
        assert decided(name) <= fields | {'use_sim_time'}, name


def test_file_has_a_section_for_each_node_and_no_other() -> None:
    found = settings.read_yaml(resources.find('config', 'nodes.yaml'))
    assert set(found) == {f'/**/{name}' for name in NODES}


@pytest.mark.parametrize('name', NODES)
def test_section_names_what_the_node_declares(name: str) -> None:
    cls = node_class(name)
    assert name == cls.NAME
    declared = {field.name for field in dataclasses.fields(cls.PARAMETERS)} - COMMON
    assert set(section(name)) <= declared
    assert declared - set(section(name)) <= decided(name)
    assert build(cls.PARAMETERS, section(name), name) == cls.PARAMETERS()
