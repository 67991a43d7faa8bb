"""Learning from recordings: what is read, what is refused, resuming, the bounded backlog."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest
from recorded_streams import Streams, write_recipe

from rig_ros.errors import ConfigError, DataError, ModelMismatch
from rig_ros.learning import bundle as bundles
from rig_ros.nodes.recorded_training import RecordedTraining, TrainingPlan

pytestmark = pytest.mark.timeout(120)


@pytest.fixture
def plan(tmp_path: Path) -> TrainingPlan:
    recipe = write_recipe(tmp_path / 'tiny.yaml')
    return TrainingPlan(str(tmp_path / 'run'), str(recipe), 'reach', publish_every_s=0.0,
                        max_backlog_steps=30, keep_bundles=2)


def _record(plan: TrainingPlan, number: int, steps: int = 20) -> Path:
    folder = Path(plan.directory) / 'episodes'
    streams = Streams(steps=steps, first_ns=(number + 1) * 10**11).build()
    return streams.write(folder, f'e{number}').path


def _work(training: RecordedTraining) -> None:
    while training.work():
        pass


def test_nothing_is_learnt_before_enough_steps(plan: TrainingPlan):
    training = RecordedTraining(plan)
    training.offer(_record(plan, 0))
    _work(training)
    assert (training.learner.env_steps, training.learner.ready) == (20, False)
    assert training.new_model() is None


def test_first_model_after_enough_steps_loads_and_tells_its_origin(plan: TrainingPlan):
    training = RecordedTraining(plan)
    for number in range(2):
        training.offer(_record(plan, number))
    _work(training)
    model = training.new_model()
    assert model is not None
    bundle = bundles.load(model.path, 'reach_xy')
    assert bundle.bundle_id == model.bundle_id
    assert bundle.manifest.run['env_steps'] == 40
    assert training.new_model() is None
    training.offer(_record(plan, 2))
    _work(training)
    second = training.new_model()
    assert second is not None
    assert second.bundle_id != model.bundle_id
    assert training.figures()['backlog_steps'] == 0


def test_goals_reach_the_replay_and_known_episodes_count_once(plan: TrainingPlan):
    training = RecordedTraining(plan)
    path = _record(plan, 0)
    training.offer(path)
    training.offer(path)
    _work(training)
    assert len(training.learned) == 1
    assert training.learner.replay.episodes[0].goal


def test_backlog_is_bounded_and_what_is_skipped_is_counted(plan: TrainingPlan):
    training = RecordedTraining(plan)
    for number in range(2):
        training.offer(_record(plan, number))
    _work(training)
    for number in range(2, 6):
        training.offer(_record(plan, number))
    for _ in range(4):
        training.work()
    assert (training.waiting, training.backlog_steps, training.skipped_steps) == (0, 30, 50)
    assert len(training.learner.replay) == 120
    _work(training)
    assert training.backlog_steps == 0


def test_unusable_recordings_are_refused_and_the_rest_is_learnt(plan: TrainingPlan):
    training = RecordedTraining(plan)
    cut = _record(plan, 0)
    cut.write_bytes(cut.read_bytes()[:3000])
    training.offer(cut)
    training.offer(Path(plan.directory) / 'none.mcap')
    training.offer(_record(plan, 1))
    _work(training)
    assert len(training.refused) == 2
    assert 'rig_ros recover' in training.refused[str(cut)]
    assert training.learner.env_steps == 20


def test_resume_goes_on_with_weights_replay_and_counts(plan: TrainingPlan):
    first = RecordedTraining(plan)
    for number in range(3):
        first.offer(_record(plan, number))
    _work(first)
    model = first.new_model()
    assert model is not None
    again = RecordedTraining(plan)
    assert again.figures() == first.figures()
    assert again.learner.vae.encoder_id == first.learner.vae.encoder_id == model.encoder_id
    assert (again.learner.replay.all_latents() == first.learner.replay.all_latents()).all()
    again.offer(Path(first.learned[0]))
    assert again.waiting == 0
    assert again.new_model() is None


def test_resume_goes_on_when_old_recordings_are_gone(plan: TrainingPlan):
    first = RecordedTraining(plan)
    for number in range(2):
        first.offer(_record(plan, number))
    _work(first)
    first.checkpoint()
    Path(first.learned[0]).unlink()
    again = RecordedTraining(plan)
    assert len(again.learner.replay) == 20
    again.offer(_record(plan, 5))
    _work(again)
    assert again.learner.env_steps == 60


def test_old_models_are_deleted(plan: TrainingPlan):
    training = RecordedTraining(plan)
    for number in range(5):
        training.offer(_record(plan, number))
        _work(training)
        training.new_model()
    files = sorted(p.name for p in (Path(plan.directory) / 'bundles').iterdir())
    assert files == ['000003.safetensors', '000004.safetensors']
    newest = (Path(plan.directory) / 'bundles' / files[-1]).read_bytes()
    assert (Path(plan.directory) / 'bundle.safetensors').read_bytes() == newest


def test_raises_error_if_the_recipe_is_for_other_pictures(plan: TrainingPlan, tmp_path: Path):
    recipe = write_recipe(tmp_path / 'small.yaml', image_size=48)
    with pytest.raises(ConfigError, match='48 px'):
        RecordedTraining(TrainingPlan(plan.directory, str(recipe), 'reach'))


def test_raises_error_if_the_checkpoint_is_damaged(plan: TrainingPlan):
    training = RecordedTraining(plan)
    training.checkpoint()
    path = Path(plan.directory) / 'checkpoint.safetensors'
    path.write_bytes(path.read_bytes()[:100])
    with pytest.raises(DataError, match='training state'):
        RecordedTraining(plan)


def test_raises_error_if_the_folder_belongs_to_another_task(plan: TrainingPlan):
    RecordedTraining(plan).checkpoint()
    other = dataclasses.replace(plan, task='push')
    with pytest.raises(ModelMismatch, match="'reach_xy'"):
        RecordedTraining(other)


def test_two_processes_learn_from_recordings_and_go_on_together(plan: TrainingPlan):
    plan = dataclasses.replace(plan, processes=2, device='cpu')
    for first in (0, 2):
        training = RecordedTraining(plan)
        try:
            assert training.learner.team.size == 2
            for number in range(first, first + 2):
                training.offer(_record(plan, number))
            _work(training)
            assert training.new_model() is not None
            assert training.figures()['episodes'] == first + 2
        finally:
            training.learner.team.close()
