"""The supervisor with stand-in nodes: small Python programs that behave as nodes may."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from rig_ros.bringup import graph, supervisor
from rig_ros.bringup.graph import NodeSpec
from rig_ros.bringup.supervisor import Supervisor
from rig_ros.errors import RigError

PROGRAMS = {
    'steady': """
        import signal
        print('[WARN] [1.0] [steady]: hello', flush=True)
        try:
            signal.pause()
        except KeyboardInterrupt:
            print('said goodbye', flush=True)
    """,
    'stubborn': """
        import signal
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
        print('[WARN] [1.0] [stubborn]: deaf', flush=True)
        while True:
            signal.pause()
    """,
    'broken': """
        raise SystemExit('[ERROR] [1.0] [broken]: task: got 7, allowed: a text')
    """,
    'parent': """
        import signal, subprocess, sys
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])
        print(f'[WARN] [1.0] [parent]: {child.pid}', flush=True)
        signal.pause()
    """,
}


@dataclass(frozen=True)
class StandIn(NodeSpec):
    """A node whose module is one of PROGRAMS."""

    @property
    def module(self) -> str:
        return f'stand_in_{self.name}'


class Graph:
    """A supervisor of stand-ins, and what it reported."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.lines: list[tuple[str, str]] = []
        for name, program in PROGRAMS.items():
            (folder / f'stand_in_{name}.py').write_text(textwrap.dedent(program))

    def supervise(self, *specs: NodeSpec) -> Supervisor:
        settings = {'params_file': str(self.folder / 'empty.yaml')}
        return Supervisor(graph.deployment('sim', settings), self.folder / 'log', specs=specs,
                          report=lambda node, line: self.lines.append((node, line)),
                          environment={'PYTHONPATH': str(self.folder)})

    def await_line(self, text: str) -> str:
        return wait_for(lambda: next((line for _, line in self.lines if text in line), None))


def wait_for(condition: Callable[[], object], limit_s: float = 20.0):
    """Return the first true value of a condition; what happens in other processes has no event."""
    deadline = time.monotonic() + limit_s
    while time.monotonic() < deadline:
        value = condition()
        if value:
            return value
        time.sleep(0.02)
    raise AssertionError('did not happen in time')


def exists(pid: int) -> bool:
    """Whether a process is there and not a zombie."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rpartition(')')[2].split()[0] != 'Z'
    except FileNotFoundError:
        return False


@pytest.fixture
def stand_ins(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Graph:
    monkeypatch.setattr(supervisor, 'BACK_OFF_S', (0.05,))
    monkeypatch.setattr(supervisor, 'STOP_STEPS', (
        (signal.SIGINT, 2.0), (signal.SIGTERM, 0.2), (signal.SIGKILL, 2.0)))
    (tmp_path / 'empty.yaml').write_text('{}')
    return Graph(tmp_path)


def test_starts_in_own_group_passes_warnings_on_and_stops_politely(stand_ins: Graph):
    with stand_ins.supervise(StandIn('steady')) as running:
        pid = running.process('steady').pid
        assert os.getpgid(pid) == pid != os.getpgid(0)
        stand_ins.await_line('WARN hello')
    assert not exists(pid)
    assert (stand_ins.folder / 'log/steady.log').read_text().endswith('said goodbye\n')
    with pytest.raises(RigError, match='not running'):
        _ = running.process('steady').pid


def test_unknown_node_is_named_with_those_there_are(stand_ins: Graph):
    with pytest.raises(RigError, match=r"'arm'.*steady"):
        stand_ins.supervise(StandIn('steady')).process('arm')


def test_a_killed_node_is_started_again(stand_ins: Graph):
    with stand_ins.supervise(StandIn('steady')) as running:
        first = running.process('steady').pid
        stand_ins.await_line('WARN hello')
        os.kill(first, signal.SIGKILL)
        stand_ins.await_line('started again')
        assert running.process('steady').pid != first
        assert running.process('steady').restarts == 1
    assert any('killed by SIGKILL' in line for _, line in stand_ins.lines)


def test_what_a_dead_node_had_started_dies_too(stand_ins: Graph):
    with stand_ins.supervise(StandIn('parent', respawn=False, required=False)) as running:
        child = int(stand_ins.await_line('WARN').split()[-1])
        assert exists(child)
        os.kill(running.process('parent').pid, signal.SIGKILL)
        wait_for(lambda: not exists(child))


def test_a_node_that_keeps_dying_is_given_up_with_its_cause_and_ends_the_graph(stand_ins: Graph):
    running = stand_ins.supervise(StandIn('steady'), StandIn('broken'))
    with running:
        steady = running.process('steady').pid
        assert running.wait(30.0)
        assert not exists(steady)
    assert running.failure is not None
    assert 'task: got 7, allowed: a text' in running.failure
    assert running.process('broken').restarts == supervisor.QUICK_DEATHS - 1


def test_the_graph_goes_on_without_a_node_it_does_not_require(stand_ins: Graph):
    with stand_ins.supervise(StandIn('steady'), StandIn('broken', required=False)) as running:
        stand_ins.await_line('given up')
        assert not running.wait(0.0)
        assert running.process('steady').running
    assert running.failure is None


def test_deaf_and_hanging_nodes_are_stopped_by_force(stand_ins: Graph):
    with stand_ins.supervise(StandIn('stubborn'), StandIn('steady')) as running:
        deaf, hanging = running.process('stubborn').pid, running.process('steady').pid
        stand_ins.await_line('deaf')
        stand_ins.await_line('hello')
        os.kill(hanging, signal.SIGSTOP)
    assert not exists(deaf)
    assert not exists(hanging)
    assert ('stubborn', 'still there 0 s after SIGTERM') in stand_ins.lines


def test_no_node_outlives_a_supervisor_that_is_killed(stand_ins: Graph):
    program = textwrap.dedent(f"""
        import sys
        sys.path.insert(0, {str(Path(__file__).parent)!r})
        from pathlib import Path
        from test_supervisor import Graph, StandIn
        running = Graph(Path({str(stand_ins.folder)!r})).supervise(StandIn('stubborn')).start()
        print(running.process('stubborn').pid, flush=True)
        running.wait()
    """)
    with subprocess.Popen([sys.executable, '-c', program], stdout=subprocess.PIPE,
                          text=True) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert exists(pid)
        parent.kill()
        wait_for(lambda: not exists(pid))
