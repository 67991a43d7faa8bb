"""Finds the shared folders (config/, launch/, models/, sim/) wherever the package is installed.

Order: the source tree this module lies in (a checkout or an editable install), the ament
index (colcon, apt), `sys.prefix/share/rig_ros` (pip).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path

from rig_ros.errors import ConfigError

PACKAGE = 'rig_ros'


def _candidates() -> Iterator[Path]:
    source_root = Path(__file__).resolve().parents[2]
    if (source_root / 'package.xml').is_file():
        yield source_root
    for prefix in os.environ.get('AMENT_PREFIX_PATH', '').split(os.pathsep):
        if prefix and (Path(prefix) / 'share/ament_index/resource_index/packages'
                       / PACKAGE).is_file():
            yield Path(prefix) / 'share' / PACKAGE
    yield Path(sys.prefix) / 'share' / PACKAGE


def share_directory() -> Path:
    """Return the folder that holds config/, launch/, models/ and sim/.

    Raises:
        ConfigError: when no installation holds them.
    """
    tried = list(_candidates())
    for root in tried:
        if (root / 'config').is_dir():
            return root
    raise ConfigError(
        f"shared files of {PACKAGE}: not found in {', '.join(map(str, tried))}; "
        'reinstall the package (pip install . or colcon build)')


def find(*parts: str) -> Path:
    """Return the path of a shared file, for example `find('config', 'sim.yaml')`.

    Raises:
        ConfigError: when it does not exist; the message lists what is beside it.
    """
    path = share_directory().joinpath(*parts)
    if not path.exists():
        beside = sorted(p.name for p in path.parent.iterdir()) if path.parent.is_dir() else []
        raise ConfigError(f'{path}: does not exist; available there: {beside}')
    return path
