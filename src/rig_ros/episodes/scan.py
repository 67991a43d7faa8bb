"""Walks the records of an MCAP file from the front, whole or cut.

Reads what is there and reports damage through a callback; needs neither index nor footer. Not a
query reader: recordings are small and read once, front to back.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import BinaryIO

import zstandard
from mcap.data_stream import ReadDataStream
from mcap.exceptions import McapError
from mcap.opcode import Opcode
from mcap.records import Channel, Chunk, McapRecord, Message, Metadata, Schema
from mcap.stream_reader import CRCValidationError, breakup_chunk
from mcap.writer import MCAP0_MAGIC

from rig_ros.errors import DataError

_HEADER = struct.Struct('<BQ')
_READERS: dict[int, Callable[[ReadDataStream], McapRecord]] = {
    Opcode.SCHEMA: Schema.read, Opcode.CHANNEL: Channel.read, Opcode.METADATA: Metadata.read}
_UNREADABLE = (McapError, CRCValidationError, zstandard.ZstdError, struct.error, ValueError,
               EOFError, RuntimeError, MemoryError, OverflowError)

Damage = Callable[[str], None]


def _parse(opcode: int, body: bytes) -> Iterator[McapRecord]:
    if opcode == Opcode.CHUNK:
        chunk = Chunk.read(ReadDataStream(BytesIO(body)))
        yield from breakup_chunk(chunk, validate_crc=True)
    elif opcode == Opcode.MESSAGE:
        yield Message.read(ReadDataStream(BytesIO(body)), len(body))
    elif opcode in _READERS:
        yield _READERS[opcode](ReadDataStream(BytesIO(body)))


def _cut_chunk(body: bytes) -> Iterator[McapRecord]:
    """Yield the whole records in the front part of a chunk that was cut."""
    chunk = Chunk.read(ReadDataStream(BytesIO(body)))
    content = chunk.data
    if chunk.compression == 'zstd':
        content = zstandard.ZstdDecompressor().decompressobj().decompress(content)
    elif chunk.compression:
        return
    position = 0
    while position + _HEADER.size <= len(content):
        opcode, length = _HEADER.unpack_from(content, position)
        position += _HEADER.size
        if position + length > len(content):
            return
        yield from _parse(opcode, content[position:position + length])
        position += length


def _records(file: BinaryIO, size: int, damage: Damage) -> Iterator[McapRecord]:
    if file.read(len(MCAP0_MAGIC)) != MCAP0_MAGIC:
        damage('it does not begin as an MCAP file does')
        return
    while True:
        offset = file.tell()
        header = file.read(_HEADER.size)
        if len(header) < _HEADER.size:
            damage(f'it is cut at byte {size}')
            return
        opcode, length = _HEADER.unpack(header)
        body = file.read(min(length, size))
        try:
            if len(body) < length:
                if opcode == Opcode.CHUNK:
                    yield from _cut_chunk(body)
                damage(f'it is cut at byte {size}')
                return
            yield from list(_parse(opcode, body))
        except _UNREADABLE as error:
            damage(f'the record at byte {offset} is damaged ({type(error).__name__})')
        if opcode == Opcode.DATA_END:
            break
    file.seek(max(0, size - len(MCAP0_MAGIC)))
    if file.tell() <= offset or file.read() != MCAP0_MAGIC:
        damage(f'its index is cut at byte {size}')


def scan(path: Path, damage: Damage) -> Iterator[McapRecord]:
    """Yield the schemas, channels, messages and metadata of an MCAP file, in file order.

    Args:
        path: the file.
        damage: called with each finding about bytes that cannot be used; a strict reader raises
            in it.

    Raises:
        DataError: when the file cannot be opened.
    """
    try:
        file = path.open('rb')
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}); check the path') from error
    with file:
        yield from _records(file, path.stat().st_size, damage)


def scan_messages(path: Path) -> Iterator[tuple[str, Message]]:
    """Yield topic and message of everything whole in a file, which may still be growing.

    Raises:
        DataError: when the file cannot be opened.
    """
    topics: dict[int, str] = {}
    for record in scan(path, lambda finding: None):
        if isinstance(record, Channel):
            topics[record.id] = record.topic
        elif isinstance(record, Message) and record.channel_id in topics:
            yield topics[record.channel_id], record
