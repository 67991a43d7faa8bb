"""Learns from recordings as they come: the trainer's work, without ROS and without a process.

The recordings are the replay: a checkpoint holds weights, optimisers and the list of episodes
learnt from, and a restarted trainer reads those again. Steps that are recorded but not yet trained
on are the backlog; it is bounded, and what exceeds it is counted as skipped: such an episode is in
the replay like any other, only the updates owed for it are not made.
"""

from __future__ import annotations

import csv
import dataclasses
import logging
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import yaml

from rig_ros.control import task as tasks
from rig_ros.control.task import TaskConfig
from rig_ros.episodes.assembler import AssembledEpisode, assemble
from rig_ros.errors import ConfigError, DataError, ModelMismatch, RigError
from rig_ros.learning import bundle as bundles
from rig_ros.learning import config as recipes
from rig_ros.learning.arithmetic import Device
from rig_ros.learning.bundle_file import write_atomically
from rig_ros.learning.progress import ProgressHook, ignore_progress
from rig_ros.learning.state import TrainingState
from rig_ros.learning.team import lead
from rig_ros.learning.trainer import Learner

logger = logging.getLogger(__name__)

CHUNK_STEPS = 5
"""Steps trained on between two looks at the world."""
CHECKPOINT = 'checkpoint.safetensors'
BUNDLES = 'bundles'


@dataclass(frozen=True)
class TrainingPlan:
    """What to learn, where, and how often to tell; plain values, sent to the child as JSON."""

    directory: str
    """Folder of the run."""
    recipe: str
    """Name in `config/train/`, or the path of a YAML file."""
    task: str
    seed: int = 0
    publish_every_s: float = 10.0
    """Shortest time between two models [s]."""
    checkpoint_every_s: float = 30.0
    max_backlog_steps: int = 2000
    keep_bundles: int = 10
    """Older models of this run are deleted."""
    device: Device = 'auto'
    """Of the networks."""
    processes: int = 1
    """That learn together, on a GPU each or on the processor; 0: as many as there are GPUs."""


@dataclass(frozen=True)
class NewModel:
    """A bundle just written and loaded back."""

    path: Path
    bundle_id: str
    encoder_id: str
    step: int
    """Environment steps it has learnt from."""


def recipe_for(name: str, task: TaskConfig) -> recipes.TrainConfig:
    """Return a recipe with the task it is now used for.

    Raises:
        ConfigError: unknown recipe, or one for pictures of another size.
    """
    recipe = recipes.load(name)
    if recipe.image_size != task.image_size:
        raise ConfigError(f'recipe {name!r}: pictures of {recipe.image_size} px, allowed: '
                          f'{task.image_size} px as task {task.name} records them; set image_size')
    return dataclasses.replace(recipe, task=task.name)


class RecordedTraining:
    """See the module. Call `offer` with paths and `work` as often as possible."""

    def __init__(self, plan: TrainingPlan, progress: ProgressHook = ignore_progress,
                 clock: Callable[[], float] = time.monotonic) -> None:
        """Start anew, or go on from the folder's checkpoint.

        Args:
            plan: what to do.
            progress: called often while minibatches run.
            clock: seconds.

        Raises:
            ConfigError: unknown task or recipe, or no such device or number of processes.
            HardwareError: the other processes do not start.
            DataError: a damaged checkpoint.
            ModelMismatch: a checkpoint of another recipe.
        """
        self.plan = plan
        self.task = tasks.load(plan.task)
        self._recipe = recipe_for(plan.recipe, self.task)
        self._progress, self._clock = progress, clock
        self._folder = Path(plan.directory)
        self._bundles = self._folder / BUNDLES
        self._bundles.mkdir(parents=True, exist_ok=True)
        dim = self.task.action_dim
        team = lead(plan.processes, self._recipe, dim, plan.seed, plan.device)
        self.learner = Learner(self._recipe, dim, plan.seed, folder=self._folder,
                               device=plan.device, team=team)
        self.learned: list[str] = []
        """Recordings in the replay, in order."""
        self.refused: dict[str, str] = {}
        """Recordings that could not be used, with the reason."""
        self.backlog_steps = 0
        self.skipped_steps = 0
        self.trained_steps = 0
        self.models = 0
        self._queue: deque[Path] = deque()
        self._known: set[str] = set()
        self._published_s = self._saved_s = -1e9
        self._published_trained = -1
        if (self._folder / CHECKPOINT).is_file():
            self._resume()
        text = yaml.safe_dump(_plain(dataclasses.asdict(self._recipe)), sort_keys=False)
        write_atomically(self._folder / 'config.yaml', text.encode())

    def _resume(self) -> None:
        state = TrainingState.load(self._folder / CHECKPOINT)
        values, task = state.values.get('recorded_training'), state.values['config']['task']
        if values is None or task != self.task.name:
            raise ModelMismatch(
                f'{self._folder / CHECKPOINT}: of task {task!r}, '
                f'{"from recordings" if values else "from a training without recordings"}, '
                f'allowed: task {self.task.name!r} from recordings; set another `directory`')
        missing = []
        for path in values['learned']:
            try:
                self._keep(assemble(Path(path), self.task))
            except RigError as error:
                missing.append(str(error))
            self.learned.append(path)
        self.learner.restore(state)
        self.learner.team.tell('restore', {'path': str(self._folder / CHECKPOINT)})
        if self.learner.ready and len(self.learner.replay):
            self.learner.replay.encode(self.learner.vae.encode)
        self.refused = dict(values['refused'])
        self.skipped_steps, self.trained_steps = values['skipped'], values['trained']
        self.backlog_steps, self.models = values['backlog'], values['models']
        self._published_trained = self.trained_steps
        self._known = {*self.learned, *self.refused}
        logger.info('resumed at %d steps of %d episodes; %d of them cannot be read any more %s',
                    self.learner.env_steps, len(self.learned), len(missing), missing[:1])

    def _keep(self, episode: AssembledEpisode) -> None:
        """Put transitions into the replay without counting them as new steps."""
        for part in episode.segments:
            self.learner.keep_episode(part.images_thwc_u8, part.actions, part.goal_image_hwc_u8)

    @property
    def waiting(self) -> int:
        """Recordings offered and not yet read."""
        return len(self._queue)

    def offer(self, path: Path) -> None:
        """Queue a finished recording; one that is known already is ignored."""
        if str(path) not in self._known:
            self._known.add(str(path))
            self._queue.append(path)

    def work(self) -> bool:
        """Do one piece of work: read an episode, or train a little; False when there is none."""
        if self._queue:
            self._read(self._queue.popleft())
            return True
        if not self.learner.ready:
            if self.learner.env_steps < self._recipe.explore.random_steps:
                return False
            self.learner.train(0, self._progress)
            self.trained_steps = self.learner.env_steps
            return True
        steps = min(CHUNK_STEPS, self.backlog_steps)
        if steps == 0:
            return False
        self.learner.train(steps, self._progress)
        self.backlog_steps -= steps
        self.trained_steps += steps
        return True

    def _read(self, path: Path) -> None:
        try:
            episode = assemble(path, self.task)
            if episode.task and episode.task != self.task.name:
                raise DataError(f'{path}: recorded for task {episode.task!r}, allowed: '
                                f'{self.task.name!r}')
            for part in episode.segments:
                self.learner.add_episode(part.images_thwc_u8, part.actions,
                                         part.goal_image_hwc_u8)
        except RigError as error:
            self.refused[str(path)] = str(error)
            logger.warning('episode left out: %s', error)
            return
        self.learned.append(str(path))
        if self.learner.ready:
            owed = self.backlog_steps + episode.steps
            self.backlog_steps = min(owed, self.plan.max_backlog_steps)
            self.skipped_steps += owed - self.backlog_steps

    def new_model(self) -> NewModel | None:
        """Write a model when one is due: the first at once, later ones at intervals.

        Raises:
            RigError: what was written does not load; nothing is announced.
        """
        now = self._clock()
        if (not self.learner.ready or self.trained_steps == self._published_trained
                or now - self._published_s < self.plan.publish_every_s):
            return None
        self._published_s, self._published_trained = now, self.trained_steps
        step = self.learner.env_steps
        self.models += 1
        facts = {'name': self._folder.name, 'seed': self.plan.seed, 'env_steps': step,
                 'trained_steps': self.trained_steps, 'episodes': len(self.learned),
                 'source': 'recordings', 'recipe': _plain(dataclasses.asdict(self._recipe))}
        manifest = bundles.describe(self.learner, self.task, facts)
        path = self._bundles / f'{self.models:06d}.safetensors'
        bundle_id = bundles.save(path, manifest, self.learner.modules)
        bundles.load(path, self.task.name)
        write_atomically(self._folder / 'bundle.safetensors', path.read_bytes())
        self._note_metrics()
        for old in sorted(self._bundles.glob('*.safetensors'))[:-self.plan.keep_bundles]:
            old.unlink()
        self.checkpoint()
        return NewModel(path, bundle_id, manifest.encoder_id, step)

    def checkpoint_if_due(self) -> None:
        """Save everything to go on from, at intervals."""
        if self._clock() - self._saved_s >= self.plan.checkpoint_every_s:
            self.checkpoint()

    def checkpoint(self) -> None:
        """Save everything to go on from, now; call it between two pieces of work."""
        self._saved_s = self._clock()
        state = self.learner.state_without_replay()
        values = {'learned': self.learned, 'refused': self.refused, 'backlog': self.backlog_steps,
                  'skipped': self.skipped_steps, 'trained': self.trained_steps,
                  'models': self.models}
        TrainingState(state.tensors, {**state.values, 'recorded_training': values}).save(
            self._folder / CHECKPOINT)

    @property
    def lead_steps(self) -> int:
        """How many recorded steps are still to be learnt from; waiting recordings estimated."""
        return self.backlog_steps + self.waiting * self.task.horizon

    def figures(self) -> dict[str, float]:
        """Return counts and the newest losses."""
        return {'env_steps': self.learner.env_steps, 'trained_steps': self.trained_steps,
                'backlog_steps': self.backlog_steps, 'lead_steps': self.lead_steps,
                'skipped_steps': self.skipped_steps,
                'episodes': len(self.learned), 'episodes_waiting': self.waiting,
                'episodes_refused': len(self.refused), 'models': self.models,
                'policy_updates': self.learner.agent.updates, **self.learner.metrics}

    def _note_metrics(self) -> None:
        """Append a row to metrics.csv; the columns are those of the first row."""
        path, row = self._folder / 'metrics.csv', self.figures()
        columns = sorted(row)
        if path.is_file():
            columns = path.read_text(encoding='utf-8').partition('\n')[0].strip().split(',')
        with path.open('a', newline='', encoding='utf-8') as stream:
            writer = csv.DictWriter(stream, columns, extrasaction='ignore')
            if stream.tell() == 0:
                writer.writeheader()
            writer.writerow(row)


def _plain(value: object) -> object:
    """Return nested dataclass values as YAML and JSON hold them."""
    if isinstance(value, Mapping):
        return {str(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(inner) for inner in value]
    return value
