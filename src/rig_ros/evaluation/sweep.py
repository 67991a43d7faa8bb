"""A sweep: recipes times seeds, each run a process of its own, so that a crash harms no other.

A sweep's folder holds `sweep.yaml`, `recipes/` (as used, complete), `runs/<method>-s<seed>/` (see
`run_files`) and `logs/`. It is its own state: started again, it skips what is finished and goes on
from checkpoints. On several machines the folder must be on a file system that all of them share.
"""

from __future__ import annotations

import csv
import dataclasses
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

import yaml

from rig_ros import resources, settings
from rig_ros.errors import ConfigError
from rig_ros.evaluation.run_files import RunFiles
from rig_ros.learning import config as configs
from rig_ros.learning.config import TrainConfig
from rig_ros.settings import require

State = Literal['finished', 'begun', 'new']


@dataclass(frozen=True)
class SweepConfig:
    """What a sweep runs. A recipe names its task and its method."""

    recipes: tuple[str, ...]
    """Names of `config/train`, or paths of YAML files, relative to the sweep's file."""
    seeds: tuple[int, ...] = (0, 1, 2, 3, 4)
    """Each recipe is run with each of them."""
    goals: int = 50
    """Held-out goals of each run's final evaluation."""
    changes: dict[str, Any] = field(default_factory=dict)
    """Values replaced in every recipe, by dotted name, for example `td3.precision: bf16`."""

    def __post_init__(self) -> None:
        for name in ('recipes', 'seeds'):
            values = getattr(self, name)
            require(len(values) > 0 and len(set(values)) == len(values), name, values,
                    'one or more, none twice')
        require(min(self.seeds) >= 0, 'seeds', self.seeds, '0 or more')
        require(self.goals >= 1, 'goals', self.goals, '1 or more')


@dataclass(frozen=True)
class Job:
    """One run of a sweep; names are paths below the sweep's folder."""

    method: str
    seed: int
    steps: int
    """Environment steps of the whole run."""
    goals: int
    directory: Path
    """Of the sweep."""

    @property
    def name(self) -> str:
        """What the run is called."""
        return f'{self.method}-s{self.seed}'

    @property
    def recipe(self) -> Path:
        """The complete recipe."""
        return self.directory / 'recipes' / f'{self.method}.yaml'

    @property
    def run(self) -> RunFiles:
        """Its folder."""
        return RunFiles(self.directory / 'runs' / self.name)

    @property
    def log(self) -> Path:
        """What the process printed, all attempts."""
        return self.directory / 'logs' / f'{self.name}.log'

    @property
    def state(self) -> State:
        """Whether there is something to do, or to go on from."""
        if (self.run.directory / 'figures.json').is_file():
            return 'finished'
        return 'begun' if self.run.checkpoint.is_file() else 'new'

    def done_steps(self) -> int:
        """Return how many environment steps the run's table of metrics has reached."""
        try:
            with self.run.metrics.open(newline='', encoding='utf-8') as stream:
                return max((int(float(row['env_steps'])) for row in csv.DictReader(stream)),
                           default=0)
        except (OSError, KeyError, TypeError, ValueError):  # not there, or a row half written
            return 0


def load(name: str) -> tuple[SweepConfig, Path]:
    """Return a sweep and its file: one of `config/sweeps` by name, or a YAML file by path.

    Raises:
        ConfigError: unknown, or not valid.
    """
    path = Path(name)
    if path.suffix not in ('.yaml', '.yml'):
        folder = resources.find('config', 'sweeps')
        known = sorted(p.stem for p in folder.glob('*.yaml'))
        require(name in known, 'sweep', name, f'one of {known}, or the path of a YAML file')
        path = folder / f'{name}.yaml'
    return settings.load(SweepConfig, path), path


def prepare(sweep: SweepConfig, source: Path, directory: Path) -> list[Job]:
    """Write a sweep's folder, or check that it is this sweep's, and return all its runs.

    Args:
        sweep: what to run.
        source: its file; recipes that are paths are relative to it.
        directory: of the sweep.

    Raises:
        ConfigError: a recipe is not valid, two have one name, or the folder is another sweep's.
    """
    recipes = {}
    for name in sweep.recipes:
        path = Path(name)
        if path.suffix in ('.yaml', '.yml'):
            path = source.parent / path
        method = path.stem
        require(method not in recipes, 'recipes', sweep.recipes, 'file names that differ')
        recipes[method] = settings.change(configs.load(path), sweep.changes)
    content: dict[str, SweepConfig | TrainConfig] = {'sweep.yaml': sweep} | {
        f'recipes/{method}.yaml': recipe for method, recipe in recipes.items()}
    if (directory / 'sweep.yaml').is_file():
        for name, wanted in content.items():
            kept = directory / name
            # Not the texts: a newer release may write settings that an older one did not have.
            if not kept.is_file() or settings.load(type(wanted), kept) != wanted:
                raise ConfigError(f'sweep folder: {kept} differs from what is asked for, allowed: '
                                  'the same sweep, to go on with; choose another --run')
    elif directory.exists() and any(directory.iterdir()):
        raise ConfigError(f'sweep folder: got {directory}, which is not empty and no sweep, '
                          'allowed: a new name; choose another --run')
    for folder in ('recipes', 'runs', 'logs'):
        (directory / folder).mkdir(parents=True, exist_ok=True)
    for name, wanted in reversed(content.items()):  # sweep.yaml last: then all of it is there
        (directory / name).write_text(_yaml(wanted), encoding='utf-8')
    return [Job(method, seed, recipe.env_steps, sweep.goals, directory)
            for seed in sweep.seeds for method, recipe in recipes.items()]


def _yaml(config: Any) -> str:
    plain = json.loads(json.dumps(dataclasses.asdict(config)))
    return yaml.safe_dump(plain, sort_keys=False)


def command(job: Job) -> list[str]:
    """Return the command line of a run: new, or going on from its checkpoint.

    What a run left that died before its first checkpoint is removed; its log stays.
    """
    resume = job.state == 'begun'
    if not resume and job.run.directory.exists():
        shutil.rmtree(job.run.directory)
    return [sys.executable, '-m', 'rig_ros.cli.main', 'train', str(job.recipe.absolute()),
            '--seed', str(job.seed), '--goals', str(job.goals),
            '--run', str(job.run.directory.absolute()), *(['--resume'] if resume else [])]


def start(job: Job) -> subprocess.Popen[bytes]:
    """Start a run in a process of its own, which prints to the run's log."""
    with job.log.open('a', encoding='utf-8') as log:
        return subprocess.Popen(command(job), stdout=log, stderr=subprocess.STDOUT,
                                stdin=subprocess.DEVNULL,
                                env={**os.environ, 'COLUMNS': '120', 'TERM': 'dumb'})


def execute(job: Job) -> int:
    """Do one run in a process of its own and return its exit status; 0 is success."""
    process = start(job)
    try:
        return process.wait()
    finally:
        stop(process)


def stop(process: subprocess.Popen[bytes]) -> None:
    """End a run that is still going; it can be gone on with from its last checkpoint."""
    if process.poll() is None:
        process.terminate()
        process.wait()


def last_words(log: Path) -> str:
    """Return the last line a run printed, to say why it failed; '' if it printed none."""
    try:
        lines = log.read_text(encoding='utf-8', errors='replace').split('\n')
    except OSError:
        return ''
    return next((line.strip() for line in reversed(lines) if line.strip()), '')
