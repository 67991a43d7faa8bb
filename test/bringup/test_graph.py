"""The node table and its settings."""

from __future__ import annotations

import ast
import dataclasses
from pathlib import Path

import pytest
import yaml

from rig_ros import resources
from rig_ros.bringup import graph
from rig_ros.errors import ConfigError


def names(deployment: graph.Deployment) -> list[str]:
    return [spec.name for spec in deployment.nodes()]


def test_simulation_has_the_whole_chain_and_trains_only_when_asked():
    chain = ['encoder', 'goal', 'policy', 'guard', 'episode', 'recorder']
    assert names(graph.deployment('sim')) == ['sim', *chain]
    assert names(graph.deployment('sim', {'raw_camera': True, 'train': True})) == [
        'sim', 'camera', *chain, 'trainer']


def test_robot_has_no_simulation_and_never_resumes_by_itself():
    robot = graph.deployment('robot', {'train': True, 'mode': 'practise'})
    assert 'sim' not in names(robot)
    episode = next(spec for spec in robot.nodes() if spec.name == 'episode')
    assert episode.parameters['resume_after_abort'] is False
    assert episode.parameters['mode'] == 'practise'


def test_a_fake_robot_is_apart_from_the_real_one_and_has_a_camera():
    real, fake = (graph.deployment('robot', {'fake': value}) for value in (False, True))
    assert names(fake) == ['fake_robot', *names(real)]
    by_name = {spec.name: spec.parameters for spec in fake.nodes()}
    assert by_name['sawyer']['socket'] == by_name['camera']['arm_socket'] == 'fake'
    assert by_name['sawyer']['camera'] == by_name['camera']['source'] == 'head_camera'
    assert {s.name: s.parameters for s in real.nodes()}['sawyer']['socket'] == 'arm'


def test_a_slower_robot_gets_longer_episodes_and_the_guard_its_speed():
    for values, steps in (({}, 200), ({'max_speed': 0.05}, 400), ({'control_hz': 10.0}, 100),
                          ({'max_speed': 0.3}, 100), ({'horizon': 7}, 7)):
        chosen = graph.deployment('robot', values)
        by_name = {spec.name: spec.parameters for spec in chosen.nodes()}
        assert by_name['episode']['horizon'] == steps
        assert by_name['guard']['max_speed'] == by_name['sawyer']['max_speed'] == chosen.max_speed


def test_guard_and_everything_that_moves_the_arm_is_required():
    for name in ('sim', 'robot'):
        optional = {s.name for s in graph.deployment(name, {'train': True}).nodes()
                    if not s.required}
        assert optional == {'recorder', 'trainer'}


@pytest.mark.parametrize(('name', 'values', 'message'), [
    ('moon', {}, r"deployment: got 'moon', allowed: one of \['camera', 'markers'"),
    ('sim', {'task': 'dance'}, r"task: got 'dance', allowed: one of .*reach_xy"),
    ('sim', {'task': 'pickup'}, "task: got 'pickup', allowed: tasks without a gripper"),
    ('sim', {'clock': 'slow'}, r"clock: got 'slow', allowed: .*lockstep"),
    ('sim', {'bundle': '/nowhere.safetensors'}, 'bundle: got .*existing file'),
    ('sim', {'namespace': 'a b'}, 'namespace: got'),
    ('sim', {'mod': 'reach'}, "unknown key 'mod'; did you mean 'mode'"),
    ('sim', {'log_level': 'loud'}, 'log_level: got'),
    ('robot', {'control_hz': 0.5}, 'control_hz: got 0.5'),
])
def test_bad_settings_are_refused_by_name(name: str, values: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        graph.deployment(name, values)


def test_launch_texts_become_typed_settings_and_foreign_ones_are_left_out():
    chosen = graph.from_texts('sim', {'train': 'true', 'seed': '7', 'control_hz': '20',
                                      'of_another_launch_file': 'x'})
    assert chosen == graph.Simulation(train=True, seed=7, control_hz=20.0)
    with pytest.raises(ConfigError, match="seed: got 'many', allowed: a whole number"):
        graph.from_texts('sim', {'seed': 'many'})
    with pytest.raises(ConfigError, match="train: got 'yes'"):
        graph.from_texts('sim', {'train': 'yes'})


def test_lockstep_nodes_take_simulated_time_but_the_simulation_itself_does_not():
    chosen = graph.deployment('sim', {'params_file': __file__})
    arguments = {spec.name: graph.ros_arguments(spec, chosen) for spec in chosen.nodes()}
    assert 'use_sim_time:=true' in arguments['guard']
    assert 'use_sim_time:=false' in arguments['sim']
    realtime = graph.deployment('sim', {'params_file': __file__, 'clock': 'realtime'})
    assert 'use_sim_time:=false' in graph.ros_arguments(realtime.nodes()[1], realtime)


def test_ros_arguments_keep_texts_texts():
    chosen = graph.deployment('camera', {'source': '0', 'namespace': '/lab/left/',
                                         'params_file': __file__})
    arguments = graph.ros_arguments(chosen.nodes()[0], chosen)
    assert 'source:="0"' in arguments
    assert 'bundle:=""' in arguments
    assert '__ns:=/lab/left' in arguments


@pytest.mark.parametrize('name', sorted(graph.DEPLOYMENTS))
def test_each_launch_file_declares_the_settings_with_their_defaults(name: str):
    tree = ast.parse((resources.find('launch') / f'{name}.launch.py').read_text())
    declared = {}
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and getattr(call.func, 'id', '') == 'DeclareLaunchArgument':
            words = {word.arg: word.value for word in call.keywords}
            assert 'description' in words
            declared[ast.literal_eval(call.args[0])] = ast.literal_eval(words['default_value'])
    known = {field.name: field for field in dataclasses.fields(graph.DEPLOYMENTS[name])}
    assert set(declared) == set(known)
    assert graph.from_texts(name, declared) == graph.deployment(name)


@pytest.mark.ros
def test_nodes_declare_what_the_table_sets():
    """A parameter that a node does not declare would stop it at its start."""
    import importlib
    for name in graph.DEPLOYMENTS:
        values = {'train': True} if name in ('sim', 'robot') else {}
        if name == 'sim':
            values['raw_camera'] = True
        for spec in graph.deployment(name, values).nodes():
            module = importlib.import_module(spec.module)
            node = next(v for v in vars(module).values() if isinstance(v, type)
                        and v.__module__ == module.__name__ and hasattr(v, 'PARAMETERS'))
            declared = {field.name for field in dataclasses.fields(node.PARAMETERS)}
            assert set(spec.parameters) - {'use_sim_time'} <= declared, spec.name


def test_parameter_file_has_only_nodes_that_exist():
    content = yaml.safe_load(Path(resources.find('config', 'nodes.yaml')).read_text())
    modules = {path.stem for path in Path(graph.__file__).parents[1].glob('nodes/*.py')}
    assert {key.rpartition('/')[2] for key in content} <= modules | {'**'}


@pytest.mark.parametrize('path', ['9' * 400, 'a\x00b', 'no/such/file'])
def test_a_path_that_cannot_even_be_looked_up_is_refused(path: str):
    """Fuzzing: a name too long for the file system left as OSError."""
    with pytest.raises(ConfigError, match='an existing file'):
        graph.deployment('camera', {'params_file': path})
