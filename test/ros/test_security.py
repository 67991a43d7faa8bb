"""The policy is the table of topics, and holds what the nodes do."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
import xml.etree.ElementTree as ElementTree
from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from rig_ros import nodes
from rig_ros.bringup import graph
from rig_ros.ros import security, topics

FOLDER = Path(nodes.__path__[0])
RULES = {'publish_on': 'publish', 'listen': 'subscribe', 'offer': 'reply', 'offer_later': 'reply',
         'call': 'request'}


def allowed(text: str, process: str, right: str) -> set[str]:
    root = ElementTree.fromstring(text)
    enclave = root.find(f"enclaves/enclave[@path='/rig_ros/{process}']")
    assert enclave is not None
    return {rule.text or '' for rules in enclave.iter() if rules.get(right) == 'ALLOW'
            for rule in rules}


def done(module: Path) -> list[tuple[str, str]]:
    """Return (right, name of the constant in `topics`) of what a node wires."""
    found = []
    for node in ast.walk(ast.parse(module.read_text(encoding='utf-8'))):
        if (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)
                and node.func.attr in RULES and node.args):
            found += [(RULES[node.func.attr], name.attr) for name in ast.walk(node.args[0])
                      if isinstance(name, ast.Attribute) and isinstance(name.value, ast.Name)
                      and name.value.id == 'topics']
    return found


def test_each_topic_is_published_by_those_in_the_table_only():
    text = security.policy()
    for topic in topics.ALL:
        may = {p for p in security.PROCESSES if topic.name in allowed(text, p, 'publish')}
        assert may == security.publishers(topic.by), topic.name
        assert may <= set(security.PROCESSES), topic.name


def test_only_the_guard_commands_and_only_the_trainer_sends_models():
    text = security.policy()
    for name, only in (('cmd_twist', 'guard'), ('model/manifest', 'trainer'),
                       ('model/payload', 'trainer'), ('estop', 'guard')):
        assert [p for p in security.PROCESSES if name in allowed(text, p, 'publish')] == [only]


@pytest.mark.parametrize('process', security.NODES)
def test_every_node_may_do_what_its_code_does(process: str):
    text = security.policy()
    wired = done(FOLDER / f'{process}.py')
    assert wired
    for right, constant in wired:
        value = getattr(topics, constant)
        name = value if isinstance(value, str) else value.name
        assert name in allowed(text, process, right), f'{process}: {right} {name}'
    assert f'alive/{process}' in allowed(text, process, 'publish')
    assert f'alive/{process}' in allowed(text, 'guard', 'subscribe')


def test_no_node_is_forgotten_and_all_services_have_somebody():
    assert set(security.NODES) == {path.stem for path in FOLDER.glob('*.py')
                                   if 'import RigNode' in path.read_text(encoding='utf-8')}
    for service, (by, _) in topics.SERVICES.items():
        assert security.publishers(by) <= set(security.NODES)
        assert service in security.requested('operator')


def test_nobody_but_operators_changes_parameters():
    text = security.policy()
    may = [p for p in security.PROCESSES if 'guard/set_parameters' in allowed(text, p, 'request')]
    assert may == ['operator', 'console']


def test_a_namespace_moves_it():
    profile = ElementTree.fromstring(security.policy('lab/')).find('.//profile')
    assert profile is not None
    assert profile.get('ns') == '/lab'


def test_with_security_on_each_node_takes_its_own_enclave(monkeypatch: pytest.MonkeyPatch):
    chosen = graph.deployment('trainer')
    spec = chosen.nodes()[0]
    assert '--enclave' not in graph.ros_arguments(spec, chosen)
    monkeypatch.setenv('ROS_SECURITY_ENABLE', 'true')
    arguments = graph.ros_arguments(spec, chosen)
    assert arguments[arguments.index('--enclave') + 1] == '/rig_ros/trainer'
    monkeypatch.setenv('ROS_SECURITY_ENCLAVE_OVERRIDE', '/all')
    assert '--enclave' not in graph.ros_arguments(spec, chosen)


@pytest.mark.ros
@pytest.mark.timeout(60)
def test_a_node_without_keys_does_not_start_unprotected(tmp_path: Path):
    (tmp_path / 'enclaves' / 'rig_ros' / 'markers').mkdir(parents=True)
    environment = {**os.environ, 'ROS_SECURITY_ENABLE': 'true',
                   'ROS_SECURITY_STRATEGY': 'Enforce', 'ROS_SECURITY_KEYSTORE': str(tmp_path)}
    done = subprocess.run(
        [sys.executable, '-m', 'rig_ros.nodes.markers', '--ros-args', '--enclave',
         '/rig_ros/markers'], env=environment, capture_output=True, text=True, timeout=50,
        check=False)
    assert done.returncode == 1
    assert 'secur' in done.stderr.lower()
