"""Pictures that may become goals: captured, uploaded, drawn or imagined, not saved yet."""

from __future__ import annotations

import itertools
from dataclasses import dataclass, field

from rig_ros.console.board import Board
from rig_ros.console.truth import Places
from rig_ros.errors import DataError
from rig_ros.vision.image import Picture

MAX_PICTURES = 32


@dataclass(frozen=True)
class Candidate:
    """One picture on the tray."""

    number: int
    kind: str
    """captured, uploaded, recorded or imagined."""
    source: str
    picture: Picture
    note: str = ''
    truth: Places = field(default_factory=dict)
    """Where things were in it, when a simulation told."""


class Tray:
    """The newest pictures; the oldest go when there are too many."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._numbers = itertools.count(1)
        self._candidates: dict[int, Candidate] = {}
        self.show()

    def put(self, kind: str, source: str, picture: Picture, note: str = '',
            truth: Places | None = None) -> Candidate:
        """Lay down a picture."""
        candidate = Candidate(next(self._numbers), kind, source, picture, note, truth or {})
        self._candidates[candidate.number] = candidate
        while len(self._candidates) > MAX_PICTURES:
            del self._candidates[next(iter(self._candidates))]
        self.show()
        return candidate

    def get(self, number: object) -> Candidate:
        """Return a picture.

        Raises:
            DataError: it is not there any more.
        """
        found = self._candidates.get(number) if isinstance(number, int) else None
        if found is None:
            raise DataError(f'picture {str(number)[:20]}: is not on the tray any more; take it '
                            'again')
        return found

    def drop(self, number: object) -> None:
        """Take a picture away."""
        del self._candidates[self.get(number).number]
        self.show()

    def clear(self, kind: str) -> None:
        """Take all pictures of a kind away."""
        self._candidates = {n: c for n, c in self._candidates.items() if c.kind != kind}
        self.show()

    def show(self) -> None:
        """Tell the viewers."""
        self._board.put_json('tray', [
            {'number': c.number, 'kind': c.kind, 'source': c.source, 'note': c.note}
            for c in reversed(self._candidates.values())])
