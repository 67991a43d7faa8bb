"""How much may still be recorded: by the disk, and by a budget of the run's folder. Bytes."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from rig_ros.episodes.append_file import MIB, free_bytes
from rig_ros.errors import HardwareError


class Space:
    """Knows the folder's size without walking it for each question."""

    def __init__(self, min_free_mib: int = 200, budget_mib: int = 0,
                 free: Callable[[Path], int] = free_bytes) -> None:
        """Remember the limits.

        Args:
            min_free_mib: an episode is not begun with less space on the disk.
            budget_mib: nor when the folder holds more; 0 for any.
            free: free bytes of the disk of a folder.
        """
        self._min_free, self._budget, self._free = min_free_mib * MIB, budget_mib * MIB, free
        self.used = 0
        """In finished recordings, by the last survey and what was added since."""

    def survey(self, folder: Path) -> None:
        """Measure what the folder holds, the bin included."""
        self.used = sum(p.stat().st_size for p in folder.rglob('*') if p.is_file())

    def add(self, size: int) -> None:
        """Note a finished recording."""
        self.used += size

    def left(self, folder: Path) -> int:
        """Return how much may still be recorded before an episode is refused, at least 0."""
        by_budget = self._budget - self.used if self._budget else sys.maxsize
        return max(0, min(self._free(folder) - self._min_free, by_budget))

    def require(self, folder: Path) -> None:
        """Check that an episode may begin.

        Raises:
            HardwareError: too little free disk, or the budget is used up.
        """
        free = self._free(folder)
        if free < self._min_free:
            raise HardwareError(
                f'{folder}: {free // MIB} MiB free, allowed: at least {self._min_free // MIB} MiB '
                'to begin an episode; free space, or set `directory` to another disk or '
                '`min_free_mib` lower')
        if self._budget and self.used >= self._budget:
            self.survey(folder)  # someone may have made room
        if self._budget and self.used >= self._budget:
            raise HardwareError(
                f'{folder}: holds {self.used // MIB} MiB, allowed: {self._budget // MIB} MiB '
                '(`budget_mib`); move recordings away, empty the bin, or set it higher')
