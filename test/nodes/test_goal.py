"""The goal node: operator's and imagined goals, refusals that leave no goal, model changes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

pytestmark = pytest.mark.ros
pytest.importorskip('rclpy')
pytest.importorskip('torch')

import random_bundle
from model_feed import ModelFeed
from ros_bench import RosBench

from rig_ros.learning import bundle as bundles
from rig_ros.nodes.goal import GoalNode
from rig_ros.ros import topics
from rig_ros.ros.conversions import array_to_image, cloud_to_latent, image_to_array, to_stamp
from rig_ros.ros.diagnostics import Level


def picture(seed: int, size: int = 84) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 255, (size, size, 3), dtype=np.uint8)


@pytest.fixture
def bundle_file(tmp_path: Path) -> Path:
    path = tmp_path / 'first.safetensors'
    path.write_bytes(random_bundle.content(0))
    return path


class Desk:
    """A goal node with its wires in the test's hands."""

    def __init__(self, bench: RosBench, bundle_file: Path | None) -> None:
        self.bench = bench
        parameters: dict[str, Any] = {'bundle': str(bundle_file)} if bundle_file else {}
        self.node = bench.add(GoalNode, seed=1, **parameters)
        self.images = bench.publisher(topics.GOAL_IMAGE)
        self.latents = bench.collect(topics.GOAL_LATENT)
        self.previews = bench.collect(topics.GOAL_PREVIEW)
        bench.connected(self.images)
        bench.until(lambda: self.latents)  # the empty one at the start

    def send(self, image: np.ndarray, goal_id: int) -> None:
        self.images.publish(array_to_image(image, to_stamp(goal_id)))

    @property
    def problem(self) -> bool:
        return self.node.board.level('goal') is Level.ERROR

    def reach(self, goal_id: int) -> None:
        self.send(picture(goal_id), goal_id)
        self.bench.until(lambda: self.goal_id() == goal_id)

    def goal_id(self) -> int | None:
        """Return the newest goal's id, None when there is no goal."""
        latent = cloud_to_latent(self.latents[-1])
        return latent.stamp_ns if latent else None


def test_goal_is_encoded_with_the_stamp_of_its_picture(bundle_file: Path) -> None:
    model = bundles.load(bundle_file)
    with RosBench() as bench:
        desk = Desk(bench, bundle_file)
        assert desk.goal_id() is None
        desk.reach(77)
        latent = cloud_to_latent(desk.latents[-1])
        assert latent is not None
        assert latent.encoder_id == model.manifest.encoder_id
        np.testing.assert_allclose(latent.mean, model.encode(picture(77))[0], rtol=1e-5)
        bench.until(lambda: desk.previews)
        np.testing.assert_array_equal(image_to_array(desk.previews[-1]), picture(77))


def test_two_goals_at_once_leave_none(bundle_file: Path) -> None:
    with RosBench() as bench:
        desk = Desk(bench, bundle_file)
        desk.reach(1)
        other = bench.publisher(topics.GOAL_IMAGE)
        bench.connected(other)
        desk.send(picture(2), 2)
        other.publish(array_to_image(picture(3), to_stamp(3)))
        bench.until(lambda: desk.problem)
        bench.until(lambda: desk.goal_id() is None)
        bench.spin_for(0.5)
        assert desk.goal_id() is None
        desk.reach(4)
        assert not desk.problem


@pytest.mark.parametrize('fault', ['size', 'black', 'encoding', 'truncated'])
def test_bad_picture_leaves_no_goal_and_an_error(bundle_file: Path, fault: str) -> None:
    with RosBench() as bench:
        desk = Desk(bench, bundle_file)
        desk.reach(1)
        message = array_to_image(picture(2, 64 if fault == 'size' else 84), to_stamp(2))
        if fault == 'black':
            message = array_to_image(np.zeros((84, 84, 3), np.uint8), to_stamp(2))
        elif fault == 'encoding':
            message.encoding = 'bayer_rggb8'
        elif fault == 'truncated':
            message.data = message.data[:1000]
        desk.images.publish(message)
        bench.until(lambda: desk.problem)
        bench.until(lambda: desk.goal_id() is None)
        bench.spin_for(0.4)
        assert desk.goal_id() is None


def test_imagined_goal_has_its_decoded_picture(bundle_file: Path) -> None:
    model = bundles.load(bundle_file)
    with RosBench() as bench:
        desk = Desk(bench, bundle_file)
        assert bench.call(topics.GOAL_IMAGINE).success
        bench.until(lambda: desk.goal_id() is not None and desk.previews)
        latent = cloud_to_latent(desk.latents[-1])
        assert latent is not None
        np.testing.assert_array_equal(image_to_array(desk.previews[-1]),
                                      model.decode(latent.mean))
        assert bench.call(topics.GOAL_CLEAR).success
        bench.until(lambda: desk.goal_id() is None)


def test_imagining_without_a_model_is_refused_with_the_reason() -> None:
    with RosBench() as bench:
        Desk(bench, None)
        answer = bench.call(topics.GOAL_IMAGINE)
        assert not answer.success
        assert 'there is no model yet' in answer.message


def test_goal_is_encoded_anew_when_the_model_changes(bundle_file: Path) -> None:
    with RosBench() as bench:
        desk = Desk(bench, bundle_file)
        feed = ModelFeed(bench)
        desk.reach(9)
        bundle_id = feed.publish(5)
        feed.until_status(ready=bundle_id)
        feed.event('reset', bundle_id=bundle_id)
        encoder_id = bundles.loads(random_bundle.content(5)).manifest.encoder_id
        bench.until(lambda: desk.latents[-1].header.frame_id == encoder_id)
        assert desk.goal_id() == 9


def test_goal_sent_before_the_first_model_waits_for_it() -> None:
    with RosBench() as bench:
        desk = Desk(bench, None)
        feed = ModelFeed(bench)
        desk.send(picture(3), 3)
        bench.until(lambda: desk.node.board.level('goal') is Level.WARN)
        bundle_id = feed.publish(5)
        feed.until_status(ready=bundle_id)
        feed.event('reset', bundle_id=bundle_id)
        bench.until(lambda: desk.goal_id() == 3)
