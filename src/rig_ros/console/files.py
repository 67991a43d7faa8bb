"""Models and recordings that lie on this machine, for the page to choose from.

Only files below the folders given at the start are ever offered; the page names them by hash.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rig_ros.console.truth import Places, places
from rig_ros.episodes import schema
from rig_ros.episodes.messages import decode_image, decode_key_values, header_stamp_ns
from rig_ros.episodes.reading import RawMessage, find_episodes, read_messages
from rig_ros.errors import DataError, RigError
from rig_ros.learning.bundle_file import MAX_BYTES, read_content, read_manifest
from rig_ros.vision.image import Picture

MAX_MODELS = 60
CAMERA = 'camera/image'


@dataclass(frozen=True)
class ModelFile:
    """A bundle on disk."""

    path: Path
    bundle_id: str
    encoder_id: str
    task: str
    size: int
    evaluation: dict[str, Any]
    format_version: int

    @property
    def shown(self) -> dict[str, Any]:
        """What the page shows."""
        return {'bundle_id': self.bundle_id, 'task': self.task,
                'file': '/'.join(self.path.parts[-3:]), 'evaluation': self.evaluation}

    @property
    def announcement(self) -> dict[str, str]:
        """The key/values of `model/manifest`."""
        return {'bundle_id': self.bundle_id, 'encoder_id': self.encoder_id, 'task': self.task,
                'size': str(self.size), 'format_version': str(self.format_version)}


class Shelf:
    """The models below some folders; a file is read again only when it has changed."""

    def __init__(self, folders: list[Path]) -> None:
        self._folders = folders
        self._known: dict[tuple[Path, int, int], ModelFile | None] = {}

    def models(self) -> list[ModelFile]:
        """Return the usable bundles, newest first."""
        paths = {p for folder in self._folders for p in folder.rglob('*.safetensors')
                 if not p.name.startswith(('.', 'checkpoint'))}
        found: dict[str, ModelFile] = {}
        known: dict[tuple[Path, int, int], ModelFile | None] = {}
        dated = sorted(((p.stat().st_mtime_ns, p.stat().st_size, p) for p in paths if p.is_file()),
                       reverse=True)
        for changed, size, path in dated[:MAX_MODELS]:
            mark = path, changed, size
            model = self._known[mark] if mark in self._known else _read_model(path)
            known[mark] = model
            if model is not None:
                found.setdefault(model.bundle_id, model)
        self._known = known
        return list(found.values())

    def find(self, bundle_id: str) -> ModelFile:
        """Return the bundle of a hash.

        Raises:
            DataError: it is not below the folders.
        """
        for model in self.models():
            if model.bundle_id == bundle_id:
                return model
        raise DataError(f'model {bundle_id[:12] or "none"}: is not below '
                        f'{[str(f) for f in self._folders]}; start rig_ros console with --runs '
                        'FOLDER, where the run is')


def _read_model(path: Path) -> ModelFile | None:
    if path.stat().st_size > MAX_BYTES:
        return None
    try:
        content = read_content(path)
        manifest = read_manifest(content, str(path))
    except RigError:
        return None
    return ModelFile(path, hashlib.sha256(content).hexdigest(), manifest.encoder_id,
                     manifest.task, len(content), dict(manifest.evaluation),
                     manifest.format_version)


def recorded_pictures(folder: Path, count: int, rng: np.random.Generator) -> list[
        tuple[str, Picture, Places]]:
    """Return random camera pictures of finished episodes: where from, picture, true places.

    Args:
        folder: of runs or episodes.
        count: at most; one of each episode.
        rng: draws.

    Raises:
        DataError: there are no recordings.
    """
    episodes = find_episodes(folder)
    if not episodes:
        raise DataError(f'{folder}: holds no recorded episodes; record some first, or start '
                        'rig_ros console with --runs FOLDER')
    found: list[tuple[str, Picture, Places]] = []
    for index in rng.permutation(len(episodes)):
        if len(found) >= count:
            break
        try:
            messages = list(read_messages(episodes[index]))
            pictures = [m.cdr for m in messages if m.topic.endswith(CAMERA)]
            if pictures:
                number = int(rng.integers(len(pictures)))
                stamp, picture = decode_image(pictures[number])
                found.append((f'episode {episodes[index].stem}, picture {number}', picture,
                              _truth_at(stamp, messages)))
        except RigError:
            continue  # a damaged recording; rig_ros inspect tells
    return found


def _truth_at(stamp: int, messages: list[RawMessage]) -> Places:
    """Return the true places in the picture of a stamp [ns]; empty when none were recorded."""
    for message in messages:
        if message.topic.endswith(schema.GROUND_TRUTH) and header_stamp_ns(message.cdr) == stamp:
            return {name: place for status in decode_key_values(message.cdr)
                    for name, place in places(status.values).items()}
    return {}
