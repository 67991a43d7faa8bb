"""The node that learns from recorded episodes while the robot acts, and hands out models.

Learning runs in a child process (`trainer_process`), so that a minibatch never delays ROS and a
crash of one does not take the other along. This node tells it about finished recordings (from
`recorder/segment`, and from the run's folder after a restart), checks what it wrote, and publishes
`model/manifest` and `model/payload` (latched) and `trainer/metrics`.
"""

from __future__ import annotations

import array
import hashlib
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import MultiArrayDimension, UInt8MultiArray

from rig_ros.control import task as tasks
from rig_ros.episodes import bag_metadata
from rig_ros.episodes.reading import episode_file
from rig_ros.errors import DataError, ModelMismatch, RigError
from rig_ros.learning import bundle_file
from rig_ros.learning import config as recipes
from rig_ros.learning.manifest import Manifest
from rig_ros.nodes.trainer_link import TrainerLink
from rig_ros.ros import topics
from rig_ros.ros.conversions import message_to_values, values_to_message
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode
from rig_ros.ros.parameters import CommonParameters, param
from rig_ros.ros.runner import run

POLL_S = 0.1
REPORT_S = 1.0
RESCAN_S = 5.0
PART = 'learning'


@dataclass(frozen=True)
class TrainerParameters(CommonParameters):
    """What is learnt, from where, and how often models leave."""

    directory: str = param('runs/latest', 'Folder of the run: its episodes, checkpoint, models.')
    recipe: str = param('reach', 'Training recipe: a name in config/train or a YAML file.')
    seed: int = param(0, 'Decides weights and draws.', low=0)
    publish_every_s: float = param(10.0, 'Shortest time between two models [s].', low=0.0)
    checkpoint_every_s: float = param(30.0, 'Time between two checkpoints [s].', low=1.0)
    max_backlog_steps: int = param(2000, 'Steps that may wait for their updates; more are '
                                         'skipped and counted.', low=1)
    keep_bundles: int = param(10, 'Models kept in the run folder.', low=1)
    nice: int = param(10, "Lowers the learning process's priority.", low=0, high=19)
    threads: int = param(1, 'CPU threads of the learning process.', low=1, high=256)
    device: str = param('auto', 'Of the networks: cpu, cuda, or auto, a GPU if there is one.',
                        one_of=('auto', 'cpu', 'cuda'))
    processes: int = param(1, 'Processes that learn together, each on a GPU of its own, or on the '
                              'processor; 0: as many as there are GPUs.', low=0, high=64)


class TrainerNode(RigNode):
    """See the module."""

    NAME = 'trainer'
    PARAMETERS = TrainerParameters
    settings: TrainerParameters

    def configure(self) -> None:
        """Check task and recipe, and prepare the child process."""
        values = self.settings
        task = tasks.load(values.task)
        recipes.load(values.recipe)
        self._task_name = task.name
        self._folder = Path(values.directory).resolve()
        self._link = TrainerLink({
            'directory': str(self._folder), 'recipe': values.recipe, 'task': task.name,
            'seed': values.seed, 'publish_every_s': values.publish_every_s,
            'checkpoint_every_s': values.checkpoint_every_s,
            'max_backlog_steps': values.max_backlog_steps, 'keep_bundles': values.keep_bundles,
            'device': values.device, 'processes': values.processes,
        }, values.nice, values.threads)
        self._known: set[str] = set()
        self._folders_seen: set[Path] = set()
        self._state: dict[str, Any] = {'phase': 'starting', 'done': 0, 'total': 0, 'values': {}}
        self._published = ''
        self._failure = ''
        self._scanned_s = -RESCAN_S
        self._manifests = self.publish_on(topics.MODEL_MANIFEST)
        self._payloads = self.publish_on(topics.MODEL_PAYLOAD)
        self._metrics = self.publish_on(topics.TRAINER_METRICS)
        self.listen(topics.RECORDER_SEGMENT, self._on_segment)
        self.every(POLL_S, self._poll)
        self.every(REPORT_S, self._report)

    def activate(self) -> None:
        """Hand out the newest model of the run, if it has one."""
        for path in sorted(self._folder.glob('bundles/*.safetensors'), reverse=True):
            try:
                self._publish(path, '')
            except RigError as error:
                self.report(Level.WARN, f'older model not used: {error}', part='model')
            else:
                break

    def cleanup(self) -> None:
        """Let the child save, and end it."""
        link = getattr(self, '_link', None)
        if link is not None:
            link.close()

    def _on_segment(self, message: DiagnosticArray) -> None:
        path = message_to_values(message).get('path', '')
        if not path:
            raise DataError('segment: got no path, allowed: the path of a finished recording')
        if Path(path).is_file():  # else it is on the robot's machine, and comes by `rig_ros sync`
            self._offer(path)

    def _offer(self, path: str) -> None:
        if path not in self._known:
            self._known.add(path)
            self._link.offer(path)

    def _rescan(self) -> None:
        """Find recordings that no segment told about: after a restart, or copied here."""
        for metadata in sorted(self._folder.glob(f'episodes/*/{bag_metadata.FILE_NAME}')):
            if metadata.parent not in self._folders_seen:
                self._folders_seen.add(metadata.parent)
                try:
                    self._offer(str(episode_file(metadata.parent)))
                except RigError as error:
                    self.report(Level.WARN, str(error), part='episodes')

    def _poll(self) -> None:
        now = time.monotonic()
        if now - self._scanned_s >= RESCAN_S:
            self._scanned_s = now
            self._rescan()
        ends = self._link.restarts
        for message in self._link.poll():
            self._heard(message)
        if self._link.restarts != ends:
            self.report(Level.ERROR, f'the learning process ended ({self._link.last_end}) and is '
                                     f'started again; {self._failure}', part=PART)

    def _heard(self, message: dict[str, Any]) -> None:
        kind = message['kind']
        if kind == 'model':
            try:
                self._publish(Path(message['path']), message['bundle_id'])
            except RigError as error:
                self.report(Level.ERROR, str(error), part='model')
        elif kind == 'failed':
            self._failure = message['message']
        elif kind in ('metrics', 'ready'):
            self._failure = ''
            self._state = {'phase': 'ready', 'done': 0, 'total': 0, **message}

    def _publish(self, path: Path, bundle_id: str) -> None:
        """Verify a model file and publish it.

        Raises:
            DataError: it is not whole, or not the file that was announced.
            ModelMismatch: it was trained for another task.
        """
        content = bundle_file.read_content(path)
        manifest: Manifest = bundle_file.read_manifest(content, str(path))
        actual = hashlib.sha256(content).hexdigest()
        if bundle_id and actual != bundle_id:
            raise DataError(f'{path}: hash got {actual}, allowed: {bundle_id}; it changed after '
                            'it was written')
        if manifest.task != self._task_name:
            raise ModelMismatch(f'{path}: task got {manifest.task!r}, allowed: '
                                f'{self._task_name!r}; set another `directory`')
        payload = UInt8MultiArray(data=array.array('B', content))
        payload.layout.dim = [MultiArrayDimension(label=actual, size=len(content),
                                                  stride=len(content))]
        self._payloads.publish(payload)
        self._manifests.publish(values_to_message('model', {
            'bundle_id': actual, 'encoder_id': manifest.encoder_id, 'task': manifest.task,
            'size': len(content), 'step': manifest.run.get('env_steps', 0),
            'format_version': manifest.format_version}, self.now_stamp()))
        self._published = actual
        self.report(Level.OK, f'{actual[:12]} published', part='model', path=path)

    def _report(self) -> None:
        values = {**self._state['values'], 'phase': self._state['phase'],
                  'phase_done': self._state['done'], 'phase_total': self._state['total'],
                  'bundle_id': self._published, 'episodes_known': len(self._known),
                  'child_pid': self._link.pid, 'child_restarts': self._link.restarts}
        self._metrics.publish(values_to_message('trainer', values, self.now_stamp()))
        if self._link.pid and not self._failure:
            self.report(Level.OK, self._progress(), part=PART, **values)

    def _progress(self) -> str:
        """Return how far learning is, in words that seldom change."""
        phase, values = self._state['phase'], self._state['values']
        if phase == 'starting':
            return f'starts the learning process ({self._link.pid})'
        if values.get('models', 0):
            return 'learns; models are published'
        return ('waits for enough pictures' if phase in ('wait', 'ready')
                else 'first training, before the first model')


def main() -> None:
    """Run the node."""
    run(TrainerNode)


if __name__ == '__main__':
    main()
