"""Feeds broken messages, files and settings to everything that reads what others wrote.

Each case must be taken or refused with an error of the project's own tree, in time. Run by hand:

    python test/fuzz/fuzzing.py --count 100000

A failure is shown with the target and the seed of its case, which `--only` and `--first` repeat.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path
from random import Random
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / 'support'))

import random_bundle
import yaml
from recorded_streams import Streams, bool_cdr, key_values_cdr

from rig_ros import resources, settings
from rig_ros.bringup import graph
from rig_ros.control import task as tasks
from rig_ros.control.task import TaskConfig
from rig_ros.episodes import bag_metadata, messages
from rig_ros.episodes.assembler import Assembler
from rig_ros.episodes.encoding import encode_twist
from rig_ros.episodes.reading import read_audit, read_messages
from rig_ros.episodes.recording import Arrival, EpisodeRecorder
from rig_ros.episodes.recovery import recover_file
from rig_ros.errors import RigError
from rig_ros.learning import bundle, bundle_file
from rig_ros.learning.config import TrainConfig
from rig_ros.learning.manifest import from_json

LIMIT_S = 10
"""A case that takes longer hangs."""
WORDS = (0, 1, 2, 3, 0x7f, 0xff, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff)
TOKENS = ('', '0', '-1', '1e999', 'nan', '.inf', 'true', 'null', '[]', '{}', '"', "'", ':', '- ',
          '\t', '\x00', '\u2028', '9' * 400, '&a [*a]', '!!python/object:os.system', '[[[[', 'x')


def mutate(content: bytes, rng: Random) -> bytes:
    """Return the bytes with one to four things wrong."""
    broken = bytearray(content)
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(broken) + 1)
        kind = rng.randrange(7)
        if kind == 0:
            del broken[at:]
        elif kind == 1:
            del broken[at:at + rng.randint(1, 64)]
        elif kind == 2:
            broken[at:at] = bytes(rng.getrandbits(8) for _ in range(rng.randint(1, 32)))
        elif kind == 3:
            word = rng.choice(WORDS).to_bytes(4, 'little')
            at -= at % 4
            broken[at:at + 4] = word
        elif kind == 4:
            broken[at:at + 8] = bytes(8)
        elif kind == 5:
            broken[at:at] = broken[:rng.randint(0, 200)]
        elif broken and at < len(broken):
            broken[at] ^= 1 << rng.randrange(8)
    return bytes(broken)


def mutate_text(text: str, rng: Random) -> str:
    """Return the text with a few tokens put in, taken out or doubled."""
    for _ in range(rng.randint(1, 4)):
        at = rng.randrange(len(text) + 1)
        text = text[:at] + rng.choice(TOKENS) + text[at + rng.choice((0, 0, 1, 5, 40)):]
    return text


class Targets:
    """What is fed; every public method is one target and takes one case's generator."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        streams = Streams(steps=3).build()
        self._messages = [*streams.messages, ('/joint_states', encode_twist(1, (0, 0, 0))),
                          ('/estop', bool_cdr(True)),
                          ('/model/manifest', key_values_cdr(1, 'model', {'bundle_id': 'a'}))]
        self._file = streams.write(folder, 'whole').path.read_bytes()
        self._metadata = (folder / 'whole' / bag_metadata.FILE_NAME).read_bytes()
        self._task = tasks.load('reach_xy')
        self._bundle = random_bundle.content()
        self._header = 8 + int.from_bytes(self._bundle[:8], 'little')
        self._yaml = {
            cls: [p.read_text(encoding='utf-8') for p in
                  sorted(resources.find('config', where).glob('*.yaml'))]
            for cls, where in ((TaskConfig, 'tasks'), (TrainConfig, 'train'))}
        self._count = 0

    def _fresh(self) -> Path:
        self._count += 1
        place = self._folder / f'case{self._count}'
        place.mkdir()
        return place

    def assembler(self, rng: Random) -> None:
        """One broken message among whole ones."""
        assembler = Assembler(self._task)
        broken = rng.randrange(len(self._messages))
        for number, (topic, cdr) in enumerate(self._messages):
            with contextlib.suppress(RigError):
                assembler.add(topic, mutate(cdr, rng) if number == broken else cdr,
                              rng.choice((0, number)))
        assembler.finish()

    def decoders(self, rng: Random) -> None:
        """Broken bytes of any topic to any decoder."""
        _, cdr = rng.choice(self._messages)
        decode: Callable[[bytes], Any] = rng.choice((
            messages.decode_image, messages.decode_twist, messages.decode_position,
            messages.decode_latent, messages.decode_key_values, messages.decode_events,
            messages.header_stamp_ns, messages.header_frame))
        decode(mutate(cdr, rng))

    def recorder(self, rng: Random) -> None:
        """A recorder that hears one broken message in an episode must still close its file."""
        recorder = EpisodeRecorder(self._fresh(), 'reach_xy', lambda _: None)
        recorder.start(0, 0.0)
        broken = rng.randrange(len(self._messages))
        for number, (topic, cdr) in enumerate(self._messages):
            sent = mutate(cdr, rng) if number == broken else cdr
            with contextlib.suppress(RigError):
                recorder.take(Arrival(topic, sent, number, number + 1), 1.0 + number)
            recorder.tick(1.0 + number)
        recorder.close()

    def files(self, rng: Random) -> None:
        """A broken recording: read strictly, restored, read again."""
        source = self._fresh() / 'e.mcap.part'
        source.write_bytes(mutate(self._file, rng))
        with contextlib.suppress(RigError):
            for _ in read_messages(source):
                pass
        read_audit(source)
        target = recover_file(source).target
        if target is not None:
            for message in read_messages(target):
                assert message.topic

    def metadata(self, rng: Random) -> None:
        """A broken metadata.yaml."""
        place = self._fresh()
        (place / bag_metadata.FILE_NAME).write_bytes(mutate(self._metadata, rng))
        bag_metadata.read(place)

    def bundle_headers(self, rng: Random) -> None:
        """A bundle whose header is broken and of the right length, or not."""
        header = mutate(self._bundle[8:self._header], rng)
        length = rng.choice((len(header), self._header - 8, rng.getrandbits(63)))
        bundle_file.read_manifest(length.to_bytes(8, 'little') + header
                                  + self._bundle[self._header:])

    def bundles(self, rng: Random) -> None:
        """A broken bundle, loaded whole."""
        content = mutate(self._bundle, rng)
        if rng.random() < 0.5:  # damage that the header's own checks cannot see
            at = rng.randrange(8, len(self._bundle))
            content = self._bundle[:at] + bytes([rng.getrandbits(8)]) + self._bundle[at + 1:]
        bundle.loads(content, 'reach_xy')

    def manifests(self, rng: Random) -> None:
        """A broken manifest text."""
        start = self._bundle.index(b'__metadata__')
        from_json(mutate_text(self._bundle[start:self._header].decode(errors='replace'), rng))

    def yaml_settings(self, rng: Random) -> None:
        """A broken task or recipe."""
        cls = rng.choice((TaskConfig, TrainConfig))
        place = self._folder / 'broken.yaml'
        place.write_text(mutate_text(rng.choice(self._yaml[cls]), rng), encoding='utf-8',
                         errors='replace')
        settings.load(cls, place)

    def deployments(self, rng: Random) -> None:
        """Broken launch arguments and settings."""
        name = rng.choice(sorted(graph.DEPLOYMENTS))
        known = sorted(graph.DEPLOYMENTS[name].__dataclass_fields__)
        texts = {rng.choice(known): rng.choice(TOKENS) for _ in range(rng.randint(0, 4))}
        chosen = graph.from_texts(name, texts)
        for spec in chosen.nodes():
            yaml.safe_load(yaml.safe_dump(graph.ros_arguments(spec, chosen)))

    def conversions(self, rng: Random) -> None:
        """Whole ROS messages whose fields contradict each other; needs rclpy's messages."""
        from diagnostic_msgs.msg import DiagnosticArray, DiagnosticStatus, KeyValue
        from sensor_msgs.msg import Image, PointCloud2, PointField

        from rig_ros.ros import conversions

        def size() -> int:
            return rng.choice((0, 1, 2, 4, 83, 84, 85, 252, 4096, 0x7fffffff, 0xffffffff))

        data = bytes(rng.choice((0, 1, 63, 252, 84 * 252, 84 * 252 + 1)))
        kind = rng.randrange(3)
        if kind == 0:
            conversions.image_to_array(Image(
                height=size(), width=size(), step=size(), data=data,
                encoding=rng.choice(('rgb8', 'bgr8', 'mono8', '', 'yuv422', 'rgb8\x00'))))
        elif kind == 1:
            fields = [PointField(name=rng.choice(('mean', 'log_variance', 'x', '')),
                                 offset=size(), datatype=rng.randrange(9), count=size())
                      for _ in range(rng.randrange(4))]
            conversions.cloud_to_latent(PointCloud2(
                height=size(), width=size(), fields=fields, point_step=size(), row_step=size(),
                data=data, is_bigendian=rng.random() < 0.5))
        else:
            values = [KeyValue(key=rng.choice(TOKENS), value=rng.choice(TOKENS))
                      for _ in range(rng.randrange(4))]
            statuses = [DiagnosticStatus(name=rng.choice(TOKENS), values=values)
                        for _ in range(rng.randrange(3))]
            conversions.message_to_values(DiagnosticArray(status=statuses))


SHARES = {'assembler': 20, 'decoders': 41, 'recorder': 1, 'files': 1, 'metadata': 1,
          'bundle_headers': 6, 'bundles': 1, 'manifests': 8, 'yaml_settings': 6,
          'deployments': 5, 'conversions': 10}
"""Cases of each target in a hundred."""


class Hang(Exception):
    """Raised when a case takes too long."""


@contextlib.contextmanager
def time_limit() -> Iterator[None]:
    """Raise `Hang` in the main thread when the block takes longer than `LIMIT_S`."""
    def ring(signum: int, frame: object) -> None:
        raise Hang(f'more than {LIMIT_S} s')

    before = signal.signal(signal.SIGALRM, ring)
    signal.alarm(LIMIT_S)
    try:
        yield
    finally:
        signal.alarm(0)
        signal.signal(signal.SIGALRM, before)


def run(name: str, first: int, count: int, folder: Path) -> tuple[Counter[str], list[str]]:
    """Run cases of one target; return how they ended, and the failures."""
    targets = Targets(folder)
    ends: Counter[str] = Counter()
    failures = []
    for seed in range(first, first + count):
        try:
            with time_limit():
                getattr(targets, name)(Random(f'{name} {seed}'))
            ends['taken'] += 1
        except RigError as error:
            ends[type(error).__name__] += 1
            if not str(error):
                failures.append(f'{name}, seed {seed}: an error without a message')
        except Exception:
            failures.append(f'{name}, seed {seed}:\n{traceback.format_exc()}')
    return ends, failures


def main() -> int:
    """Run the command line."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--count', type=int, default=2000)
    parser.add_argument('--only', choices=sorted(SHARES))
    parser.add_argument('--first', type=int, default=0, help='seed of the first case')
    chosen = parser.parse_args()
    bad = total = 0
    for name, share in SHARES.items():
        if chosen.only in (None, name):
            count = chosen.count if chosen.only else chosen.count * share // 100
            began = time.monotonic()
            with tempfile.TemporaryDirectory() as folder:
                ends, failures = run(name, chosen.first, count, Path(folder))
            total, bad = total + count, bad + len(failures)
            print(f'{name}: {count} cases in {time.monotonic() - began:.0f} s, '
                  f'{dict(ends)}, {len(failures)} failures', flush=True)
            for text in failures[:3]:
                print(text)
    print(f'{total} cases, {bad} failures')
    return 1 if bad else 0


if __name__ == '__main__':
    sys.exit(main())
