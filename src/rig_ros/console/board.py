"""What viewers see: one entry per subject, encoded once for all; a slow viewer gets the newest.

A viewer that cannot keep up skips versions of a subject, but never a subject; nothing piles up.
"""

from __future__ import annotations

import asyncio
import json
from typing import Any

Payload = str | bytes


class Viewer:
    """The subjects that one page has not seen yet."""

    def __init__(self, board: Board) -> None:
        self._board = board
        self._waiting: dict[str, Payload] = dict(board.entries)
        self._news = asyncio.Event()
        if self._waiting:
            self._news.set()

    def offer(self, subject: str, payload: Payload) -> None:
        """Make it the newest of its subject."""
        self._waiting[subject] = payload
        self._news.set()

    async def next(self) -> Payload:
        """Wait for something new and return it, oldest subject first."""
        while not self._waiting:
            self._news.clear()
            await self._news.wait()
        return self._waiting.pop(next(iter(self._waiting)))


class Board:
    """All subjects as they are now, and who looks at them."""

    def __init__(self) -> None:
        self.entries: dict[str, Payload] = {}
        self.viewers: set[Viewer] = set()

    def join(self) -> Viewer:
        """Return a new viewer, who first gets everything."""
        viewer = Viewer(self)
        self.viewers.add(viewer)
        return viewer

    def leave(self, viewer: Viewer) -> None:
        """Forget a viewer."""
        self.viewers.discard(viewer)

    def put(self, subject: str, payload: Payload, *, lasting: bool = True) -> None:
        """Show something; unchanged texts are not sent again.

        Args:
            subject: its name.
            payload: text or bytes as sent.
            lasting: whether those who join later get it too.
        """
        if lasting:
            if self.entries.get(subject) == payload:
                return
            self.entries[subject] = payload
        for viewer in self.viewers:
            viewer.offer(subject, payload)

    def put_json(self, subject: str, content: Any, *, lasting: bool = True) -> None:
        """Show a JSON value under its subject: `{"subject": ..., "value": ...}`."""
        text = json.dumps({'subject': subject, 'value': content}, separators=(',', ':'))
        self.put(subject, text, lasting=lasting)
