"""The parts of `rig_ros drill data`: what breaks recordings, and what is left of them.

Each part breaks one thing many times and counts the finished steps that no recording holds
afterwards. A step is finished when its executed command was sent; the one in flight at that moment
may be lost, none before it.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rig_ros.cli import network_drill
from rig_ros.cli.drill_result import Result, recorded
from rig_ros.cli.recorder_bench import start_recorder
from rig_ros.errors import RigError

if TYPE_CHECKING:
    from rig_ros.nodes.trainer_link import TrainerLink
    from rig_ros.ros.stand_in import StandIn

RATE_HZ = 30.0
PATIENCE_S = 30.0
STARTING_S = 4.0
"""About as long as the learning process takes to load and to read its episodes back."""
Random = np.random.Generator


def run(part: str, folder: Path, count: int | None, seed: int) -> Result:
    """Run one of `PARTS` in a folder of its own."""
    drill, usual = PARTS[part]
    place = folder / part.replace(' ', '_')
    place.mkdir(parents=True)
    return drill(place, usual if count is None else count, np.random.default_rng(seed))


def _part_bytes(folder: Path) -> int:
    return sum(p.stat().st_size for p in folder.rglob('*.mcap.part')
               if not p.with_suffix('').exists())


# The recorder's process -------------------------------------------------------------------------
def recorder_killed(place: Path, kills: int, rng: Random) -> Result:
    """SIGKILL the recorder at random moments of an episode; start it again."""
    from rig_ros.ros.client import GraphClient
    from rig_ros.ros.stand_in import StandIn

    folder, log = place / 'episodes', place / 'recorder.log'
    windows: list[tuple[int, int]] = []
    went_on = 0
    old_parts: set[Path] = set()
    with GraphClient() as graph:
        stand_in = StandIn(graph)
        process = start_recorder(folder, log)
        try:
            for number in range(kills):
                if number % 3 == 0:
                    if number:
                        stand_in.end()
                    stand_in.begin()
                went_on += _steps_until(stand_in, _heard(folder, old_parts))
                first_ns = time.time_ns()
                _steps_until(stand_in, _after(float(rng.uniform(0.1, 1.2))))
                graph.spin_for(float(rng.uniform(0, 1 / RATE_HZ)))
                process.kill()
                windows.append((first_ns, time.time_ns()))
                process.wait()
                old_parts = set(folder.rglob('*.mcap.part'))
                process = start_recorder(folder, log)
            stand_in.end()
            _steps_until(stand_in, lambda: _part_bytes(folder) == 0)
        finally:
            process.terminate()
            process.wait(20)
    held = recorded(folder)
    lost = [sum(a <= s < b and s not in held for s in stand_in.finished_ns) for a, b in windows]
    at_stake = sum(a <= s < b for s in stand_in.finished_ns for a, b in windows)
    return Result('recorder killed', kills, at_stake, max(lost), 1, sum(lost), went_on,
                  'steps between death and restart are not counted: nothing records them')


def _heard(folder: Path, old_parts: set[Path]) -> Callable[[], bool]:
    """Return whether a file that was not there before holds commands: discovery is over."""
    from rig_ros.episodes import schema
    from rig_ros.episodes.scan import scan_messages

    return lambda: any(
        schema.local_name(topic) == schema.COMMAND
        for part in set(folder.rglob('*.mcap.part')) - old_parts
        for topic, _ in scan_messages(part))


def _after(seconds: float) -> Callable[[], bool]:
    deadline = time.monotonic() + seconds
    return lambda: time.monotonic() > deadline


def _steps_until(stand_in: StandIn, done: Callable[[], bool]) -> bool:
    """Send steps at the usual rate until it is so; return whether it became so in time."""
    deadline = time.monotonic() + PATIENCE_S
    while not done():
        if time.monotonic() > deadline:
            return False
        stand_in.step()
        stand_in.graph.spin_for(1 / RATE_HZ)
    return True


# Files ------------------------------------------------------------------------------------------
def power_cut(place: Path, cuts: int, rng: Random) -> Result:
    """Cut an unfinished file at random bytes, half of them with zeros behind; restore it."""
    from rig_ros.cli.made_up import write_steps
    from rig_ros.episodes.recovery import recover_file
    from rig_ros.episodes.store import EpisodeWriter

    steps = 40
    writer = EpisodeWriter(place, 'whole')
    sizes = write_steps(writer, steps)
    writer.close()
    content = writer.partial.read_bytes()
    lost, went_on = [], 0
    for number in range(cuts):
        at = int(rng.integers(0, len(content) + 1))
        tail = bytes(int(rng.integers(0, 4096))) if number % 2 else b''
        folder = place / f'cut{number}'
        folder.mkdir()
        source = folder / 'e.mcap.part'
        source.write_bytes(content[:at] + tail)
        whole = sum(size <= at for size in sizes)
        try:
            report = recover_file(source)
            held = len(recorded(folder)) if report.target else 0
            went_on += 1
        except RigError:
            held = 0
        lost.append(max(0, whole - held))
        shutil.rmtree(folder)
    return Result('power cut', cuts, cuts * steps, max(lost), 0, sum(lost), went_on,
                  'steps whose last byte was on the disk')


def full_disk(place: Path, trials: int, rng: Random) -> Result:
    """Fill a small disk while recording; make room; record the next episode."""
    from rig_ros.cli.made_up import MadeUpGraph
    from rig_ros.episodes.space import Space

    disk = place / 'disk'
    disk.mkdir()
    if os.geteuid() != 0 or subprocess.run(
            ['mount', '-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', str(disk)], check=False,
            capture_output=True).returncode:
        return Result('full disk', 0, 0, 0, 0, 0, 0, 'needs the right to mount a small disk')
    at_stake, went_on = 0, 0
    lost: list[int] = []
    try:
        for number in range(trials):
            filler = disk / 'filler'
            filler.write_bytes(bytes(int(rng.integers(9 << 18, 3 << 20))))
            endless = Space(min_free_mib=1, free=lambda _: 1 << 40)
            made = MadeUpGraph(disk / f'run{number}', endless)
            made.begin('a')
            while not made.recorder.failure:
                made.step()
            filler.unlink()
            made.end()
            made.begin('b')
            for _ in range(5):
                made.step()
            made.end()
            made.recorder.close()
            held = recorded(made.recorder.folder)
            sent = made.finished_ns
            at_stake += len(sent)
            # The one that met the full disk was never on it: that is the step in flight.
            lost.append(sum(stamp not in held for stamp in sent))
            went_on += made.recorder.counters.recovered == 1 and made.recorder.failure == ''
            shutil.rmtree(made.recorder.folder)
    finally:
        subprocess.run(['umount', '-l', str(disk)], check=False)
    return Result('full disk', trials, at_stake, max(lost), 1, sum(lost), went_on)


def clock_set(place: Path, trials: int, rng: Random) -> Result:
    """Set the clock forwards and back by a second in the middle of episodes."""
    from rig_ros.cli.made_up import MadeUpGraph
    from rig_ros.control import task as tasks
    from rig_ros.episodes.assembler import assemble

    steps, lost, went_on = 30, [], 0
    for number in range(trials):
        made = MadeUpGraph(place / f'run{number}')
        made.begin('a')
        jump_at = int(rng.integers(1, steps))
        for step in range(steps):
            if step == jump_at:
                made.set_clock(1.0 if number % 2 else -1.0)
            made.step()
        made.end()
        made.begin('b')
        made.step()
        made.end()
        made.recorder.close()
        first, second = (assemble(f.file.path, tasks.load('reach_xy')) for f in made.finished)
        held = recorded(made.recorder.folder)
        lost.append(max(steps - first.steps, sum(s not in held for s in made.finished_ns)))
        went_on += second.steps == 1 and made.finished[0].audit.clock_jumps_s != ()
    return Result('clock set by 1 s', trials, trials * steps, max(lost), 1, sum(lost), went_on)


# The trainer's process --------------------------------------------------------------------------
def trainer_killed(place: Path, kills: int, rng: Random) -> Result:
    """SIGKILL the learning process at random moments while recordings keep coming.

    Every other time while it starts and reads back what it had, the others while it learns.
    """
    from rig_ros.cli.made_up import RECIPE, write_episode
    from rig_ros.nodes.trainer_link import TrainerLink

    recipe = place / 'recipe.yaml'
    recipe.write_text(RECIPE, encoding='utf-8')
    link = TrainerLink(
        {'directory': str(place / 'run'), 'recipe': str(recipe), 'task': 'reach_xy',
         'publish_every_s': 0.0, 'checkpoint_every_s': 1.0}, nice=0, threads=1,
        clock=lambda: 100 * time.monotonic())  # the back-off is not what is drilled
    steps, recorded, went_on = 20, 0, 0
    try:
        for number in range(kills):
            for _ in range(2):
                link.offer(str(write_episode(place / 'run' / 'episodes', recorded, steps)))
                recorded += 1
            starting = number % 2 == 1
            if not starting:
                went_on += _learned(link, lambda v: v.get('env_steps', 0) > 0)
            _listen(link, _after(float(rng.uniform(0, STARTING_S if starting else 1.5))))
            _listen(link, lambda: link.pid != 0)
            again = _restarted(link)
            os.kill(link.pid, signal.SIGKILL)
            _listen(link, again)
            went_on += starting
        values: dict[str, float] = {}

        def all_learned(figures: dict[str, float]) -> bool:
            values.update(figures)
            return figures.get('episodes') == recorded and figures.get('lead_steps') == 0

        _learned(link, all_learned)
    finally:
        link.close()
    missing = steps * recorded - int(values.get('env_steps', 0))
    return Result('trainer killed', kills, steps * recorded, abs(missing), 0, abs(missing),
                  went_on, f'{int(values.get("policy_updates", 0))} updates, '
                  f'{int(values.get("models", 0))} models')


def _restarted(link: TrainerLink) -> Callable[[], bool]:
    """Return whether there is another child than now."""
    before = link.restarts
    return lambda: link.restarts > before and link.pid != 0


def _learned(link: TrainerLink, done: Callable[[dict[str, float]], object]) -> bool:
    """Listen to the learning process until its figures are so; False when not in time."""
    told: list[bool] = []

    def hear(message: dict[str, Any]) -> None:
        if message['kind'] == 'failed':
            told.append(False)
        elif done(message.get('values', {})):
            told.append(True)

    over = _after(2 * PATIENCE_S)
    _listen(link, lambda: bool(told) or over(), hear)
    return bool(told) and told[0]


def _listen(link: TrainerLink, done: Callable[[], bool],
            hear: Callable[[dict[str, Any]], None] = lambda message: None) -> None:
    while not done():
        for message in link.poll():
            hear(message)
        time.sleep(0.02)


Drill = Callable[[Path, int, Random], Result]
PARTS: dict[str, tuple[Drill, int]] = {
    'recorder killed': (recorder_killed, 20), 'trainer killed': (trainer_killed, 5),
    'power cut': (power_cut, 100), 'full disk': (full_disk, 5),
    'clock set by 1 s': (clock_set, 20), 'network cut': (network_drill.short_cuts, 1),
    'long network cut': (network_drill.long_cuts, 0), 'lossy network': (network_drill.lossy, 1)}
"""Every part and how often it is done when not told."""
