"""Connects a node to model updates: the wires around `rig_ros.learning.slot.ModelSlot`.

Used alike by encoder, goal and policy, which therefore swap at the same reset event. Importing
this module imports torch.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import torch
from diagnostic_msgs.msg import DiagnosticArray
from std_msgs.msg import UInt8MultiArray

from rig_ros.control import task as tasks
from rig_ros.control.task import TaskConfig
from rig_ros.errors import DataError, ModelMismatch
from rig_ros.learning import bundle
from rig_ros.learning.bundle import Bundle
from rig_ros.learning.slot import ModelSlot, SlotStatus
from rig_ros.ros import topics
from rig_ros.ros.conversions import message_to_values, stamp_ns, values_to_message
from rig_ros.ros.diagnostics import Level
from rig_ros.ros.lifecycle import RigNode

torch.set_num_threads(1)


def check_fits(model: Bundle, task: TaskConfig) -> Bundle:
    """Return the model if its actions and pictures are those of the task.

    Raises:
        ModelMismatch: other axes or another picture size.
    """
    manifest = model.manifest
    for name, got, allowed in (('action axes', tuple(manifest.action_axes), task.action_names),
                               ('image size', manifest.image_size, task.image_size)):
        if got != allowed:
            raise ModelMismatch(f'bundle {model.bundle_id[:12]}: {name} got {got}, allowed: '
                                f'{allowed} as in task {task.name}; train one for this task')
    return model


class ModelWires:
    """The model of one node, kept up to date. Make it in the node's `configure`."""

    def __init__(self, node: RigNode, changed: Callable[[Bundle | None], None],
                 on_event: Callable[[dict[str, str]], None] | None = None) -> None:
        """Load the bundle of the node's parameter, if any, and wire the rest.

        Args:
            node: has the parameters `task` and `bundle`.
            changed: told the active model whenever it changes, and once by `begin`.
            on_event: told each event of the episode and its stamp (`stamp_ns`), after the swap
                that it caused.

        Raises:
            DataError, ModelMismatch: the bundle of the parameter cannot be used.
        """
        self._node = node
        self._changed = changed
        self._on_event = on_event
        self._told: SlotStatus | None = None
        self.task = tasks.load(node.settings.task)
        self.slot: ModelSlot[Bundle] = ModelSlot(
            lambda content: check_fits(bundle.loads(content, self.task.name), self.task),
            self.task.name)
        if node.settings.bundle:
            path = Path(node.settings.bundle)
            self.slot.adopt(check_fits(bundle.load(path, self.task.name), self.task))
        self._status = node.publish_on(topics.MODEL_STATUS)
        self._events = node.listen(topics.EPISODE_EVENTS, self._take_event)
        node.listen(topics.MODEL_MANIFEST, self._take_manifest)
        node.listen(topics.MODEL_PAYLOAD, self._take_payload)

    @property
    def event_source_ns(self) -> int:
        """When the event being delivered was published, on its sender's system clock."""
        return self._events.source_ns

    def begin(self) -> None:
        """Tell the node its model and the graph what it holds: the node's `activate`."""
        self._told = None
        self._after(True)

    def fail(self, error: Exception) -> None:
        """The active model failed in use: go back to the one before."""
        self.slot.fail(str(error))
        self._after(True)

    def _take_event(self, message: DiagnosticArray) -> None:
        values = message_to_values(message)
        if values.get('kind') == 'reset':
            self._after(self.slot.want(values.get('bundle_id', '')))
        if self._on_event is not None:
            self._on_event({**values, 'stamp_ns': str(stamp_ns(message.header.stamp))})

    def _take_manifest(self, message: DiagnosticArray) -> None:
        self._after(self.slot.announce(message_to_values(message)))

    def _take_payload(self, message: UInt8MultiArray) -> None:
        if not message.layout.dim:
            raise DataError('model/payload: got no label, allowed: layout.dim[0].label = sha256; '
                            'publish with the trainer node')
        self._after(self.slot.receive(message.layout.dim[0].label, message.data.tobytes()))

    def _after(self, changed: bool) -> None:
        """Pass on what changed."""
        if changed:
            self._changed(self.slot.active)
        status = self.slot.status
        if status == self._told:
            return
        self._told = status
        values = {'node': self._node.NAME, 'active': status.active,
                  'active_encoder': status.active_encoder, 'ready': status.ready,
                  'refused': status.refused, 'reason': status.reason}
        self._status.publish(values_to_message(
            self._node.NAME, values, self._node.now_stamp(), message=status.reason,
            level=2 if status.refused else 0))
        if status.refused:
            level = Level.ERROR if not status.active else Level.WARN
            text = f'bundle {status.refused[:12]} refused: {status.reason}'
        elif not status.active:
            level, text = Level.WARN, 'no model yet; waits for model/payload'
        else:
            level, text = Level.OK, f'bundle {status.active[:12]} is active'
        self._node.report(level, text, part='model', active=status.active, ready=status.ready)
