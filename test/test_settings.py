"""YAML to dataclasses: what is wrong is named, with what is allowed."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import pytest

from rig_ros import settings
from rig_ros.errors import ConfigError


@dataclass(frozen=True)
class Wheel:
    radius: float
    spokes: int = 8


@dataclass(frozen=True)
class Cart:
    name: str
    colour: Literal['red', 'blue'] = 'red'
    fast: bool = False
    front: Wheel = field(default_factory=lambda: Wheel(0.3))
    size: tuple[float, float] = (1.0, 2.0)
    others: tuple[Wheel, ...] = ()
    owner: str | None = None

    def __post_init__(self) -> None:
        settings.require(self.size[0] > 0, 'size', self.size, 'above 0')


def test_nested_values_lists_and_defaults():
    cart = settings.from_mapping(Cart, {
        'name': 'a', 'front': {'radius': 1}, 'size': [3, 4.5], 'others': [{'radius': 2.0}],
        'owner': None})
    assert cart == Cart('a', front=Wheel(1.0), size=(3.0, 4.5), others=(Wheel(2.0),))
    assert isinstance(cart.front.radius, float)


@pytest.mark.parametrize(('change', 'message'), [
    ({'colour': 'green'}, r"cart\.colour: got 'green', allowed: one of \['red', 'blue'\]"),
    ({'clour': 'red'}, r"cart: unknown key 'clour'; did you mean 'colour'\?"),
    ({'fast': 1}, r'cart\.fast: got 1, allowed: true or false'),
    ({'fast': 'yes'}, r"cart\.fast: got 'yes'"),
    ({'front': {'radius': True}}, r'cart\.front\.radius: got True, allowed: a number'),
    ({'front': {'radius': '2e-3'}}, r'a number, in YAML with a point: 2\.0e-3'),
    ({'front': {'radius': 1.0, 'spokes': 1.5}}, r'cart\.front\.spokes: got 1\.5.*whole number'),
    ({'front': {}}, r"cart\.front: got \"no \['radius'\]\""),
    ({'front': 7}, r'cart\.front: got 7, allowed: a mapping'),
    ({'size': [1.0]}, r'cart\.size: got \[1\.0\], allowed: 2 values'),
    ({'size': [-1, 2]}, r'cart: size: got \(-1\.0, 2\.0\), allowed: above 0'),
    ({'others': [{'radius': 'x'}]}, r"cart\.others\[0\]\.radius: got 'x'"),
    ({'name': 3}, r'cart\.name: got 3, allowed: a text'),
])
def test_a_mistake_is_named_with_its_place_and_what_is_allowed(
        change: dict[str, object], message: str):
    with pytest.raises(ConfigError, match=message):
        settings.from_mapping(Cart, {'name': 'a', **change}, 'cart')


def test_a_missing_key_is_named():
    with pytest.raises(ConfigError, match=r"no \['name'\]"):
        settings.from_mapping(Cart, {})


def test_a_file_that_is_not_there_or_not_yaml_says_so(tmp_path: Path):
    with pytest.raises(ConfigError, match=r'gone\.yaml: cannot be read'):
        settings.load(Cart, tmp_path / 'gone.yaml')
    (tmp_path / 'bad.yaml').write_text('name: [1,\nx')
    with pytest.raises(ConfigError, match=r'(?s)bad\.yaml: is not valid YAML.*line 2'):
        settings.load(Cart, tmp_path / 'bad.yaml')
    (tmp_path / 'bytes.yaml').write_bytes(b'\xff\xfe\x00\xd8')
    with pytest.raises(ConfigError, match=r'bytes\.yaml: is not valid YAML'):
        settings.load(Cart, tmp_path / 'bytes.yaml')


def test_the_files_name_is_in_the_message(tmp_path: Path):
    (tmp_path / 'cart.yaml').write_text('name: a\ncolour: green\n')
    with pytest.raises(ConfigError, match=r"^cart\.yaml\.colour: got 'green'"):
        settings.load(Cart, tmp_path / 'cart.yaml')


def test_values_are_replaced_by_dotted_names_and_checked():
    cart = Cart('a', front=Wheel(0.3), others=(Wheel(1.0),))
    changed = settings.change(cart, {'front.spokes': 6, 'size': [3, 4], 'name': 'b'})
    assert changed == Cart('b', front=Wheel(0.3, 6), size=(3.0, 4.0), others=(Wheel(1.0),))
    for wrong in ({'front.radios': 1}, {'front.radius': 'x'}, {'size': [-1, 2]}, {'back.x': 1}):
        with pytest.raises(ConfigError, match=next(iter(wrong)).rpartition('.')[2]):
            settings.change(cart, wrong)
