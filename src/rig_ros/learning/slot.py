"""The model a node uses, and how the next one takes its place. No ROS, no torch.

A bundle is announced by a manifest and delivered as bytes, in any order. It is verified, loaded
beside the active one and tried out; then it is `ready`. It becomes `active` only when a reset
event names it, so that encoder, goal and policy change together between episodes. A model that
fails in use is rolled back to the one before; publishing that one again makes it ready, too.
"""

from __future__ import annotations

import hashlib
import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from rig_ros.errors import DataError, ModelMismatch, RigError

log = logging.getLogger(__name__)


class ManifestLike(Protocol):
    """The facts of a model a slot looks at."""

    @property
    def encoder_id(self) -> str:
        """Hash of the encoder: the latent space."""


class ModelLike(Protocol):
    """A loaded model, for example `rig_ros.learning.bundle.Bundle`."""

    bundle_id: str

    @property
    def manifest(self) -> ManifestLike:
        """Verified facts."""


M = TypeVar('M', bound=ModelLike)


@dataclass(frozen=True)
class SlotStatus:
    """What a slot holds; empty texts mean none."""

    active: str = ''
    """Bundle in use."""
    active_encoder: str = ''
    """Its encoder id."""
    ready: str = ''
    """Bundle loaded and tried, waiting for the reset event that names it."""
    refused: str = ''
    """Last bundle that was not taken."""
    reason: str = ''
    """Why it was not."""


class ModelSlot(Generic[M]):
    """Holds the active, the ready and the previous model; see the module."""

    def __init__(self, load: Callable[[bytes], M], task: str) -> None:
        """Start empty.

        Args:
            load: verifies bytes, builds the model and runs it once; raises `RigError`.
            task: canonical name of the only acceptable task.
        """
        self._load = load
        self._task = task
        self._active: M | None = None
        self._ready: M | None = None
        self._overtaken: M | None = None
        """Was ready until a newer one came: a reset that names it may be on its way already."""
        self._previous: M | None = None
        self._announced: dict[str, str] = {}
        self._label = ''
        self._payload = b''
        self._wanted = ''
        self._refused = ''
        self._reason = ''

    @property
    def active(self) -> M | None:
        """The model in use."""
        return self._active

    @property
    def status(self) -> SlotStatus:
        """What to report on `model/status`."""
        return SlotStatus(
            active=self._active.bundle_id if self._active else '',
            active_encoder=self._active.manifest.encoder_id if self._active else '',
            ready=self._ready.bundle_id if self._ready else '',
            refused=self._refused, reason=self._reason)

    def adopt(self, model: M) -> None:
        """Use a model at once: the one a node starts with."""
        self._previous, self._active = self._active, model

    def announce(self, values: Mapping[str, str]) -> bool:
        """Take a manifest's key/values; return whether the active model changed."""
        self._announced = dict(values)
        return self._try_to_load()

    def receive(self, label: str, payload: bytes) -> bool:
        """Take a payload labelled with its sha256; return whether the active model changed."""
        self._label, self._payload = label, payload
        return self._try_to_load()

    def want(self, bundle_id: str) -> bool:
        """Swap to the bundle a reset event names; return whether the active model changed.

        A bundle that is not here yet is taken as soon as it is ready. An empty name changes
        nothing.
        """
        self._wanted = bundle_id
        if not bundle_id or (self._active and self._active.bundle_id == bundle_id):
            return False
        for candidate in (self._ready, self._overtaken, self._previous):
            if candidate is not None and candidate.bundle_id == bundle_id:
                self._previous, self._active = self._active, candidate
                self._ready = None if candidate is self._ready else self._ready
                self._overtaken = None
                self._refused = self._reason = ''
                log.info('bundle %s is active', bundle_id[:12])
                return True
        return False

    def fail(self, reason: str) -> None:
        """Give up the active model, which failed in use, for the one before (or none)."""
        if self._active is None:
            return
        self._refuse(self._active.bundle_id, f'failed in use: {reason}')
        self._active, self._previous = self._previous, None
        self._wanted = ''

    def _try_to_load(self) -> bool:
        bundle_id = self._announced.get('bundle_id', '')
        held = (self._active, self._ready, self._overtaken, self._previous)
        known = [model.bundle_id for model in held if model]
        if not bundle_id or self._label != bundle_id:
            return False
        payload, self._payload = self._payload, b''
        self._label = ''
        if bundle_id in known:
            for older in (self._overtaken, self._previous):
                if older is not None and bundle_id == older.bundle_id:
                    self._ready = older  # published again: somebody wants to go back
            return False
        try:
            self._verify(bundle_id, payload)
            model = self._load(payload)
            if model.manifest.encoder_id != self._announced.get('encoder_id'):
                raise ModelMismatch(f'encoder id: got {model.manifest.encoder_id}, allowed: '
                                    f"{self._announced.get('encoder_id')} as announced")
        except RigError as error:
            self._refuse(bundle_id, str(error))
            return False
        self._overtaken, self._ready = self._ready, model
        if self._refused == bundle_id:
            self._refused = self._reason = ''
        log.info('bundle %s is ready', bundle_id[:12])
        return self._wanted == bundle_id and self.want(bundle_id)

    def _verify(self, bundle_id: str, payload: bytes) -> None:
        task = self._announced.get('task', '')
        if task != self._task:
            raise ModelMismatch(f'bundle task: got {task!r}, allowed: {self._task!r}; start the '
                                'trainer with the task of the graph')
        size = self._announced.get('size', '')
        if size != str(len(payload)):
            raise DataError(f'bundle payload: got {len(payload)} bytes, allowed: {size} as '
                            'announced; it is truncated, publish it again')
        actual = hashlib.sha256(payload).hexdigest()
        if actual != bundle_id:
            raise DataError(f'bundle payload: sha256 got {actual[:12]}, allowed: '
                            f'{bundle_id[:12]} as announced; publish it again')

    def _refuse(self, bundle_id: str, reason: str) -> None:
        self._refused, self._reason = bundle_id, reason
        log.error('bundle %s refused: %s', bundle_id[:12], reason)
