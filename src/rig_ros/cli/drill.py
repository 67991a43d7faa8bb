"""`rig_ros drill sim`: kill and hang nodes while the arm moves, and time how fast it stops.

`rig_ros drill data`: kill and cut whatever keeps recordings, and count what is lost.
`rig_ros drill learning`: learn from nothing in real time, across a cable that may be cut.
`rig_ros drill training`: kill a training again and again, and measure what it learnt.
"""

from __future__ import annotations

import os
import signal
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer
from rich.console import Console
from rich.table import Table

from rig_ros.cli.drill_robot import robot
from rig_ros.cli.learning_drill import learning
from rig_ros.cli.local_graph import START_S, isolate_graph, released_bundle
from rig_ros.cli.training_drill import training
from rig_ros.errors import HardwareError, RigError

if TYPE_CHECKING:
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.ros.witness import Witness

app = typer.Typer(no_args_is_help=True, add_completion=False,
                  help='Kill and hang nodes while the arm moves, and time how fast it stops.')
app.command()(robot)
app.command()(learning)
app.command()(training)
console = Console(highlight=False, soft_wrap=True)

PROCESSES = ('camera', 'encoder', 'goal', 'policy', 'guard', 'trainer')
SIGNALS = (signal.SIGKILL, signal.SIGSTOP)
MOVING_M_S = 0.03
"""The hand counts as moving above this speed; a drill on a resting arm shows nothing."""
OBSERVED_S = 2.0
LIMIT_MS = 350.0
PATIENCE_S = 45.0
RECORDED_S = 10.0
SILENCE_MS = 100.0
"""A simulated arm that told nothing for longer got no processor time. A real arm's controller has
its own, so a stop that took too long then is tried again."""
ATTEMPTS = 3


@dataclass(frozen=True)
class Drill:
    """One process, one signal, what came of it."""

    process: str
    signal: str
    still_ms: float
    """From the signal until the hand was where it stayed [ms]."""
    lost_steps: int
    """Steps finished before the signal that no recording holds."""
    recovered: bool
    """A new episode moved the arm once the process was back."""
    speed_before: float
    """Of the hand just before the signal [m/s]."""
    travelled_m: float
    silence_ms: float
    """Longest time without word from the simulated arm while it stopped [ms]."""

    @property
    def passed(self) -> bool:
        """Whether the arm stopped in time, nothing was lost and everything works again."""
        return self.still_ms <= LIMIT_MS and not self.lost_steps and self.recovered

    @property
    def starved(self) -> bool:
        """Whether it failed in time only, while the machine kept the simulated arm waiting."""
        return (self.still_ms > LIMIT_MS and self.silence_ms > SILENCE_MS
                and not self.lost_steps and self.recovered)


@app.command()
def data(kills: Annotated[int, typer.Option(help='SIGKILLs of the recorder; 200 in full.')] = 20,
         trainer_kills: Annotated[int, typer.Option(help='SIGKILLs of the trainer.')] = 5,
         cuts: Annotated[int, typer.Option(help='Files cut at random bytes; 500 in full.')] = 100,
         long_cuts: Annotated[int, typer.Option(help='Ten-minute cuts of the network.')] = 0,
         only: Annotated[str, typer.Option(help='One part of the list alone.')] = '',
         seed: Annotated[int, typer.Option(help='Decides the moments and the bytes.')] = 0,
         out: Annotated[Path, typer.Option(help='Folder for recordings and logs.')]
         = Path('runs/drill_data'),
         json: Annotated[Path | None, typer.Option(help='Write the figures here.')] = None,
         ) -> None:
    """Drill whatever keeps recordings: kills, power cuts, full disk, set clock, network."""
    isolate_graph()
    from rig_ros.cli import data_drill
    from rig_ros.cli.drill_result import table
    from rig_ros.evaluation.report import write_json
    from rig_ros.settings import require

    counts = {'recorder killed': kills, 'trainer killed': trainer_kills, 'power cut': cuts,
              'long network cut': long_cuts}
    require(only in ('', *data_drill.PARTS), '--only', only, f'one of {list(data_drill.PARTS)}')
    results = []
    for name in [only] if only else data_drill.PARTS:
        results.append(data_drill.run(name, out / time.strftime('%Y%m%d-%H%M%S'),
                                      counts.get(name), seed))
        console.print(results[-1].line)
    console.print(table(results))
    write_json(json or out / 'drill_data.json', {'drills': [asdict(r) for r in results]})
    if not all(result.passed for result in results):
        raise typer.Exit(1)


@app.command()
def sim(task: Annotated[str, typer.Option(help='Task with a released model.')] = 'reach_xy',
        bundle: Annotated[str, typer.Option(help='Another model file.')] = '',
        only: Annotated[str, typer.Option(help='One process of the list alone.')] = '',
        out: Annotated[Path, typer.Option(help='Folder for recordings and logs.')]
        = Path('runs/drill'),
        json: Annotated[Path | None, typer.Option(help='Write the figures here.')] = None) -> None:
    """Drill the simulated graph in real time: camera, encoder, goal, policy, guard, trainer."""
    isolate_graph()
    from rig_ros.bringup import graph
    from rig_ros.bringup.supervisor import Supervisor
    from rig_ros.evaluation.report import write_json
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.witness import Witness
    from rig_ros.settings import require

    require(only in ('', *PROCESSES), '--only', only, f'one of {list(PROCESSES)}')
    run = out / time.strftime('%Y%m%d-%H%M%S')
    chosen = graph.deployment('sim', {
        'task': task, 'bundle': bundle or str(released_bundle(task)), 'mode': 'practise',
        'clock': 'realtime', 'raw_camera': True, 'train': True, 'run': str(run)})
    drills: list[Drill] = []
    lines: list[str] = []
    with Supervisor(chosen, run / 'log',
                    report=lambda node, line: lines.append(f'{node}: {line}')) as supervisor, \
            GraphClient() as client:
        witness = Witness(client)
        witness.wait_ready(START_S)
        for process in [only] if only else PROCESSES:
            for number in SIGNALS:
                drills.append(_repeated_drill(supervisor, witness, process, number))
    worst = max(drill.still_ms for drill in drills)
    figures = {'drills': [asdict(drill) for drill in drills], 'worst_still_ms': worst}
    write_json(json or out / 'drill.json', figures)
    _show(drills)
    failed = [drill for drill in drills if not drill.passed]
    console.print(f'worst: still after [bold]{worst:.0f} ms[/] (limit {LIMIT_MS:.0f} ms); '
                  f'{len(failed)} of {len(drills)} drills failed; logs: {run}/log')
    if failed:
        raise typer.Exit(1)


def _repeated_drill(supervisor: Supervisor, witness: Witness, process: str,
                    number: signal.Signals) -> Drill:
    """Drill, again where the machine itself kept the simulated arm waiting; say each result."""
    for _ in range(ATTEMPTS):
        drill = _drill(supervisor, witness, process, number)
        _say(drill)
        if not drill.starved:
            break
        console.print(f'[yellow]the simulation itself stood still for {drill.silence_ms:.0f} ms '
                      '(a busy machine)[/]')
    return drill


def _drill(supervisor: Supervisor, witness: Witness, process: str,
           number: signal.Signals) -> Drill:
    """Start motion, send the signal, watch, bring the process back, start again."""
    from rig_ros.episodes.reading import command_stamps
    from rig_ros.evaluation.stopping import lost_steps, measure_stop

    _start_motion(witness)
    target = supervisor.process(process)
    pid = target.pid
    sent_s, sent_wall_s = time.monotonic(), time.time()
    os.kill(pid, number)
    witness.graph.spin_for(OBSERVED_S)
    stop = measure_stop(*witness.path, sent_wall_s, sent_wall_s + OBSERVED_S)
    finished = [c.stamp_ns for c in witness.commands if c.arrival_s < sent_s and c.speed > 0]
    if number == signal.SIGSTOP:
        os.kill(pid, signal.SIGCONT)
    _end_episode(witness)
    recorded = command_stamps(Path(segment['path']) for segment in witness.segments[-3:])
    lost = lost_steps(finished, recorded)
    try:
        witness.graph.spin_until(lambda: target.running and target.popen is not None, PATIENCE_S,
                                 f'process {process}')
        _start_motion(witness)
        recovered = True
        _end_episode(witness)
    except RigError as error:
        console.print(f'[red]{process}: {error}[/]')
        recovered = False
    return Drill(process, number.name, stop.still_ms, lost, recovered, stop.speed_before,
                 stop.travelled_m, stop.silence_ms)


def _start_motion(witness: Witness) -> None:
    """Start episodes until the hand moves.

    Raises:
        HardwareError: it does not move in time; the message holds the last refusal.
    """
    deadline, refusal = time.monotonic() + PATIENCE_S, 'none'
    witness.forget()
    while time.monotonic() < deadline:
        try:
            witness.graph.call('episode/start')
        except RigError as error:
            refusal = str(error)
        until = time.monotonic() + 4.0
        while time.monotonic() < min(until, deadline):
            witness.graph.spin_for(0.05)
            # Five commands ago was the start: the jump of a simulated reset is out of the window.
            recent = [c for c in witness.commands if c.arrival_s > time.monotonic() - 0.55]
            commanded = sum(c.speed > MOVING_M_S for c in recent) >= 5
            if commanded and witness.speed() > MOVING_M_S:
                return
    raise HardwareError(f'hand speed: stayed below {MOVING_M_S} m/s for {PATIENCE_S:.0f} s after '
                        f'episode/start; last refusal: {refusal}; look into the logs')


def _end_episode(witness: Witness) -> None:
    """Stop whatever episode still runs and wait until its recording is announced."""
    try:
        witness.graph.call('episode/stop')
    except RigError as error:
        console.print(f'[dim]episode/stop: {error}[/]')
    witness.graph.spin_until(
        lambda: any(s['episode_id'] == witness.episode_id for s in witness.segments), RECORDED_S,
        f'recording of episode {witness.episode_id}')


def _say(drill: Drill) -> None:
    console.print(f'{drill.process} {drill.signal}: still after {drill.still_ms:.0f} ms '
                  f'(moved at {100 * drill.speed_before:.0f} cm/s, then '
                  f'{1e3 * drill.travelled_m:.0f} mm), lost steps {drill.lost_steps}, '
                  f'recovered: {drill.recovered}')


def _show(drills: list[Drill]) -> None:
    table = Table('process', 'signal', 'still after', 'speed before', 'travelled', 'lost steps',
                  'works again')
    for drill in drills:
        table.add_row(drill.process, drill.signal, f'{drill.still_ms:.0f} ms',
                      f'{100 * drill.speed_before:.0f} cm/s', f'{1e3 * drill.travelled_m:.0f} mm',
                      str(drill.lost_steps), 'yes' if drill.recovered else 'NO')
    console.print(table)
