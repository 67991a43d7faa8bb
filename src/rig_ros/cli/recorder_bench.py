"""Measures the recorder: messages lost, processor and memory, file sizes; for `rig_ros bench`."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

from rig_ros.cli.local_graph import isolate_graph
from rig_ros.errors import HardwareError

if TYPE_CHECKING:
    from rig_ros.ros.stand_in import StandIn

HORIZON = 300
DISCOVERY_S = 30.0
WARM_UP_S = 10.0
"""Memory grows while Python and the middleware fill their pools; counted from here."""


def start_recorder(folder: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start the recorder node on a folder."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open('ab') as stream:
        return subprocess.Popen(
            [sys.executable, '-m', 'rig_ros.nodes.recorder', '--ros-args', '-p',
             f'directory:="{folder}"', '-p', 'min_free_mib:=1', '-p', 'stop_on_failure:=false'],
            stdout=stream, stderr=stream)


def cpu_s(pid: int) -> float:
    """Return the processor time a process has used [s]."""
    fields = Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')


def resident_mib(pid: int) -> float:
    """Return the memory a process holds [MiB]."""
    pages = int(Path(f'/proc/{pid}/statm').read_text().split()[1])
    return pages * os.sysconf('SC_PAGE_SIZE') / 2**20


def measure(folder: Path, rate_hz: float, seconds: float) -> dict[str, Any]:
    """Record a stand-in graph for so long and return the figures.

    Raises:
        HardwareError: the recorder did not come up or did not finish.
    """
    isolate_graph()
    from rig_ros.ros import topics
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.conversions import message_to_values
    from rig_ros.ros.stand_in import StandIn

    segments: dict[str, dict[str, str]] = {}

    def announced(message: Any) -> None:
        values = message_to_values(message)
        segments[values['path']] = values

    process = start_recorder(folder, folder.parent / 'recorder.log')
    try:
        with GraphClient() as graph:
            graph.subscribe(topics.RECORDER_SEGMENT, announced)
            stand_in = StandIn(graph)
            stand_in.wait_recorder()
            warm_up = _until_heard(stand_in, segments)
            began = time.monotonic()
            used, first_mib, peak_mib, warm_s = 0.0, 0.0, 0.0, 0.0
            number, played = 0, stand_in.episodes
            while (now := time.monotonic()) < began + seconds:
                if not warm_s and now > began + min(WARM_UP_S, seconds / 3):
                    warm_s, used = now, cpu_s(process.pid)
                    first_mib = resident_mib(process.pid)
                if number % HORIZON == 0:
                    stand_in.begin()
                stand_in.step()
                number += 1
                if number % HORIZON == 0:
                    stand_in.end()
                    peak_mib = max(peak_mib, resident_mib(process.pid))
                graph.spin_for(max(0.0, began + number / rate_hz - time.monotonic()))
            if number % HORIZON:
                stand_in.end()
            core = (cpu_s(process.pid) - used) / (time.monotonic() - warm_s)
            last_mib = resident_mib(process.pid)
            graph.spin_until(
                lambda: len(segments) >= len(warm_up) + stand_in.episodes - played, 20.0,
                'last recording')
    finally:
        process.terminate()
        process.wait(20)
    return {'seconds': seconds, 'rate_hz': number / seconds, 'steps': number,
            'core': core, 'resident_mib': last_mib, 'growth_mib': last_mib - first_mib,
            'peak_mib': max(peak_mib, last_mib),
            **_recorded(folder, stand_in.sent, segments, warm_up)}


def _until_heard(stand_in: StandIn, segments: dict[str, dict[str, str]]) -> set[str]:
    """Play short episodes until one was recorded with every topic; return their files.

    The recorder's side of discovery cannot be seen from outside: what it misses before is no loss.

    Raises:
        HardwareError: it does not hear everything in time.
    """
    from rig_ros.episodes import schema
    from rig_ros.episodes.reading import read_messages
    from rig_ros.ros.stand_in import STREAMS

    wanted = {topic.name for topic in STREAMS}
    deadline = time.monotonic() + DISCOVERY_S
    while time.monotonic() < deadline:
        stand_in.begin()
        for _ in range(5):
            stand_in.step()
            stand_in.graph.spin_for(0.05)
        stand_in.end()
        stand_in.graph.spin_for(1.0)
        for path in segments:
            heard = {schema.local_name(m.topic) for m in read_messages(Path(path))}
            if wanted <= heard:
                stand_in.sent.clear()
                return set(segments)
    raise HardwareError(f'recorder: did not hear all of {sorted(wanted)} within '
                        f'{DISCOVERY_S:.0f} s; look into recorder.log')


def _recorded(folder: Path, sent: Counter[str], segments: dict[str, dict[str, str]],
              warm_up: set[str]) -> dict[str, Any]:
    """Hold what is in the files after the warm-up against what was sent."""
    from rig_ros.episodes import schema
    from rig_ros.episodes.reading import find_episodes, read_messages

    held: Counter[str] = Counter()
    size = 0
    files = [file for file in find_episodes(folder) if str(file) not in warm_up]
    if not files:
        raise HardwareError(f'{folder}: the recorder wrote nothing; look into recorder.log')
    for file in files:
        size += file.stat().st_size
        held.update(schema.local_name(message.topic) for message in read_messages(file))
    lost = {name: count - held[name] for name, count in sent.items() if held[name] < count}
    return {'sent': sum(sent.values()), 'lost': sum(lost.values()), 'lost_by_topic': lost,
            'episodes': len(files), 'bytes': size, 'bytes_per_step': size / held[schema.COMMAND],
            'findings': sorted({v.get('findings', '') for v in segments.values()} - {''})}
