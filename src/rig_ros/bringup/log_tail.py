"""Reads what is appended to a node's log and picks out what a person must see."""

from __future__ import annotations

import re
from pathlib import Path

PROBLEM = re.compile(r'^\[(WARN|WARNING|ERROR|FATAL)\](?: \[[^\]]*\])*:? (?P<text>.*)')
"""What rclpy, the node runner and Python's logging write; time and logger's name are left out."""
LAST_LINES = 200


class LogTail:
    """The lines of one log file, from its end when this object was made."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._offset = path.stat().st_size if path.exists() else 0
        self._rest = ''
        self._start = self._offset

    def problems(self) -> list[str]:
        """Return the warnings and errors written since the last call, without their prefix."""
        if not self._path.exists() or self._path.stat().st_size <= self._offset:
            return []
        with self._path.open('rb') as log:
            log.seek(self._offset)
            new = log.read()
        self._offset += len(new)
        *lines, self._rest = (self._rest + new.decode('utf-8', 'replace')).split('\n')
        matches = (PROBLEM.match(line) for line in lines)
        return [f'{match[1]} {match["text"]}' for match in matches if match]

    def last_words(self) -> str:
        """Return the line that best explains a death: the last problem, or else the last line."""
        if not self._path.exists():
            return 'none'
        with self._path.open('rb') as log:
            log.seek(self._start)
            text = log.read().decode('utf-8', 'replace')
        lines = [line.strip() for line in text.splitlines()[-LAST_LINES:] if line.strip()]
        for line in reversed(lines):
            match = PROBLEM.match(line)
            if match:
                return match['text']
        return lines[-1] if lines else 'none'
