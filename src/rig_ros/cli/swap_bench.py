"""Swaps models under a running graph, again and again; for `rig_ros bench swap`.

Everything is judged from the recordings: how long each node took from the reset event to its new
model, and whether any command came from an encoder, a goal and a policy that do not belong
together.
"""

from __future__ import annotations

import bisect
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros.cli.local_graph import START_S, isolate_graph, released_bundle

NODES = ('encoder', 'goal', 'policy')
HORIZON = 20
"""Shorter episodes come faster than a recorder can sync their files, and go unrecorded."""
SWAP_S = 60.0
VARIANTS = 4


@dataclass
class Seen:
    """What the recordings say."""

    swap_ms: dict[str, list[float]] = field(default_factory=lambda: {n: [] for n in NODES})
    """From the reset event to the node's report of its new model, by node [ms]."""
    commands: int = 0
    """Requested velocities that answer a picture."""
    mixed: int = 0
    """Commands whose latent, goal and policy are not of one model."""
    late: int = 0
    """Commands of another model than that of the episode they fall into: sent by a policy that
    the end of its own had not reached yet."""
    unproven: int = 0
    """Commands of episodes whose start or goal the recording lacks: their model is not known."""
    episodes: int = 0


def run(swaps: int, task: str, out: Path) -> dict[str, Any]:
    """Start the simulated graph, swap models between its episodes, and return the figures.

    Raises:
        HardwareError: the graph does not come up, or does not take a model in time.
    """
    isolate_graph()
    from rig_ros.bringup import graph
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.learning import bundle_file
    from rig_ros.learning.variation import vary
    from rig_ros.ros import topics
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.stand_in import publish_model
    from rig_ros.ros.witness import Witness

    place = out / time.strftime('%Y%m%d-%H%M%S')
    released = released_bundle(task)
    original = bundle_file.read_content(released)
    contents = [vary(original, seed) for seed in range(VARIANTS)]
    chosen = graph.deployment('sim', {
        'task': task, 'bundle': str(released), 'mode': 'practise', 'clock': 'lockstep',
        'horizon': HORIZON, 'run': str(place)})
    with Supervisor(chosen, place / 'log', report=lambda node, line: None), \
            GraphClient() as client:
        Witness(client).wait_ready(START_S)
        client.call(topics.EPISODE_START)
        began = time.monotonic()
        for number in range(swaps):
            content = contents[number % VARIANTS]
            wanted = publish_model(client, content)
            while client.wait_event('reset', timeout_s=SWAP_S)['bundle_id'] != wanted:
                pass
        client.wait_event('end', timeout_s=SWAP_S)
        wall_s = time.monotonic() - began
        client.spin_for(2.0)
    seen = read_recordings(place / 'episodes')
    return {'swaps': swaps, 'wall_s': wall_s, 'episodes': seen.episodes,
            'commands': seen.commands, 'mixed': seen.mixed, 'late': seen.late,
            'unproven': seen.unproven,
            **{f'{node}_{name}': value for node, times in seen.swap_ms.items()
               for name, value in _spread(times).items()}}


def _spread(times_ms: list[float]) -> dict[str, float]:
    if not times_ms:
        return {'p50_ms': float('nan'), 'p99_ms': float('nan'), 'max_ms': float('nan'),
                'timed': 0}
    return {'p50_ms': float(np.median(times_ms)), 'p99_ms': float(np.percentile(times_ms, 99)),
            'max_ms': max(times_ms), 'timed': len(times_ms)}


@dataclass
class _Record:
    """What all recordings of a run hold about models; topics queue apart, so order is by time."""

    resets: list[tuple[int, str]] = field(default_factory=list)
    """When sent [ns], and the bundle asked for."""
    starts: list[tuple[int, str, str]] = field(default_factory=list)
    """Stamp [ns], bundle and encoder of an episode."""
    ends: list[tuple[int, str]] = field(default_factory=list)
    """Stamp [ns] and episode of each end."""
    latents: dict[int, str] = field(default_factory=dict)
    goals: list[tuple[int, str]] = field(default_factory=list)
    """When each goal was sent, and its encoder; the same goal is encoded anew after a swap."""
    active: dict[str, list[tuple[int, str]]] = field(
        default_factory=lambda: {n: [] for n in NODES})
    """When each node said which bundle it uses."""
    asked: dict[int, int] = field(default_factory=dict)
    """When each command was sent, by its picture's stamp."""
    episodes: int = 0

    def add(self, name: str, cdr: bytes, sent_ns: int) -> None:
        """Take one message."""
        from rig_ros.episodes import messages, schema

        if name == schema.EVENTS:
            for event in messages.decode_events(cdr):
                if event.kind == 'reset':
                    self.resets.append((sent_ns, event.bundle_id))
                elif event.kind == 'start':
                    self.starts.append((event.stamp_ns, event.bundle_id, event.encoder_id))
                elif event.kind in ('end', 'abort'):
                    self.ends.append((event.stamp_ns, event.episode_id))
        elif name == schema.LATENT:
            self.latents[messages.header_stamp_ns(cdr)] = messages.header_frame(cdr)
        elif name == schema.GOAL_LATENT:
            self.goals.append((sent_ns, messages.header_frame(cdr)))
        elif name == schema.MODEL_STATUS:
            for status in messages.decode_key_values(cdr):
                if status.values.get('node') in self.active:
                    self.active[status.values['node']].append((sent_ns, status.values['active']))
        elif name == schema.POLICY_COMMAND:
            self.asked[messages.header_stamp_ns(cdr)] = sent_ns


def _last_before(moments: list[tuple[int, Any]], at: int) -> int:
    return bisect.bisect_right([moment[0] for moment in moments], at) - 1


def read_recordings(folder: Path) -> Seen:
    """Judge what the recordings below a folder say about swaps."""
    from rig_ros.episodes import schema
    from rig_ros.episodes.reading import find_episodes, read_messages

    record = _Record()
    for file in find_episodes(folder):
        record.episodes += 1
        for message in read_messages(file):
            record.add(schema.local_name(message.topic), message.cdr, message.publish_ns)
    seen = Seen(episodes=record.episodes)
    record.resets.sort()
    for node, reports in record.active.items():
        seen.swap_ms[node] = _swap_times(record.resets, sorted(set(reports)))
        record.active[node] = sorted(set(reports))
    record.starts.sort()
    record.ends.sort()
    begins = [start[0] for start in record.starts]
    encoder_of = {bundle_id: encoder_id for _, bundle_id, encoder_id in record.starts}
    policy, goals = record.active['policy'], sorted(record.goals)
    for stamp, sent_ns in record.asked.items():
        number = bisect.bisect_right(begins, stamp) - 1
        used, goal = _last_before(policy, sent_ns), _last_before(goals, sent_ns)
        if number < 0 or used < 0:
            continue
        began_ns, bundle_id, encoder_id = record.starts[number]
        seen.commands += 1
        ended = _last_before(record.ends, stamp)
        if ended >= 0 and record.ends[ended][0] > began_ns:
            seen.unproven += 1  # of an episode whose start was not recorded
            continue
        asked_for = _last_before(record.resets, sent_ns)
        goal_known = goal >= 0 and (goals[goal][1] == encoder_id
                                    or goals[goal][0] > record.resets[asked_for][0])
        seen.unproven += not goal_known
        late = policy[used][1] != bundle_id
        encoders = {record.latents.get(stamp, encoder_id)}
        if goal_known and not late:  # else the newest goal may not have arrived
            encoders.add(goals[goal][1])
        seen.mixed += encoders != {encoder_of.get(policy[used][1], encoder_id)}
        seen.late += late
    return seen


def _swap_times(resets: list[tuple[int, str]], reports: list[tuple[int, str]]) -> list[float]:
    """Return how long after the reset that asked for it each new model was in use [ms]."""
    times, before = [], ''
    for sent_ns, bundle_id in reports:
        number = _last_before(resets, sent_ns)
        if bundle_id != before and before and number >= 0 and resets[number][1] == bundle_id:
            times.append(1e-6 * (sent_ns - resets[number][0]))
        before = bundle_id
    return times
