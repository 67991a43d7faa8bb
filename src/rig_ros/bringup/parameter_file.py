"""Changes values of one node in a parameter file, and leaves everything else as it was.

A parameter file is a person's: comments and order are kept. Only the plain form of
`config/nodes.yaml` is changed: the section `/**/<node>:`, in it `ros__parameters:`, in it one line
per parameter.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rig_ros import resources, settings
from rig_ros.errors import ConfigError
from rig_ros.settings import require

Value = float | int | Sequence[int]


def read(path: Path, node: str) -> dict[str, Any]:
    """Return a node's parameters in a file; empty when there is no such file or section.

    Raises:
        ConfigError: the file is not YAML.
    """
    if not path.is_file():
        return {}
    content = settings.read_yaml(path)
    section = content.get(f'/**/{node}') if isinstance(content, dict) else None
    found = section.get('ros__parameters') if isinstance(section, dict) else None
    return dict(found) if isinstance(found, dict) else {}


def write(path: Path, node: str, values: Mapping[str, Value]) -> None:
    """Set a node's parameters; a file that is not there begins as the shipped one.

    Raises:
        ConfigError: the file cannot be read or written, or is not in the plain form.
    """
    source = path if path.is_file() else resources.find('config', 'nodes.yaml')
    part = path.with_name(f'.{path.name}.part')
    try:
        lines = source.read_text(encoding='utf-8').splitlines()
        path.parent.mkdir(parents=True, exist_ok=True)
        part.write_text('\n'.join(_changed(lines, node, values)) + '\n', encoding='utf-8')
        found = read(part, node)
        wrong = [name for name, value in values.items() if found.get(name) != _plain(value)]
        require(not wrong, str(path), wrong,
                'the plain form of config/nodes.yaml; write these by hand')
        os.replace(part, path)
    except OSError as error:
        raise ConfigError(f'{path}: cannot be written ({error.strerror}); check the folder'
                          ) from error
    finally:
        part.unlink(missing_ok=True)


def _plain(value: Value) -> Any:
    return list(value) if isinstance(value, Sequence) else value


def _changed(lines: list[str], node: str, values: Mapping[str, Value]) -> list[str]:
    """Return the lines with the values in the node's section, which is added if missing."""
    begin = next((i for i, line in enumerate(lines) if line.startswith(f'/**/{node}:')), None)
    if begin is None:
        new = [f'    {name}: {_plain(value)}' for name, value in values.items()]
        return [*lines, '', f'/**/{node}:', '  ros__parameters:', *new]
    after = next((i for i in range(begin + 1, len(lines)) if re.match(r'[^\s#]', lines[i])),
                 len(lines))
    end = 1 + max(i for i in range(begin, after) if i == begin or re.match(r'\s+\S', lines[i]))
    section = lines[begin:end]
    for name, value in values.items():
        key = re.compile(rf'(\s+){name}:\s*([^#]*?)(\s*#.*)?$')
        place = next((i for i, line in enumerate(section) if key.match(line)), None)
        if place is None:
            section.append(f'    {name}: {_plain(value)}')
            continue
        match = key.match(section[place])
        assert match is not None
        start, comment = f'{match[1]}{name}: {_plain(value)}', (match[3] or '').strip()
        column = max(len(section[place]) - len(comment), len(start) + 2)
        section[place] = start.ljust(column) + comment if comment else start
    return [*lines[:begin], *section, *lines[end:]]
