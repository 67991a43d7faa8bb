"""The folder of a training run: `runs/<name>/`. Its files, and when it may be used. No torch.

- config.yaml: the recipe as it was used; `rig_ros train` accepts it again.
- metrics.csv: a row for each episode and for each evaluation (distances in metres).
- checkpoint.safetensors: everything to go on from, replay included.
- bundle.safetensors: the model.
- report.html, report.json; figures.json: the figures of the last evaluation; pictures/: the
  report's figures as PNG.
"""

from __future__ import annotations

import csv
import dataclasses
import io
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from rig_ros.errors import ConfigError, DataError
from rig_ros.learning.bundle_file import write_atomically


class RunFiles:
    """Paths of one run, and its table of metrics."""

    def __init__(self, directory: Path) -> None:
        """Name the files; touches nothing."""
        self.directory = directory
        self.config = directory / 'config.yaml'
        self.metrics = directory / 'metrics.csv'
        self.checkpoint = directory / 'checkpoint.safetensors'
        self.bundle = directory / 'bundle.safetensors'
        self._rows: list[dict[str, float]] = []
        self._columns: list[str] = []

    def picture(self, title: str) -> Path:
        """Return where the report's figure of that title is kept as PNG."""
        return self.directory / 'pictures' / f'{title.lower().replace(" ", "-")}.png'

    @property
    def rows(self) -> list[dict[str, float]]:
        """Metrics so far, in order of steps."""
        return self._rows

    def create(self, config: Any) -> None:
        """Make the folder of a new run and write its recipe (a dataclass).

        Raises:
            ConfigError: the folder is in use.
        """
        if self.directory.exists() and any(self.directory.iterdir()):
            raise ConfigError(f'run folder: got {self.directory}, which is not empty, allowed: a '
                              'new name; choose another --run, or go on with --resume')
        self.directory.mkdir(parents=True, exist_ok=True)
        plain = json.loads(json.dumps(dataclasses.asdict(config)))
        self.config.write_text(yaml.safe_dump(plain, sort_keys=False), encoding='utf-8')

    def require_resumable(self) -> None:
        """Check that there is something to go on from.

        Raises:
            ConfigError: no such run, or none of its checkpoints was written.
        """
        for path in (self.config, self.checkpoint):
            if not path.is_file():
                raise ConfigError(f'--resume: {path} does not exist, allowed: a run that reached '
                                  'its first checkpoint; start it without --resume')

    def reload_metrics(self, up_to_steps: int, *, write: bool = True) -> None:
        """Read the metrics back, forgetting rows after a checkpoint, in the file too if `write`.

        Raises:
            DataError: the table is damaged.
        """
        if not self.metrics.is_file():
            return
        try:
            with self.metrics.open(newline='', encoding='utf-8') as stream:
                rows = [{key: float(value) for key, value in row.items() if value}
                        for row in csv.DictReader(stream)]
            self._rows = [row for row in rows if row['env_steps'] <= up_to_steps]
        except (ValueError, KeyError, TypeError) as error:
            raise DataError(f'{self.metrics}: is damaged ({error!r}); delete it to go on without '
                            'the earlier figures') from error
        self._columns = list(dict.fromkeys(key for row in self._rows for key in row))
        if write:
            self._write_all()

    def add(self, row: Mapping[str, float]) -> None:
        """Append a row; a metric that is new becomes a new column."""
        self._rows.append(dict(row))
        new = [key for key in row if key not in self._columns]
        if new:
            self._columns += new
            self._write_all()
            return
        with self.metrics.open('a', newline='', encoding='utf-8') as stream:
            csv.DictWriter(stream, self._columns).writerow(row)

    def _write_all(self) -> None:
        stream = io.StringIO(newline='')
        writer = csv.DictWriter(stream, self._columns)
        writer.writeheader()
        writer.writerows(self._rows)
        write_atomically(self.metrics, stream.getvalue().encode())

    def series(self, name: str) -> tuple[list[float], list[float]]:
        """Return (environment steps, values) of a metric, where it was measured."""
        rows = [row for row in self._rows if name in row]
        return [row['env_steps'] for row in rows], [row[name] for row in rows]
