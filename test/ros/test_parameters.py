"""Parameter classes: types, ranges, misspelt names, live changes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')

from rclpy.parameter import Parameter
from ros_bench import RosBench

from rig_ros.errors import ConfigError
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, build, param


@dataclass(frozen=True)
class Sample(CommonParameters):
    """One parameter of each kind."""

    rate_hz: float = param(10.0, 'Rate [Hz].', low=1.0, high=60.0)
    count: int = param(3, 'Count.', low=0)
    source: str = param('topic', 'Source.', one_of=('topic', 'device'))
    crop: tuple[int, ...] = param((), 'Crop.', low=0)
    names: tuple[str, ...] = param(('a',), 'Names.')
    gain: float = param(1.0, 'Gain.', low=0.0, high=2.0, live=True)


class SampleNode(RigNode):
    """Declares the sample."""

    NAME = 'sample'
    PARAMETERS = Sample
    settings: Sample


def test_defaults_and_whole_numbers_for_floats() -> None:
    assert build(Sample, {}, 'n') == Sample()
    assert build(Sample, {'rate_hz': 20}, 'n').rate_hz == 20.0
    assert build(Sample, {'crop': [1, 2]}, 'n').crop == (1, 2)


@pytest.mark.parametrize(('values', 'text'), [
    ({'rate_hz': 0.5}, r'n.rate_hz: got 0.5, allowed: 1.0 to 60.0'),
    ({'rate_hz': 'fast'}, r"n.rate_hz: got 'fast', allowed: a number"),
    ({'rate_hz': True}, r'n.rate_hz: got True, allowed: a number'),
    ({'rate_hz': float('nan')}, r'n.rate_hz: got nan, allowed: 1.0 to 60.0'),
    ({'count': -1}, r'n.count: got -1, allowed: at least 0'),
    ({'count': 1.5}, r'n.count: got 1.5, allowed: a whole number'),
    ({'source': 'radio'}, r"n.source: got 'radio', allowed: one of \['topic', 'device'\]"),
    ({'crop': 3}, r'n.crop: got 3, allowed: a list'),
    ({'crop': [1, -2]}, r'n.crop\[1\]: got -2, allowed: at least 0'),
    ({'raet_hz': 1.0}, r"unknown parameter 'raet_hz'; did you mean 'rate_hz'\? allowed: \["),
])
def test_raises_error_that_names_parameter_value_and_what_is_allowed(
        values: dict[str, Any], text: str) -> None:
    with pytest.raises(ConfigError, match=text):
        build(Sample, values, 'n')


def test_a_node_declares_with_description_and_range() -> None:
    with RosBench() as bench:
        node = bench.add(SampleNode, start=False, rate_hz=20.0, crop=[1, 2])
        assert node.settings == Sample(rate_hz=20.0, crop=(1, 2))
        descriptor = node.describe_parameter('rate_hz')
        assert (descriptor.description, descriptor.read_only) == ('Rate [Hz].', True)
        assert descriptor.floating_point_range[0].to_value == 60.0
        assert node.get_parameter('rate_hz').value == 20.0


@pytest.mark.parametrize(('given', 'text'), [({'rate_hz': 99.0}, 'rate_hz'),
                                             ({'sauce': 'topic'}, "did you mean 'source'")])
def test_a_node_refuses_to_be_made_with_wrong_parameters(given: dict[str, Any],
                                                         text: str) -> None:
    with RosBench() as bench, pytest.raises(ConfigError, match=text):
        bench.add(SampleNode, start=False, **given)


def test_empty_lists_in_a_file_are_the_default_and_misspelt_ones_are_errors(
        tmp_path: Path) -> None:
    file = tmp_path / 'p.yaml'
    with RosBench() as bench:
        def make(line: str) -> SampleNode:
            file.write_text(f'/**/sample:\n  ros__parameters:\n    rate_hz: 5\n    {line}\n')
            node = SampleNode(context=bench.context,
                              cli_args=['--ros-args', '--params-file', str(file)])
            node.destroy_node()
            return node
        assert make('crop: []').settings == Sample(rate_hz=5.0)
        assert make('names: [b, c]').settings.names == ('b', 'c')
        with pytest.raises(ConfigError, match="unknown parameter 'corp'; did you mean 'crop'"):
            make('corp: []')


def test_only_live_parameters_change_and_only_to_allowed_values() -> None:
    with RosBench() as bench:
        node = bench.add(SampleNode, start=False)
        assert node.set_parameters([Parameter('gain', value=1.5)])[0].successful
        assert node.settings.gain == 1.5
        refused = node.set_parameters([Parameter('gain', value=3.0)])[0]
        assert not refused.successful
        assert not node.set_parameters([Parameter('rate_hz', value=5.0)])[0].successful
        assert node.settings == Sample(gain=1.5)
