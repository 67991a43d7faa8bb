"""What `rig_ros inspect` says about recordings."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from recorded_streams import PERIOD_NS, Streams, image_cdr, picture

from rig_ros.episodes import schema
from rig_ros.episodes.inspection import contact_sheet, inspect_episode, survey
from rig_ros.episodes.store import EpisodeWriter
from rig_ros.errors import DataError


def test_rates_and_gaps_are_of_the_recording(tmp_path: Path):
    writer = EpisodeWriter(tmp_path, 'e1')
    for number in [*range(10), *range(14, 20)]:
        stamp = number * PERIOD_NS
        writer.write('/camera/image', image_cdr(stamp, picture(number)), stamp)
    figures = inspect_episode(writer.finish().path)
    (topic,) = figures.topics
    assert (topic.count, topic.gaps) == (16, 1)
    assert topic.rate_hz == pytest.approx(10.0)
    assert topic.longest_gap_s == pytest.approx(0.5)
    assert (figures.steps, figures.outcome) == (0, 'cut')


def test_an_episode_tells_its_origin_and_goal(tmp_path: Path):
    file = Streams(steps=5).build().write(tmp_path)
    figures = inspect_episode(file.path)
    assert (figures.episode_id, figures.mode, figures.task) == ('e1', 'practise', 'reach_xy')
    assert (figures.steps, figures.segments, figures.has_goal) == (5, 1, True)
    assert figures.bytes == file.size
    assert json.loads(json.dumps(figures.as_json()))['steps'] == 5


def test_sheet_shows_goal_then_first_to_last(tmp_path: Path):
    for number in range(2):
        Streams(steps=30).build().write(tmp_path, f'e{number}')
    found = survey(tmp_path)
    sheet = contact_sheet(found.episodes)
    assert sheet.shape == (2 * 86 + 2, 10 * 86 + 2, 3)
    corners = [int(sheet[84, left + 82, 0]) for left in range(2, 860, 86)]
    assert corners[0] == 250
    assert corners[1:] == sorted(corners[1:])
    assert (corners[1], corners[-1]) == (0, 30)


def test_survey_goes_on_over_damage_and_names_the_remedy(tmp_path: Path):
    Streams().build().write(tmp_path, 'good')
    bad = Streams().build().write(tmp_path, 'bad').path
    bad.write_bytes(bad.read_bytes()[:5000])
    Streams().build().record(tmp_path, 'open').close()
    found = survey(tmp_path)
    assert [e.path.parent.name for e in found.episodes] == ['good']
    assert 'rig_ros recover' in found.damaged[str(bad)]
    assert [p.name for p in found.unfinished] == ['open.mcap.part']


def test_raises_error_if_there_is_nothing(tmp_path: Path):
    with pytest.raises(DataError, match='holds no recordings'):
        survey(tmp_path)
    with pytest.raises(DataError, match='no episode has a transition'):
        contact_sheet(())


def test_pictures_of_another_size_fit_the_sheet(tmp_path: Path):
    Streams(steps=3).build().write(tmp_path, 'a')
    streams = Streams(steps=3, size=48).build()
    streams.messages = [(t, c) for t, c in streams.messages
                        if schema.local_name(t) != schema.GOAL_PREVIEW]
    streams.write(tmp_path, 'b')
    sheet = contact_sheet(survey(tmp_path).episodes)
    assert np.all(sheet[88:172, 2:86] == 0)
