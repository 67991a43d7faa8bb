"""config/nodes.yaml and the declared parameters say the same: names, defaults, allowed values."""

from __future__ import annotations

import dataclasses
import importlib
from typing import Any

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from rig_ros import resources, settings
from rig_ros.bringup import graph
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, build

FILE = settings.read_yaml(resources.find('config', 'nodes.yaml'))
NODES = ('camera', 'encoder', 'goal', 'policy', 'guard', 'episode', 'recorder', 'trainer', 'sim',
         'sawyer', 'fake_robot', 'markers')
NEEDS = {'encoder': 'torch', 'goal': 'torch', 'policy': 'torch', 'sim': 'mujoco'}
COMMON = {field.name for field in dataclasses.fields(CommonParameters)}


def parameter_class(node: str) -> type[CommonParameters]:
    """Return the parameters of a node's module; skip where its libraries are missing."""
    if node in NEEDS:
        pytest.importorskip(NEEDS[node])
    module = importlib.import_module(f'rig_ros.nodes.{node}')
    found = [value for value in vars(module).values()
             if isinstance(value, type) and issubclass(value, RigNode)
             and value.__module__ == module.__name__]
    assert len(found) == 1
    assert node == found[0].NAME
    return found[0].PARAMETERS


def given(node: str) -> dict[str, Any]:
    return FILE[f'/**/{node}']['ros__parameters']


def test_the_file_has_a_section_for_each_node_and_no_other() -> None:
    assert sorted(FILE) == sorted(f'/**/{node}' for node in NODES)


@pytest.mark.parametrize('node', NODES)
def test_each_key_is_declared_and_each_tuning_parameter_is_in_the_file(node: str) -> None:
    declared = {field.name for field in dataclasses.fields(parameter_class(node))}
    by_deployments = {name for kind in graph.DEPLOYMENTS.values()
                      for spec in kind().nodes() if spec.name == node for name in spec.parameters}
    assert set(given(node)) <= declared
    assert declared - set(given(node)) <= COMMON | by_deployments


@pytest.mark.parametrize('node', NODES)
def test_each_value_is_allowed_and_is_the_default(node: str) -> None:
    cls = parameter_class(node)
    assert build(cls, {name: value for name, value in given(node).items() if value != []},
                 node) == cls()


@pytest.mark.parametrize('node', NODES)
def test_each_parameter_is_described(node: str) -> None:
    for field in dataclasses.fields(parameter_class(node)):
        assert len(field.metadata['description']) > 5, field.name


@pytest.mark.parametrize('name', sorted(graph.DEPLOYMENTS))
def test_deployments_set_only_declared_parameters(name: str) -> None:
    for spec in graph.deployment(name).nodes():
        values = {k: v for k, v in spec.parameters.items() if k != 'use_sim_time'}
        build(parameter_class(spec.name), values, spec.name)
