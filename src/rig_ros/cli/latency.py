"""`rig_ros bench latency`: from the stamp of a picture to its guarded command, real processes."""

from __future__ import annotations

import time
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rich.console import Console

from rig_ros.cli.local_graph import START_S, isolate_graph, released_bundle
from rig_ros.errors import ConfigError

if TYPE_CHECKING:
    from rig_ros.ros.client import GraphClient

console = Console(highlight=False, soft_wrap=True)
WARM_UP_S = 3.0
STARTS = 3
"""Episodes begun until one is not cut while processes still start, which takes both cores."""


def run(hz: float, seconds: float, task: str, bundle: str, out: Path) -> dict[str, Any]:
    """Start the simulated graph in real time, practise for some seconds, measure.

    Raises:
        ConfigError: more steps than an episode may have.
        HardwareError: the graph does not come up.
    """
    isolate_graph()
    from rig_ros.bringup import graph
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.evaluation import latency
    from rig_ros.ros import topics
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.conversions import stamp_ns
    from rig_ros.ros.witness import Witness

    horizon = int(hz * (seconds + 10 * WARM_UP_S))
    if horizon > 10_000:
        raise ConfigError(f'--seconds: got {seconds:g} at {hz:g} Hz, allowed: up to '
                          f'{10_000 / hz - 10 * WARM_UP_S:.0f}; choose a shorter measurement')
    chosen = graph.deployment('sim', {
        'task': task, 'bundle': bundle or str(released_bundle(task)), 'mode': 'practise',
        'clock': 'realtime', 'control_hz': hz, 'horizon': horizon, 'run': str(out)})
    pictures: list[int] = []
    answered: dict[int, int] = {}
    with Supervisor(chosen, out / 'log',
                    report=lambda node, line: console.print(f'[yellow]{node}: {line}[/]')), \
            GraphClient() as client:
        witness = Witness(client)
        witness.wait_ready(START_S)
        _begin(client)
        client.subscribe(topics.CAMERA_IMAGE,
                         lambda m: pictures.append(stamp_ns(m.header.stamp)), 'record')
        client.subscribe(topics.COMMAND, lambda m: answered.setdefault(
            stamp_ns(m.header.stamp), time.time_ns()), 'record')
        client.spin_for(seconds)
        client.spin_for(0.2)
    # The guard's zeros while idle answer no picture.
    known = set(pictures)
    result = latency.measure(pictures, {s: at for s, at in answered.items() if s in known},
                             int(1e9 / hz))
    return {'p50_ms': result.p50_ms, 'p99_ms': result.p99_ms, 'max_ms': result.max_ms,
            'lost': result.lost, 'frames': result.frames, 'hz': hz}


def _begin(client: GraphClient) -> None:
    """Begin an episode and let everything get warm."""
    from rig_ros.ros import topics

    for _ in range(STARTS):
        client.events.clear()
        client.call(topics.EPISODE_START)
        client.wait_event('start', timeout_s=30.0)
        client.spin_for(WARM_UP_S)
        if all(event['kind'] != 'abort' for event in client.events):
            return
        console.print('[yellow]the episode was cut while processes start; the next one[/]')
