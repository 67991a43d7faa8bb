"""What came of a part of `rig_ros drill data`, and the table of all."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rich.table import Table


@dataclass(frozen=True)
class Result:
    """What came of one part."""

    part: str
    trials: int
    steps: int
    """Finished steps that were at stake."""
    worst: int
    """Most steps lost in one trial."""
    allowed: int
    """How many may be lost in one trial."""
    total: int
    """Steps lost in all trials."""
    went_on: int
    """Trials after which recording or learning went on by itself."""
    note: str = ''
    """Why it was not run, or what else is to be said."""

    @property
    def passed(self) -> bool:
        """Whether nothing was lost that must not be."""
        return self.worst <= self.allowed and self.went_on == self.trials

    @property
    def line(self) -> str:
        """One line for people."""
        if not self.trials:
            return f'{self.part}: not run ({self.note})'
        return (f'{self.part}: {self.trials} times, {self.total} of {self.steps} steps lost, at '
                f'most {self.worst} at once; went on {self.went_on} times')


def table(results: list[Result]) -> Table:
    """Return the results as a table."""
    made = Table('drill', 'trials', 'steps at stake', 'lost', 'most at once', 'allowed at once',
                 'went on', 'note')
    for r in results:
        values = (r.trials, r.steps, r.total, r.worst, r.allowed, r.went_on)
        made.add_row(r.part, *(map(str, values) if r.trials else ('not run', *[''] * 5)), r.note)
    return made


def recorded(folder: Path) -> set[int]:
    """Return the stamps of all executed commands in the recordings below a folder [ns]."""
    from rig_ros.episodes.reading import command_stamps, find_episodes

    return command_stamps(find_episodes(folder))
