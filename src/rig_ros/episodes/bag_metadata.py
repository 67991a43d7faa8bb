"""The rosbag2 metadata of a recording: `metadata.yaml` and the record inside the MCAP file.

Version 9 of rosbag2's format, so that `ros2 bag info` and `ros2 bag play` take an episode folder.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

from rig_ros.episodes import schema
from rig_ros.episodes.append_file import replace_text
from rig_ros.errors import DataError

FILE_NAME = 'metadata.yaml'
VERSION = 9
_ROOT = 'rosbag2_bagfile_information'


@dataclass
class ChannelCount:
    """One topic of a file: its type and how many messages it holds."""

    topic: str
    definition: schema.Definition
    count: int = 0


@dataclass
class BagFacts:
    """What metadata tells about one file; times in nanoseconds."""

    file_name: str
    channels: list[ChannelCount] = field(default_factory=list)
    start_ns: int = 0
    end_ns: int = 0
    custom: dict[str, str] = field(default_factory=dict)

    @property
    def messages(self) -> int:
        """Messages in the file."""
        return sum(channel.count for channel in self.channels)


def _qos(topic: str) -> dict[str, Any]:
    known = schema.BY_NAME.get(schema.local_name(topic), schema.RecordedTopic('', ''))
    forever = {'sec': 9223372036, 'nsec': 854775807}
    return {
        'history': 'keep_last', 'depth': known.depth, 'reliability': 'reliable',
        'durability': 'transient_local' if known.latched else 'volatile',
        'deadline': dict(forever), 'lifespan': dict(forever), 'liveliness': 'automatic',
        'liveliness_lease_duration': dict(forever), 'avoid_ros_namespace_conventions': False,
    }


def qos_text(topic: str) -> str:
    """Return the offered quality of service as the MCAP channel carries it."""
    return str(yaml.safe_dump([_qos(topic)], sort_keys=False)).strip()


def information(facts: BagFacts) -> dict[str, Any]:
    """Return the mapping rosbag2 keeps about a recording."""
    span = {'duration': {'nanoseconds': facts.end_ns - facts.start_ns},
            'starting_time': {'nanoseconds_since_epoch': facts.start_ns}}
    topics = [{
        'topic_metadata': {
            'name': channel.topic, 'type': channel.definition.type,
            'serialization_format': schema.MESSAGE_ENCODING,
            'offered_qos_profiles': [_qos(channel.topic)],
            'type_description_hash': channel.definition.type_hash,
        },
        'message_count': channel.count,
    } for channel in facts.channels]
    return {
        'version': VERSION, 'storage_identifier': 'mcap', 'relative_file_paths': [facts.file_name],
        **span, 'message_count': facts.messages, 'topics_with_message_count': topics,
        'compression_format': '', 'compression_mode': '',
        'files': [{'path': facts.file_name, **span, 'message_count': facts.messages}],
        'custom_data': facts.custom or None, 'ros_distro': schema.DISTRO,
    }


def record_text(facts: BagFacts) -> str:
    """Return the text of the MCAP metadata record `rosbag2`."""
    return str(yaml.safe_dump(information(facts), sort_keys=False))


def custom_of(record: Mapping[str, str]) -> dict[str, str]:
    """Return the custom values in the MCAP metadata record, {} where there are none."""
    try:
        custom = yaml.safe_load(record['serialized_metadata'])['custom_data']
        return {str(key): str(value) for key, value in custom.items()}
    except (yaml.YAMLError, KeyError, TypeError, AttributeError):
        return {}


def write(folder: Path, facts: BagFacts) -> None:
    """Write `metadata.yaml` atomically."""
    text = yaml.safe_dump({_ROOT: information(facts)}, sort_keys=False)
    replace_text(folder / FILE_NAME, str(text))


def read(folder: Path) -> dict[str, Any]:
    """Return the information mapping of a recording's folder.

    Raises:
        DataError: missing or damaged file; the message points to `rig_ros recover`.
    """
    path = folder / FILE_NAME
    try:
        content = yaml.safe_load(path.read_text(encoding='utf-8'))
        information_ = content[_ROOT]
        assert information_['relative_file_paths']
    except (OSError, yaml.YAMLError, UnicodeDecodeError, KeyError, TypeError,
            AssertionError) as error:
        raise DataError(f'{path}: is missing or damaged ({type(error).__name__}); run '
                        f'`rig_ros recover {folder}`') from error
    assert isinstance(information_, dict)
    return information_
