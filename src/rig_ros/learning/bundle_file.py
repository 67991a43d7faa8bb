"""The bundle as a file: whole or refused, written at once or not at all. No torch.

The safetensors layout is 8 bytes of header length (little endian), a JSON header with each
tensor's place and a `__metadata__` mapping of texts, then the tensors back to back.
"""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable
from pathlib import Path

from rig_ros.errors import DataError
from rig_ros.learning.manifest import METADATA_KEY, Manifest, from_json

MAX_BYTES = 256 * 1024 * 1024
MAX_HEADER_BYTES = 8 * 1024 * 1024
FETCH_AGAIN = 'copy or train the file again'


def write_atomically(path: Path, content: bytes) -> None:
    """Write beside the target, flush to disk, then rename over it."""
    write_parts_atomically(path, [content])


def write_parts_atomically(path: Path, parts: Iterable[bytes | memoryview]) -> None:
    """As `write_atomically`, of content that comes part by part."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix=f'.{path.name}.', suffix='.part', dir=path.parent)
    try:
        with os.fdopen(handle, 'wb') as stream:
            stream.writelines(parts)
            stream.flush()
            os.fsync(stream.fileno())
        os.chmod(name, 0o644)
        os.replace(name, path)
    except BaseException:
        Path(name).unlink(missing_ok=True)
        raise
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)


def read_content(path: Path) -> bytes:
    """Return the bytes of a bundle file.

    Raises:
        DataError: absent, unreadable, or larger than any bundle.
    """
    try:
        size = path.stat().st_size
        if size <= MAX_BYTES:
            return path.read_bytes()
    except OSError as error:
        raise DataError(f'{path}: cannot be read ({error.strerror}); give the path of a '
                        '.safetensors bundle') from error
    raise DataError(f'{path}: got {size} bytes, allowed: at most {MAX_BYTES}; this is not a '
                    'bundle of rig_ros, check the path')


def read_manifest(content: bytes, where: str = 'bundle') -> Manifest:
    """Return the manifest of a bundle file's content, after checking that the file is whole.

    Raises:
        DataError: truncated, not safetensors, too large, or without a valid manifest.
        ModelMismatch: another format version.
    """
    size = len(content)
    if size > MAX_BYTES:
        raise DataError(f'{where}: got {size} bytes, allowed: at most {MAX_BYTES}; '
                        'this is not a bundle of rig_ros, check the path')
    header_size = int.from_bytes(content[:8], 'little')
    if size < 9 or header_size > MAX_HEADER_BYTES or content[8:9] != b'{':
        raise DataError(f'{where}: got {size} bytes that are not a safetensors file, allowed: '
                        'a bundle written by rig_ros train; check the path')
    if size < 8 + header_size:
        raise DataError(f'{where}: truncated inside its header, got {size} bytes, allowed: at '
                        f'least {8 + header_size}; {FETCH_AGAIN}')
    try:
        header = json.loads(content[8:8 + header_size])
        metadata = header.pop('__metadata__', {})
        end = 8 + header_size + max((t['data_offsets'][1] for t in header.values()), default=0)
    except (ValueError, KeyError, TypeError, IndexError, AttributeError) as error:
        raise DataError(f'{where}: its safetensors header is damaged ({error!r}); '
                        f'{FETCH_AGAIN}') from error
    if size != end:
        state = 'truncated' if size < end else 'longer than its header says'
        raise DataError(f'{where}: {state}, got {size} bytes, allowed: exactly {end}; '
                        f'{FETCH_AGAIN}')
    if not isinstance(metadata, dict) or METADATA_KEY not in metadata:
        raise DataError(f'{where}: a safetensors file without {METADATA_KEY!r} in its metadata; '
                        'give a bundle written by rig_ros train')
    return from_json(metadata[METADATA_KEY])
