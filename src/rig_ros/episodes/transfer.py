"""Brings finished recordings to another machine or disk with rsync, over ssh; resumable.

Only finished episodes go. The recording goes before its `metadata.yaml`, and rsync gives a file
its name when it is whole, so that a trainer that watches the target never sees half an episode.
Nothing is deleted on either side.
"""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from rig_ros.episodes import bag_metadata
from rig_ros.episodes.reading import find_episodes
from rig_ros.errors import ConfigError, HardwareError

PARTIAL = '.rsync-partial'
SILENCE_S = 30
"""A connection that is silent for so long is given up; the next call resumes."""


@dataclass(frozen=True)
class Transferred:
    """What one call did."""

    finished: int
    """Finished recordings at the source."""
    sent: tuple[str, ...]
    """Recordings that were not at the target, or not whole there."""


def _rsync(source: Path, target: str, names: Sequence[str], shell: str) -> list[str]:
    """Send files named relative to the source; return those that were sent.

    Raises:
        ConfigError: rsync is not installed.
        HardwareError: it failed; what arrived stays, and the next call resumes.
    """
    program = shutil.which('rsync')
    if program is None:
        raise ConfigError('rsync: is not installed; install it on both machines '
                          '(apt-get install rsync)')
    command = [program, '--times', '--files-from=-', f'--partial-dir={PARTIAL}', '--mkpath',
               f'--timeout={SILENCE_S}', '--out-format=%n']
    if shell:
        command += ['--rsh', shell]
    done = subprocess.run([*command, f'{source}/', f'{target.rstrip("/")}/'], check=False,
                          input='\n'.join(names), capture_output=True, text=True)
    if done.returncode:
        reason = (done.stderr.strip().splitlines() or ['no reason given'])[0]
        raise HardwareError(f'rsync to {target}: failed with status {done.returncode} ({reason}); '
                            'check the address with `ssh`, then run it again: it resumes')
    return [line for line in done.stdout.splitlines() if line and not line.endswith('/')]


def sync(source: Path, target: str, shell: str = '') -> Transferred:
    """Send all finished recordings below a folder that the target does not have.

    Args:
        source: folder of episodes.
        target: folder, or `user@host:folder`.
        shell: the remote shell rsync uses, for example `ssh -p 2222`; '' for its own.

    Raises:
        ConfigError: rsync is not installed.
        DataError: no such folder.
        HardwareError: rsync failed.
    """
    files = [f for f in find_episodes(source) if (f.parent / bag_metadata.FILE_NAME).is_file()]
    recordings = [str(f.relative_to(source)) for f in files]
    described = [str(f.parent.relative_to(source) / bag_metadata.FILE_NAME) for f in files]
    if not files:
        return Transferred(0, ())
    sent = _rsync(source, target, recordings, shell)
    _rsync(source, target, described, shell)
    return Transferred(len(files), tuple(sent))
