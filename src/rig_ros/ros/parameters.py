"""A node's parameters as one frozen dataclass: declared, described, checked, named in errors.

    @dataclass(frozen=True)
    class CameraParameters(CommonParameters):
        rate_hz: float = param(10.0, 'Pictures per second [Hz].', low=1.0, high=60.0)
        source: str = param('topic', 'Where pictures come from.', one_of=('topic', 'device'))

Types: bool, int, float, str and tuples of them (`tuple[float, ...]`). Parameters are fixed when
the process starts (read-only) unless declared `live=True`. A name that is not declared is an
error, so that a misspelt key in a YAML file cannot pass unseen.
"""

from __future__ import annotations

import dataclasses
import difflib
import typing
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, TypeVar

from rcl_interfaces.msg import (
    FloatingPointRange,
    IntegerRange,
    ParameterDescriptor,
    SetParametersResult,
)
from rclpy.node import Node
from rclpy.parameter import Parameter

from rig_ros.errors import ConfigError
from rig_ros.settings import require

T = TypeVar('T', bound='CommonParameters')

BUILT_IN = ('use_sim_time', 'start_type_description_service', 'qos_overrides')
WORDS = {bool: 'true or false', int: 'a whole number', float: 'a number', str: 'a text'}
ARRAYS = {bool: Parameter.Type.BOOL_ARRAY, int: Parameter.Type.INTEGER_ARRAY,
          float: Parameter.Type.DOUBLE_ARRAY, str: Parameter.Type.STRING_ARRAY}


def param(default: Any, description: str, *, low: float | None = None, high: float | None = None,
          one_of: tuple[Any, ...] = (), live: bool = False) -> Any:
    """Describe one field of a parameter class.

    Args:
        default: its value when nobody sets it; decides nothing else.
        description: one line with the unit; shown by `ros2 param describe`.
        low: smallest number allowed, for each element of a tuple.
        high: largest number allowed.
        one_of: the only values allowed.
        live: may be changed while the node runs.
    """
    return dataclasses.field(default=default, metadata={
        'description': description, 'low': low, 'high': high, 'one_of': one_of, 'live': live})


@dataclass(frozen=True)
class CommonParameters:
    """What every node takes."""

    task: str = param('reach_xy', 'Task file in config/tasks, without its ending.')
    bundle: str = param('', 'Model to start with: a .safetensors file; empty for none.')
    autostart: bool = param(True, 'Configure and activate at once; false waits for the '
                                  'life-cycle services.')


def _element_type(annotation: Any) -> tuple[type, bool]:
    """Return the element type and whether the annotation is a tuple of them."""
    if typing.get_origin(annotation) is tuple:
        return typing.get_args(annotation)[0], True
    return annotation, False


def _convert_one(value: Any, kind: type, where: str, meta: Mapping[str, Any]) -> Any:
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        value = float(value)
    require(type(value) is kind, where, value, WORDS[kind])
    low, high, one_of = meta['low'], meta['high'], meta['one_of']
    if low is not None or high is not None:
        shown = f'{low} to {high}' if high is not None else f'at least {low}'
        shown = shown if low is not None else f'at most {high}'
        inside = (low is None or value >= low) and (high is None or value <= high)
        require(inside, where, value, shown)
    if one_of:
        require(value in one_of, where, value, f'one of {list(one_of)}')
    return value


def _require_known(names: Iterable[str], fields: Iterable[str], where: str) -> None:
    allowed = sorted(fields)
    for name in names:
        if name not in allowed:
            close = difflib.get_close_matches(name, allowed, n=1)
            hint = f' did you mean {close[0]!r}?' if close else ''
            raise ConfigError(f'{where}: unknown parameter {name!r};{hint} allowed: {allowed}')


def build(cls: type[T], values: Mapping[str, Any], where: str) -> T:
    """Return the parameter object of plain values.

    Args:
        cls: the parameter class.
        values: name to value; absent names keep their default.
        where: the node's name, for messages.

    Raises:
        ConfigError: unknown name, wrong type or a value that is not allowed.
    """
    fields = {f.name: f for f in dataclasses.fields(cls)}
    hints = typing.get_type_hints(cls)
    _require_known(values, fields, where)
    converted: dict[str, Any] = {}
    for name, value in values.items():
        kind, is_tuple = _element_type(hints[name])
        label, meta = f'{where}.{name}', fields[name].metadata
        if is_tuple:
            require(not isinstance(value, (str, bytes)) and hasattr(value, '__iter__'),
                    label, value, f'a list, each {WORDS[kind]}')
            converted[name] = tuple(_convert_one(v, kind, f'{label}[{i}]', meta)
                                    for i, v in enumerate(value))
        else:
            converted[name] = _convert_one(value, kind, label, meta)
    try:
        return cls(**converted)
    except ConfigError as error:
        raise ConfigError(f'{where}: {error}') from error


def _descriptor(field: dataclasses.Field[Any], kind: type, is_tuple: bool) -> ParameterDescriptor:
    meta = field.metadata
    descriptor = ParameterDescriptor(description=meta['description'], read_only=not meta['live'])
    if meta['one_of']:
        descriptor.additional_constraints = f"one of {list(meta['one_of'])}"
    low, high = meta['low'], meta['high']
    if not is_tuple and (low is not None or high is not None):
        if kind is float:
            descriptor.floating_point_range = [FloatingPointRange(
                from_value=float('-inf') if low is None else float(low),
                to_value=float('inf') if high is None else float(high))]
        elif kind is int:
            descriptor.integer_range = [IntegerRange(
                from_value=-2**63 if low is None else int(low),
                to_value=2**63 - 1 if high is None else int(high))]
    return descriptor


def declare(node: Node, cls: type[T], names_seen: tuple[str, ...] = ()) -> T:
    """Declare every field of `cls` on a node and return the values in force.

    The node must have been made with `automatically_declare_parameters_from_overrides=True`, which
    is how names nobody declares become visible.

    Args:
        node: the node.
        cls: the parameter class.
        names_seen: names that were given without a usable value; must be known too.

    Raises:
        ConfigError: see `build`.
    """
    overrides: dict[str, Any] = dict(node.get_parameters_by_prefix(''))
    given = {name: parameter.value for name, parameter in overrides.items()
             if name.split('.')[0] not in BUILT_IN}
    _require_known(names_seen, (f.name for f in dataclasses.fields(cls)), node.get_name())
    settings = build(cls, given, node.get_name())
    hints = typing.get_type_hints(cls)
    for field in dataclasses.fields(cls):
        kind, is_tuple = _element_type(hints[field.name])
        value = getattr(settings, field.name)
        if field.name in given:
            node.undeclare_parameter(field.name)
        descriptor = _descriptor(field, kind, is_tuple)
        if is_tuple and not value:
            node.declare_parameter(field.name, ARRAYS[kind], descriptor, ignore_override=True)
        else:
            node.declare_parameter(field.name, list(value) if is_tuple else value, descriptor,
                                   ignore_override=True)
    return settings


def check_change(settings: T, changed: list[Parameter], where: str) -> SetParametersResult:
    """Return whether live parameters may take new values, with the reason when not."""
    try:
        apply_change(settings, changed, where)
    except ConfigError as error:
        return SetParametersResult(successful=False, reason=str(error))
    return SetParametersResult(successful=True)


def apply_change(settings: T, changed: list[Parameter], where: str) -> T:
    """Return the settings with changed live parameters.

    Raises:
        ConfigError: see `build`.
    """
    names = {f.name for f in dataclasses.fields(settings)}
    values = {name: getattr(settings, name) for name in names}
    values.update({p.name: p.value for p in changed if p.name in names})
    return build(type(settings), values, where)
