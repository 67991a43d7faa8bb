"""The reference knows every topic, service, node, verb and setting, and none is without a text."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pytest

pytest.importorskip('rclpy')
pytest.importorskip('torch')
pytest.importorskip('mujoco')
pytest.importorskip('aiohttp')

from typer.testing import CliRunner

from rig_ros import errors, nodes
from rig_ros.cli import main, reference
from rig_ros.learning.config import TD3Config, TrainConfig
from rig_ros.ros import topics

NODES = {path.stem for path in Path(nodes.__path__[0]).glob('*.py')
         if 'import RigNode' in path.read_text()}


def test_topics_and_services_are_all_there():
    text = reference.topics_and_services()
    assert all(f'| `{topic.name}` | `{topic.type_name}` |' in text for topic in topics.ALL)
    assert all(f'| `{name}` |' in text for name in topics.SERVICES)
    constants = {value for name, value in vars(topics).items()
                 if name.isupper() and isinstance(value, str)}
    assert constants == set(topics.SERVICES)


@pytest.mark.parametrize('node', sorted(NODES))
def test_the_table_names_who_publishes(node: str):
    source = (Path(nodes.__path__[0]) / f'{node}.py').read_text()
    for name in re.findall(r'publish_on\(\s*topics\.([A-Z_]+)', source):
        assert re.search(rf'\b{node}\b', getattr(topics, name).by), name


def test_every_node_has_its_parameters():
    text = reference.nodes_and_parameters()
    assert set(re.findall(r'^## (\w+)$', text, re.MULTILINE)) == NODES
    for cls in reference.node_classes():
        for field in dataclasses.fields(cls.PARAMETERS):
            assert f'| `{field.name}` |' in text


def test_every_verb_and_each_of_its_options_is_explained():
    text = reference.verbs()
    assert all(f'\n## rig_ros {verb}\n' in f'\n{text}' for verb in main.VERBS)
    assert '### rig_ros goal capture' in text
    assert '| `--raw-camera` |  | 640x480 through the camera node, as on the robot. |' in text


def test_settings_carry_the_text_after_each_field():
    text = reference.recipe_fields()
    for cls in (TrainConfig, TD3Config):
        for name, meaning in reference.field_texts(cls).items():
            assert re.search(rf'\| `{name}` \|.*{re.escape(meaning)}', text.replace('\\|', '|'))
    assert '## task: camera' in reference.task_fields()


def test_every_error_is_explained():
    text = reference.errors()
    defined = {name for name, value in vars(errors).items() if isinstance(value, type)}
    assert set(re.findall(r'`(\w+)`', text)) == defined


def test_bars_in_cells_do_not_break_the_table():
    assert reference.table(('a',), [('x | y',)]).splitlines()[-1] == '| x \\| y |'


def test_the_verb_prints_a_section_and_refuses_others():
    run = CliRunner().invoke
    assert run(reference.app, ['errors']).output == reference.errors() + '\n'
    assert run(reference.app, ['poems']).exit_code == 2
