"""`rig_ros drill robot`: what goes wrong with an arm in motion, and how fast it stands still.

The driver, its side process and the graph are those of a lab; the robot is the fake one. Positions
and times are the fake robot's own, so that a busy machine makes no stop look late. After each stop
the cause is taken away, and nothing may move before a person says so.
"""

from __future__ import annotations

import contextlib
import os
import signal
import socket
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Console
from rich.table import Table

from rig_ros.cli.local_graph import START_S, isolate_graph, released_bundle
from rig_ros.errors import HardwareError, RigError
from rig_ros.simulation.fake_robot.launch import SIDE_SETTINGS

if TYPE_CHECKING:
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.ros.witness import Witness

console = Console(highlight=False, soft_wrap=True)
TRIP, SIDE, SEEN = 150.0, 350.0, 50.0
"""Allowed until rest [ms]: driver or above; the robot's own time-out; what the arm itself sees."""
HOMING = 1e3 * SIDE_SETTINGS['link_lost'] + TRIP
"""On the way home nobody but the driver knows whether the driver lives; a real arm waits 0.3 s."""
HOMING_M_S = 0.05
MOVING_M_S = 0.085
"""Of the commands and of the hand before anything is done; the limit is 0.10 m/s."""
EPISODE_S = 12.0
SPEED_WINDOW_S = 0.05
OBSERVED_S = 1.2
QUIET_S = 1.5
RESUMED_M = 0.001
PATIENCE_S = 60.0
SILENCE_MS = 60.0
"""A fake robot that stood still for longer got no processor time; the drill is repeated."""
ATTEMPTS = 4
EDGE_M = 0.002
RESET_S = 5.0
COMMANDED_S = 0.15


@dataclass(frozen=True)
class RobotDrill:
    """One thing that goes wrong, and what came of it."""

    name: str
    limit_ms: float
    still_ms: float
    """From the event until the hand was where it stayed [ms]."""
    speed_before: float
    """Of the hand before the event [m/s]."""
    travelled_m: float
    resumed_m: float
    """How far the hand went after the cause was gone, before anybody said so [m]."""
    recovered: bool
    """The arm moved again after a person said so."""
    silence_ms: float
    """Longest time the fake robot itself stood still [ms]."""
    note: str = ''

    @property
    def passed(self) -> bool:
        """Whether it stopped in time, stayed, and works again."""
        return (self.still_ms <= self.limit_ms and self.resumed_m <= RESUMED_M and self.recovered
                and not self.note)


class Bench:
    """The running graph and the fake robot, for the drills."""

    def __init__(self, supervisor: Supervisor, witness: Witness, socket_name: str) -> None:
        from rig_ros.hardware.sawyer_process import socket_path
        from rig_ros.nodes.fake_robot import fake_path

        self.supervisor, self.witness, self.graph = supervisor, witness, witness.graph
        self.side_path = socket_path(socket_name)
        self._robot = socket.socket(socket.AF_UNIX)
        self._robot.connect(str(fake_path(socket_name)))

    def turn(self, **knobs: Any) -> float:
        """Turn knobs of the fake robot; return when [s]."""
        from rig_ros.simulation.fake_robot.wire import ask
        return float(ask(self._robot, {'op': 'knobs', 'changes': knobs})['time'])

    def trace(self, since: float) -> Any:
        """Return rows of time, x, y, z, speed since a moment, (n, 5)."""
        import numpy as np

        from rig_ros.simulation.fake_robot.wire import ask
        return np.array(ask(self._robot, {'op': 'truth', 'since': since})['trace']).reshape(-1, 5)

    def side_pid(self) -> int:
        """Return the side process's id."""
        from rig_ros.hardware.sawyer_process import listener
        found = listener(self.side_path)
        if found is None:
            raise HardwareError('side process: it does not run; look into sawyer.log')
        return found

    def kill(self, process: str, number: signal.Signals) -> float:
        """Send a signal to a node, or to `arm_side`; return when [s]."""
        self.hit = self.side_pid() if process == 'arm_side' else self.supervisor.process(
            process).pid
        now = time.monotonic()
        os.kill(self.hit, number)
        return now

    def go_on(self) -> None:
        """Let what was frozen go on."""
        with contextlib.suppress(ProcessLookupError):
            os.kill(self.hit, signal.SIGCONT)

    def send_nan(self) -> float:
        """Publish velocities that are none, past the guard, while the policy says nothing."""
        import numpy as np

        from rig_ros.ros import topics
        from rig_ros.ros.conversions import to_stamp, velocity_to_twist
        publisher = self.graph.publisher(topics.COMMAND)
        self.graph.spin_until(lambda: publisher.get_subscription_count() > 0, 5.0, 'cmd_twist')
        self.start_motion()
        now = self.kill('policy', signal.SIGSTOP)
        for _ in range(5):
            publisher.publish(velocity_to_twist(np.full(3, np.nan), to_stamp(time.time_ns())))
            self.graph.spin_for(0.02)
        return now

    # Motion ------------------------------------------------------------------------------------
    def allow(self) -> None:
        """Say all that a person says after something went wrong."""
        for service in ('arm/reset', 'arm/enable', 'arm/clear_fault', 'estop/clear'):
            try:
                self.graph.call(service)
            except RigError as error:
                self.refusal = str(error)

    def start_motion(self) -> None:
        """Start episodes until the hand moves fast.

        Raises:
            HardwareError: it does not in time.
        """
        deadline = time.monotonic() + PATIENCE_S
        self.refusal = ''
        if self.moving():
            return
        while time.monotonic() < deadline:
            self.allow()
            try:
                self.graph.call('episode/start')
            except RigError as error:
                self.refusal = str(error)
                self.graph.spin_for(0.5)  # what was cleared has yet to reach the episode node
                continue
            until = min(time.monotonic() + EPISODE_S, deadline)
            while time.monotonic() < until:
                self.graph.spin_for(0.02)
                if self.moving():
                    return
        raise HardwareError(f'hand speed: stayed below {MOVING_M_S} m/s for {PATIENCE_S:.0f} s; '
                            f'last refusal: {self.refusal}; look into the logs')

    def start_reset(self) -> None:
        """Let the hand go home, until it moves.

        Raises:
            HardwareError: it does not in time.
        """
        deadline = time.monotonic() + PATIENCE_S
        while time.monotonic() < deadline:
            self.start_motion()  # away from where it shall go
            self.graph.call('episode/stop')
            self.graph.begin_call('reset')
            until = time.monotonic() + RESET_S
            while time.monotonic() < until:
                self.graph.spin_for(0.02)
                trace = self.trace(time.monotonic() - 0.1)
                if len(trace) > 5 and float(trace[:, 4].min()) > HOMING_M_S:
                    return
        raise HardwareError(f'way home: the hand stayed below {HOMING_M_S} m/s for '
                            f'{PATIENCE_S:.0f} s; look into the logs')

    def moving(self) -> bool:
        """Tell whether the hand has moved fast for a while, commanded, and not by a reset."""
        now = time.monotonic()
        recent = [c for c in self.witness.commands if c.arrival_s > now - 0.25]
        self.witness.commands[:-40] = []
        if len(recent) < 3 or min(c.speed for c in recent) < MOVING_M_S:
            return False
        trace = self.trace(now - 0.2)
        return len(trace) > 5 and float(trace[:, 4].mean()) > MOVING_M_S


@dataclass(frozen=True)
class Case:
    """How something goes wrong and how it is put right."""

    name: str
    limit_ms: float
    cause: Callable[[Bench], float]
    """Returns when [s]."""
    undo: Callable[[Bench], object] = lambda bench: None
    begin: Callable[[Bench], object] = Bench.start_motion


def _cases() -> list[Case]:
    cases = []
    for process in ('policy', 'guard', 'sawyer', 'arm_side'):
        limit = SIDE if process == 'arm_side' else TRIP
        for number in (signal.SIGKILL, signal.SIGSTOP):
            cases.append(Case(f'{process} {number.name}', limit,
                              lambda b, p=process, n=number: b.kill(p, n),  # type: ignore[misc]
                              Bench.go_on))
    return [
        *cases,
        Case('sawyer hangs on the way home', HOMING, lambda b: b.kill('sawyer', signal.SIGSTOP),
             Bench.go_on, Bench.start_reset),
        Case('collision', SEEN, lambda b: b.turn(collision=True),
             lambda b: b.turn(collision=False)),
        Case('e-stop', SEEN, lambda b: b.turn(estop=True), lambda b: b.turn(estop=False)),
        Case('joint states stale', TRIP, lambda b: b.turn(drop=['joint_states']),
             lambda b: b.turn(drop=[])),
        Case('endpoint state stale', TRIP, lambda b: b.turn(drop=['endpoint_state']),
             lambda b: b.turn(drop=[])),
        Case('not a number', TRIP, Bench.send_nan, Bench.go_on),
        Case('master lost', SIDE, lambda b: b.turn(master='restarted'),
             lambda b: b.turn(master='up')),
        Case('wrong ROS_IP', SIDE, lambda b: b.turn(wrong_ip=True),
             lambda b: b.turn(wrong_ip=False)),
        Case('robot restarts', SIDE, lambda b: b.turn(restart=2.0)),
    ]


def robot(task: Annotated[str, typer.Option(help='Task with a released model.')] = 'reach_xy',
          bundle: Annotated[str, typer.Option(help='Another model file.')] = '',
          only: Annotated[str, typer.Option(help='Cases whose name begins so.')] = '',
          out: Annotated[Path, typer.Option(help='Folder for recordings and logs.')]
          = Path('runs/drill-robot'),
          json: Annotated[Path | None, typer.Option(help='Write the figures here.')] = None
          ) -> None:
    """Drill the arm's driver and its side process in motion, on a fake robot."""
    isolate_graph()
    from rig_ros.bringup import graph
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.evaluation.report import write_json
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.witness import Witness
    from rig_ros.settings import require

    cases = _cases()
    special = {'box edge': _edge, 'second commander': _second_commander}
    names = [*(case.name for case in cases), *special]
    require(any(name.startswith(only) for name in names), '--only', only, f'one of {names}')
    run, name = out / time.strftime('%Y%m%d-%H%M%S'), f'drill-{os.getpid()}'
    chosen = graph.deployment('robot', {
        'task': task, 'bundle': bundle or str(released_bundle(task)), 'mode': 'practise',
        'fake': True, 'socket': name, 'run': str(run)})
    lines: list[str] = []
    drills: list[RobotDrill] = []
    with Supervisor(chosen, run / 'log',
                    report=lambda node, line: lines.append(f'{node}: {line}')) as supervisor, \
            GraphClient() as client:
        witness = Witness(client)
        witness.wait_ready(START_S)
        bench = Bench(supervisor, witness, name)
        try:
            for case in [case for case in cases if case.name.startswith(only)]:
                drills.append(_drill(bench, case))
            for title in [title for title in special if title.startswith(only)]:
                drills.append(special[title](bench, title))
                _say(drills[-1])
        finally:
            write_json(json or out / 'drill.json', {'drills': [asdict(d) for d in drills]})
            _show(drills)
    failed = [drill.name for drill in drills if not drill.passed]
    console.print(f'{len(drills) - len(failed)} of {len(drills)} drills passed'
                  f'{"; failed: " + ", ".join(failed) if failed else ""}; logs: {run}/log')
    if failed:
        raise typer.Exit(1)


def _drill(bench: Bench, case: Case) -> RobotDrill:
    """Cause it in motion, watch, take the cause away, watch again, start again."""
    from rig_ros.evaluation.stopping import measure_stop

    for _ in range(ATTEMPTS):
        case.begin(bench)
        at_s = case.cause(bench)
        bench.graph.spin_for(OBSERVED_S)
        trace = bench.trace(at_s - 0.4)
        stop = measure_stop(trace[:, 0], trace[:, 1:4], at_s, at_s + OBSERVED_S)
        case.undo(bench)
        put_right_s = time.monotonic()
        bench.graph.spin_for(QUIET_S)
        after = bench.trace(put_right_s)
        resumed = float(abs(after[:, 1:4] - after[0, 1:4]).max()) if len(after) else 0.0
        try:
            bench.start_motion()
            recovered = True
        except RigError as error:
            console.print(f'[red]{case.name}: {error}[/]')
            recovered = False
        just_before = trace[(trace[:, 0] > at_s - SPEED_WINDOW_S) & (trace[:, 0] <= at_s)]
        drill = RobotDrill(case.name, case.limit_ms, stop.still_ms,
                           float(just_before[:, 4].mean()), stop.travelled_m, resumed, recovered,
                           stop.silence_ms)
        _say(drill)
        slow_machine = stop.silence_ms > SILENCE_MS and recovered
        if drill.passed or not slow_machine:
            break
        console.print('[yellow]the fake robot itself stood still (a busy machine): again[/]')
    return drill


def _edge(bench: Bench, title: str) -> RobotDrill:
    """Let episodes run and look how far beyond the box the hand ever was."""
    import numpy as np

    from rig_ros.control import task as tasks
    bench.start_motion()
    began = time.monotonic()
    bench.graph.spin_for(15.0)
    trace = bench.trace(began)
    told = np.array([c.arrival_s for c in bench.witness.commands if c.speed > 0])
    since = trace[:, 0] - told[np.maximum(np.searchsorted(told, trace[:, 0]) - 1, 0)]
    path = trace[(since >= 0) & (since < COMMANDED_S)][:, 1:4]  # a reset goes over the box
    config = tasks.load(bench.supervisor.process('sawyer').spec.parameters['task'])  # type: ignore[arg-type]
    beyond = float(np.maximum(np.array(config.workspace_low) - path,
                              path - np.array(config.workspace_high)).max())
    note = '' if beyond <= EDGE_M else f'{1e3 * beyond:.1f} mm outside the box'
    return RobotDrill(title, EDGE_M * 1e3, 0.0, MOVING_M_S, max(beyond, 0.0), 0.0, True, 0.0, note)


def _second_commander(bench: Bench, title: str) -> RobotDrill:
    """Ask for the lease while the arm moves: refused, and the motion goes on."""
    from rig_ros.arm_side.protocol import Refused
    from rig_ros.hardware.sawyer_link import SawyerLink

    bench.start_motion()
    link = SawyerLink.open(bench.side_path, 'second')
    packets: list[object] = []
    deadline = time.monotonic() + 3.0
    while not packets and time.monotonic() < deadline:
        bench.graph.spin_for(0.02)
        packets += link.receive()
    refused = bool(packets) and isinstance(packets[0], Refused)
    bench.graph.spin_for(0.2)
    going = bench.supervisor.process('sawyer').running
    note = '' if refused and going else f'got {packets[:1]}'
    return RobotDrill(title, TRIP, 0.0, MOVING_M_S, 0.0, 0.0, True, 0.0, note)


def _say(drill: RobotDrill) -> None:
    console.print(f'{drill.name}: still after {drill.still_ms:.0f} ms (allowed '
                  f'{drill.limit_ms:.0f}; moved at {100 * drill.speed_before:.0f} cm/s, then '
                  f'{1e3 * drill.travelled_m:.0f} mm), went on by itself '
                  f'{1e3 * drill.resumed_m:.1f} mm, works again: {drill.recovered} {drill.note}')


def _show(drills: list[RobotDrill]) -> None:
    table = Table('what', 'still after', 'allowed', 'speed before', 'travelled', 'by itself',
                  'works again', '')
    for drill in drills:
        table.add_row(drill.name, f'{drill.still_ms:.0f} ms', f'{drill.limit_ms:.0f} ms',
                      f'{100 * drill.speed_before:.0f} cm/s', f'{1e3 * drill.travelled_m:.0f} mm',
                      f'{1e3 * drill.resumed_m:.1f} mm', 'yes' if drill.recovered else 'NO',
                      drill.note or ('ok' if drill.passed else 'FAILED'))
    console.print(table)
