"""Limits of the side process: read from JSON, checked one by one."""

from __future__ import annotations

import json
from dataclasses import fields

import pytest

from rig_ros.arm_side.settings import RANGES, Settings, SettingsError, from_json


def test_what_is_left_out_keeps_its_default():
    settings = from_json('{"speed": 0.05, "box_low": [0.5, -0.1, 0.1]}')
    assert settings == Settings(speed=0.05, box_low=(0.5, -0.1, 0.1))


def test_every_number_has_a_range():
    numbers = {field.name for field in fields(Settings) if isinstance(field.default, float)}
    assert set(RANGES) == numbers


@pytest.mark.parametrize('name', list(RANGES))
def test_out_of_range_is_named(name: str):
    for value in (RANGES[name][0] - 0.001, RANGES[name][1] + 0.001):
        with pytest.raises(SettingsError, match=name):
            from_json(json.dumps({name: value}))


@pytest.mark.parametrize(('text', 'part'), [
    ('', 'not JSON'), ('[]', 'JSON object'), ('{"spead": 1}', 'spead'),
    ('{"speed": "fast"}', 'speed'), ('{"speed": true}', 'speed'), ('{"speed": NaN}', 'speed'),
    ('{"box_low": [1, 2]}', 'box_low'), ('{"box_low": [0.9, 0, 0.1]}', 'box_low'),
    ('{"box_low": [0.4, -0.1, -0.2]}', 'table_z'), ('{"dry_run": 1}', 'dry_run'),
    ('{"reset_position": [0.1, 0, 0.2]}', 'reset_position')])
def test_wrong_settings_are_named(text: str, part: str):
    with pytest.raises(SettingsError, match=part):
        from_json(text)
