"""YAML files to frozen dataclasses, with errors that name the key and the nearest right one.

Every YAML of the project (tasks, training) is read here. Nested dataclasses, lists as tuples,
numbers and strings are supported; validation of values belongs to each class's `__post_init__`,
which calls `require`.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import types
import typing
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeVar

import yaml

from rig_ros.errors import ConfigError

T = TypeVar('T')


def require(condition: bool, name: str, value: object, allowed: str) -> None:
    """Raise `ConfigError('<name>: got <value>, allowed: <allowed>')` unless it holds."""
    if not condition:
        raise ConfigError(f'{name}: got {value!r}, allowed: {allowed}')


def _convert(value: Any, annotation: Any, where: str) -> Any:
    origin = typing.get_origin(annotation)
    arguments = typing.get_args(annotation)
    if dataclasses.is_dataclass(annotation) and isinstance(annotation, type):
        return from_mapping(annotation, value, where)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        remaining = [a for a in arguments if a is not type(None)]
        return _convert(value, remaining[0], where)
    if origin is typing.Literal:
        require(value in arguments, where, value, f'one of {list(arguments)}')
        return value
    if origin is tuple:
        require(isinstance(value, (list, tuple)), where, value, 'a list')
        if len(arguments) == 2 and arguments[1] is Ellipsis:
            return tuple(_convert(v, arguments[0], f'{where}[{i}]') for i, v in enumerate(value))
        require(len(value) == len(arguments), where, value, f'{len(arguments)} values')
        return tuple(_convert(v, a, f'{where}[{i}]')
                     for i, (v, a) in enumerate(zip(value, arguments)))
    if origin is dict:
        require(isinstance(value, dict), where, value, 'a mapping')
        return value
    if annotation is float:
        allowed = ('a number, in YAML with a point: 2.0e-3'
                   if re.fullmatch(r'[+-]?\d+e[+-]?\d+', str(value)) else 'a number')
        require(isinstance(value, (int, float)) and not isinstance(value, bool),
                where, value, allowed)
        return float(value)
    if annotation in (int, bool, str):
        wanted = {int: 'a whole number', bool: 'true or false', str: 'a text'}[annotation]
        require(type(value) is annotation, where, value, wanted)
        return value
    raise TypeError(f'{where}: settings cannot read the annotation {annotation!r}')


def from_mapping(cls: type[T], mapping: Any, where: str = '') -> T:
    """Build a dataclass from a mapping of its field names.

    Args:
        cls: a dataclass; annotations decide the conversion.
        mapping: what YAML gave.
        where: prefix for messages, for example the file's name.

    Raises:
        ConfigError: unknown or missing key, wrong type, or a value the class refuses.
    """
    where = where or cls.__name__
    require(isinstance(mapping, dict), where, mapping, 'a mapping of settings')
    hints = typing.get_type_hints(cls)
    fields = {f.name: f for f in dataclasses.fields(cls) if f.init}  # type: ignore[arg-type]
    for key in mapping:
        if key not in fields:
            close = difflib.get_close_matches(str(key), fields, n=1)
            hint = f'; did you mean {close[0]!r}?' if close else ''
            raise ConfigError(f'{where}: unknown key {key!r}{hint} Allowed: {sorted(fields)}')
    missing = [name for name, f in fields.items() if name not in mapping
               and f.default is dataclasses.MISSING and f.default_factory is dataclasses.MISSING]
    require(not missing, where, f'no {missing}', f'all of {missing} set')
    values = {key: _convert(value, hints[key], f'{where}.{key}') for key, value in mapping.items()}
    try:
        return cls(**values)
    except ConfigError as error:
        raise ConfigError(f'{where}: {error}') from error


def read_yaml(path: Path) -> Any:
    """Return the content of one YAML file.

    Raises:
        ConfigError: when it cannot be read or is not YAML; the message names line and column.
    """
    try:
        return yaml.safe_load(path.read_text(encoding='utf-8'))
    except OSError as error:
        raise ConfigError(f'{path}: cannot be read ({error.strerror}); check the path') from error
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise ConfigError(f'{path}: is not valid YAML: {error}') from error


def load(cls: type[T], path: Path) -> T:
    """Read a YAML file into a dataclass; see `from_mapping`."""
    return from_mapping(cls, read_yaml(path), path.name)


def change(config: T, changes: Mapping[str, Any]) -> T:
    """Return a settings object with some values replaced.

    Args:
        config: a dataclass that `from_mapping` can build.
        changes: new values by dotted name, for example `{'td3.discount': 0.9}`.

    Raises:
        ConfigError: unknown name, wrong type, or a value the class refuses.
    """
    mapping = dataclasses.asdict(config)  # type: ignore[call-overload]
    for name, value in changes.items():
        *groups, last = name.split('.')
        inner = mapping
        for group in groups:
            require(isinstance(inner.get(group), dict), name, value, f'groups {list(inner)}')
            inner = inner[group]
        inner[last] = value
    return from_mapping(type(config), mapping, 'changes')
