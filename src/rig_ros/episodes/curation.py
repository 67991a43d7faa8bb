"""Merges, splits, bins and restores recordings. A recording is never changed and never gone.

Episodes are copied whole, checked by reading every record of the copy, and appear in their new
place complete or not at all. Deleted ones lie in the folder `.bin` beside where they were; nothing
here empties it.
"""

from __future__ import annotations

import hashlib
import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rig_ros.episodes import bag_metadata
from rig_ros.episodes.append_file import sync_folder
from rig_ros.episodes.reading import BIN, episode_file, find_episodes, read_messages
from rig_ros.episodes.recovery import describe, free_name
from rig_ros.episodes.store import SUFFIX
from rig_ros.errors import DataError, HardwareError
from rig_ros.settings import require


@dataclass(frozen=True)
class Copied:
    """What became of one episode that was to be copied."""

    source: Path
    target: Path
    new: bool
    """False where the target held the same recording already."""


def _sha256(path: Path) -> str:
    digest = hashlib.sha256()
    with path.open('rb') as stream:
        while block := stream.read(1 << 20):
            digest.update(block)
    return digest.hexdigest()


def _held(target: Path, digest: str, name: str) -> Path | None:
    """Return the recording of that name, or that name with a number, with the same content."""
    for folder in [target / name, *sorted(target.glob(f'{name}-*'))]:
        file = folder / f'{folder.name}{SUFFIX}'
        if file.is_file() and _sha256(file) == digest:
            return file
    return None


def copy_episode(source: Path, target: Path) -> Copied:
    """Copy one recording into a folder of episodes; the same one twice changes nothing.

    A different recording of the same name keeps it; the new one gets a number behind its own.

    Raises:
        DataError: the recording is damaged; nothing is left in the target.
        HardwareError: the disk does not take it; nothing is left in the target.
    """
    file = episode_file(source)
    name = file.name.removesuffix(SUFFIX)
    held = _held(target, _sha256(file), name)
    if held is not None:
        return Copied(file, held, new=False)
    name = free_name(target, name)
    making = target / f'.{name}.tmp'
    shutil.rmtree(making, ignore_errors=True)
    try:
        making.mkdir(parents=True)
        copy = making / f'{name}{SUFFIX}'
        shutil.copyfile(file, copy)
        with copy.open('rb') as stream:
            os.fsync(stream.fileno())
        for _ in read_messages(copy):
            pass
        describe(copy)
        making.rename(target / name)
        sync_folder(target)
    except OSError as error:
        raise HardwareError(f'{target}: cannot take {file.name} ({error.strerror}); free space '
                            'or choose another folder, then run it again') from error
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return Copied(file, target / name / f'{name}{SUFFIX}', new=True)


def merge(sources: Sequence[Path], target: Path) -> list[Copied]:
    """Copy all recordings below the sources into one folder; can be repeated after a failure.

    Raises:
        DataError: a source that does not exist, holds the target, or holds a damaged recording.
        HardwareError: the disk does not take them.
    """
    for source in sources:
        if source.resolve() in (target.resolve(), *target.resolve().parents):
            raise DataError(f'target: got {target}, allowed: a folder outside {source}')
    files = [file for source in sources for file in find_episodes(source)]
    if not files:
        raise DataError(f'{[str(s) for s in sources]}: hold no finished recordings')
    return [copy_episode(file, target) for file in files]


def split(source: Path, target: Path, shares: Mapping[str, float], seed: int = 0,
          ) -> dict[str, list[Copied]]:
    """Copy the recordings below a folder into sub-folders of `target`, drawn by chance.

    Whole episodes are drawn, so that no stretch of one lies on both sides.

    Args:
        source: a folder of recordings.
        target: gets one folder per share.
        shares: weight by folder name, for example {'train': 9, 'held_out': 1}.
        seed: decides the draw.

    Raises:
        ConfigError: weights that are not above 0.
        DataError: fewer recordings than shares, or a damaged one.
    """
    require(len(shares) > 1 and all(w > 0 for w in shares.values()), 'shares', dict(shares),
            'two or more, with weights above 0')
    files = find_episodes(source)
    if len(files) < len(shares):
        raise DataError(f'{source}: holds {len(files)} recordings, allowed: at least one for each '
                        f'of {list(shares)}')
    order = np.random.default_rng(seed).permutation(len(files))
    edges = np.cumsum(list(shares.values())) / sum(shares.values()) * len(files)
    edges = np.clip(edges.round().astype(int), 1, len(files))
    result: dict[str, list[Copied]] = {}
    first = 0
    for number, (name, edge) in enumerate(zip(shares, edges)):
        left_over = len(shares) - number - 1
        last = min(max(int(edge), first + 1), len(files) - left_over)
        chosen = sorted(order[first:last])
        result[name] = [copy_episode(files[i], target / name) for i in chosen]
        first = last
    return result


def delete(path: Path) -> Path:
    """Move an episode's folder to the bin beside it; return where it lies now.

    Raises:
        DataError: not the folder or file of one episode.
    """
    folder = (path if path.is_dir() else path.parent).absolute()
    if not path.exists() or not (folder / bag_metadata.FILE_NAME).is_file():
        raise DataError(f'{path}: got no episode, allowed: the folder of one finished episode (it '
                        f'holds {bag_metadata.FILE_NAME})')
    if BIN in folder.parts:
        raise DataError(f'{path}: is in the bin already')
    bin_folder = folder.parent / BIN
    bin_folder.mkdir(exist_ok=True)
    target = bin_folder / free_name(bin_folder, folder.name)
    folder.rename(target)
    sync_folder(folder.parent)
    sync_folder(bin_folder)
    return target


def binned(root: Path) -> list[Path]:
    """Return the episode folders in the bins below a folder.

    Raises:
        DataError: no such folder.
    """
    if not root.is_dir():
        raise DataError(f'{root}: does not exist; give a recordings folder')
    return sorted(p for bin_folder in root.rglob(BIN) for p in bin_folder.iterdir())


def restore(root: Path, name: str) -> Path:
    """Move an episode out of a bin below a folder to where it was; return the place.

    Raises:
        DataError: no such episode in the bins, or one of its name is there again.
    """
    found = [p for p in binned(root) if p.name == name]
    if len(found) != 1:
        raise DataError(f'episode: got {name!r} ({len(found)} in the bins below {root}), allowed: '
                        f'one of {[p.name for p in binned(root)]}')
    target = found[0].parent.parent / name
    if target.exists():
        raise DataError(f'{target}: exists; move it away first, nothing is overwritten')
    found[0].rename(target)
    sync_folder(target.parent)
    return target
