"""What compiling needs is looked for, and what is missing is named with its remedy."""

from __future__ import annotations

import sysconfig

import pytest

from rig_ros.learning.compiler import missing_to_compile, multiplies_bf16


def test_the_compiler_is_the_one_that_cxx_names(monkeypatch):
    monkeypatch.setenv('CXX', 'no-such-compiler')
    assert "'no-such-compiler' was not found); install g++" in missing_to_compile()


def test_headers_are_needed_too(monkeypatch, tmp_path):
    monkeypatch.setenv('CXX', 'sh')
    monkeypatch.setattr(sysconfig, 'get_paths', lambda: {'include': str(tmp_path)})
    assert 'install python3-dev' in missing_to_compile()
    (tmp_path / 'Python.h').touch()
    assert missing_to_compile() == ''


@pytest.mark.parametrize(('flags', 'has'), [
    ('flags : fpu avx2 avx512f', False), ('flags : avx512f avx512_bf16', True),
    ('flags : amx_bf16 amx_tile', True), ('Features : asimd bf16 i8mm', True)])
def test_bf16_is_read_from_the_flags_of_the_processor(tmp_path, flags, has):
    (tmp_path / 'cpuinfo').write_text(flags)
    assert multiplies_bf16(tmp_path / 'cpuinfo') is has


def test_a_system_that_does_not_tell_is_taken_to_have_none(tmp_path):
    assert multiplies_bf16(tmp_path / 'absent') is False
