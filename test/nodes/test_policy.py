"""The policy node: one stamped command per latent, and silence at every doubt."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')
pytest.importorskip('torch')

import random_bundle
from model_feed import ModelFeed
from ros_bench import RosBench

from rig_ros.control import task as tasks
from rig_ros.control.action import action_to_velocity
from rig_ros.learning import bundle as bundles
from rig_ros.nodes.policy import PolicyNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import (
    array_to_image,
    empty_cloud,
    latent_to_cloud,
    stamp_ns,
    to_stamp,
    twist_to_velocity,
)
from rig_ros.ros.diagnostics import Level

ZERO, ONE = np.zeros(4, np.float32), np.ones(4, np.float32)


@pytest.fixture
def bundle_file(tmp_path: Path) -> Path:
    path = tmp_path / 'first.safetensors'
    path.write_bytes(random_bundle.content(0))
    return path


class Seat:
    """A policy node with its wires in the test's hands."""

    def __init__(self, bench: RosBench, bundle_file: Path) -> None:
        self.bench = bench
        self.model = bundles.load(bundle_file)
        self.node = bench.add(PolicyNode, bundle=str(bundle_file), seed=1, stale_s=0.5)
        self.feed = ModelFeed(bench)
        self.latents = bench.publisher(topics.LATENT)
        self.goals = bench.publisher(topics.GOAL_LATENT)
        self.commands = bench.collect(topics.POLICY_COMMAND)
        bench.connected(self.latents, self.goals)

    def goal(self, mean: np.ndarray = ONE, encoder: str = '') -> None:
        self.goals.publish(latent_to_cloud(mean, ZERO, encoder or self.model.manifest.encoder_id,
                                           to_stamp(1)))

    def latent(self, mean: np.ndarray = ZERO, encoder: str = '', age_s: float = 0.0) -> int:
        stamp = time.time_ns() - int(1e9 * age_s)
        self.latents.publish(latent_to_cloud(
            mean, ZERO, encoder or self.model.manifest.encoder_id, to_stamp(stamp)))
        return stamp

    def start(self, mode: str = 'reach', bundle_id: str | None = None) -> None:
        bundle_id = self.model.bundle_id if bundle_id is None else bundle_id
        self.feed.event('start', mode=mode, bundle_id=bundle_id)
        self.bench.until(lambda: self.node.board.level('action') is not Level.OK)

    def level(self) -> Level | None:
        return self.node.board.level('action')

    def stays_silent(self, seconds: float = 0.3) -> None:
        before = len(self.commands)
        self.bench.spin_for(seconds)
        assert len(self.commands) == before


def test_command_is_the_policys_action_with_the_pictures_stamp(bundle_file: Path) -> None:
    with RosBench() as bench:
        seat = Seat(bench, bundle_file)
        seat.start()
        seat.goal()
        stamp = seat.latent()
        bench.until(lambda: seat.commands)
        message = seat.commands[0]
        assert (stamp_ns(message.header.stamp), message.header.frame_id) == (stamp, 'base')
        expected = action_to_velocity(seat.model.act(ZERO, ONE), tasks.load('reach_xy'))
        np.testing.assert_allclose(twist_to_velocity(message), expected, atol=1e-6)
        seat.stays_silent()


def test_silent_outside_episodes(bundle_file: Path) -> None:
    with RosBench() as bench:
        seat = Seat(bench, bundle_file)
        seat.goal()
        seat.latent()
        seat.stays_silent()
        seat.feed.event('start', mode='reach', bundle_id=seat.model.bundle_id)
        bench.until(lambda: seat.latent() and seat.commands)
        seat.feed.event('end')
        bench.until(lambda: seat.node._stance.kind == 'idle')
        bench.spin_for(0.1)  # for commands under way
        seat.latent()
        seat.stays_silent()


@pytest.mark.parametrize('fault', ['foreign', 'nan', 'stale', 'empty'])
def test_bad_latent_gives_no_command_but_an_error(bundle_file: Path, fault: str) -> None:
    with RosBench() as bench:
        seat = Seat(bench, bundle_file)
        seat.start()
        seat.goal()
        if fault == 'foreign':
            seat.latent(encoder='another')
        elif fault == 'nan':
            seat.latent(np.full(4, np.nan, np.float32))
        elif fault == 'stale':
            seat.latent(age_s=1.0)
        else:
            seat.latents.publish(empty_cloud(to_stamp(time.time_ns())))
        bench.until(lambda: Level.ERROR in (seat.level(), seat.node.board.level('latent')))
        seat.stays_silent()
        assert not seat.commands


@pytest.mark.parametrize('fault', ['foreign', 'nan', 'cleared'])
def test_bad_goal_stops_commands(bundle_file: Path, fault: str) -> None:
    with RosBench() as bench:
        seat = Seat(bench, bundle_file)
        seat.start()
        seat.goal()
        seat.latent()
        bench.until(lambda: seat.commands)
        if fault == 'foreign':
            seat.goal(encoder='another')
        elif fault == 'nan':
            seat.goal(np.full(4, np.nan, np.float32))
        else:
            seat.goals.publish(empty_cloud(to_stamp(2)))
        bench.until(lambda: seat.latent() and seat.level() in (Level.WARN, Level.ERROR))
        seat.latent()
        seat.stays_silent()


def test_episode_with_another_bundle_is_refused(bundle_file: Path) -> None:
    with RosBench() as bench:
        seat = Seat(bench, bundle_file)
        seat.start(bundle_id='f' * 64)
        seat.goal()
        seat.latent()
        seat.stays_silent()
        assert seat.level() is Level.ERROR


def test_collecting_needs_pictures_only(tmp_path: Path) -> None:
    with RosBench() as bench:
        node = bench.add(PolicyNode, seed=3)
        feed, commands = ModelFeed(bench), bench.collect(topics.POLICY_COMMAND)
        images = bench.publisher(topics.CAMERA_IMAGE)
        feed.event('reset', mode='practise', bundle_id='')
        bench.connected(images)
        feed.event('start', mode='practise', bundle_id='')
        bench.until(lambda: node.board.level('action') is Level.WARN)
        stamp = time.time_ns()
        images.publish(array_to_image(np.zeros((84, 84, 3), np.uint8), to_stamp(stamp)))
        bench.until(lambda: commands)
        assert stamp_ns(commands[0].header.stamp) == stamp
        assert np.abs(twist_to_velocity(commands[0])).sum() > 0
        feed.event('reset', mode='practise', bundle_id='f' * 64)
        bench.until(lambda: images.get_subscription_count() == 0)


def test_episode_from_before_this_process_is_not_joined(bundle_file: Path) -> None:
    with RosBench() as bench:
        feed = ModelFeed(bench)
        watcher = bench.collect(topics.EPISODE_EVENTS)
        feed.event('start', mode='reach', bundle_id='')
        bench.until(lambda: watcher)
        seat = Seat(bench, bundle_file)
        seat.goal()
        seat.latent()
        seat.stays_silent()
        assert seat.node._stance.kind == 'idle'
