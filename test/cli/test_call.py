"""Services called as a person does."""

from __future__ import annotations

from pathlib import Path

import pytest

pytest.importorskip('rclpy')

from typer.testing import CliRunner

from rig_ros.bringup import graph
from rig_ros.bringup.supervisor import Supervisor
from rig_ros.cli import call
from rig_ros.errors import ConfigError, HardwareError, RigError

pytestmark = pytest.mark.ros


def test_an_unknown_service_is_refused_with_those_there_are():
    result = CliRunner().invoke(call.app, ['episode/begin'])
    assert isinstance(result.exception, ConfigError)
    assert 'episode/start' in str(result.exception)


def test_without_a_graph_the_message_names_the_service():
    result = CliRunner().invoke(call.app, ['reset', '--timeout', '0.3'])
    assert isinstance(result.exception, HardwareError)
    assert 'service reset' in str(result.exception)


def test_answers_and_refusals_of_a_running_node(tmp_path: Path):
    chosen = graph.deployment('sim', {})
    specs = [spec for spec in chosen.nodes() if spec.name in ('guard', 'goal')]
    with Supervisor(chosen, tmp_path / 'log', specs=specs):
        result = CliRunner().invoke(call.app, ['estop/trip', '--timeout', '60'],
                                    catch_exceptions=False)
        assert 'tripped' in result.output
        refused = CliRunner().invoke(call.app, ['goal/imagine', '--timeout', '60'])
        assert isinstance(refused.exception, RigError)
        assert 'goal/imagine: refused' in str(refused.exception)
        # Kept for every graph that this process starts, until a person clears it.
        result = CliRunner().invoke(call.app, ['estop/clear'], catch_exceptions=False)
        assert 'cleared' in result.output
