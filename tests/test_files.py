"""Writes are whole or not at all."""

from __future__ import annotations

import hashlib
import os

import pytest

from sec2sec.files import check_writable, file_sha256, write_atomically, write_json


def test_a_failed_write_leaves_the_old_file_and_no_rest(tmp_path, monkeypatch):
    path = tmp_path / "a.json"
    write_json(path, {"kept": 1})

    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(OSError, match="No space left"):
        write_atomically(path, b"new")
    assert path.read_text() == '{\n "kept": 1\n}\n'
    assert os.listdir(tmp_path) == ["a.json"]


def test_written_files_get_the_permissions_that_others_get(tmp_path):
    write_atomically(tmp_path / "ours", b"x")
    (tmp_path / "plain").write_bytes(b"x")
    assert (tmp_path / "ours").stat().st_mode == (tmp_path / "plain").stat().st_mode


def test_nan_is_not_json(tmp_path):
    with pytest.raises(ValueError):
        write_json(tmp_path / "a.json", {"x": float("nan")})
    assert os.listdir(tmp_path) == []


def test_what_cannot_be_written_is_said_before_the_work(tmp_path):
    check_writable(tmp_path / "new.json")
    with pytest.raises(OSError, match="is a folder"):
        check_writable(tmp_path)
    with pytest.raises(OSError, match="does not exist"):
        check_writable(tmp_path / "no" / "new.json")


def test_a_file_is_read_once_for_its_hash_and_anew_when_it_changed(tmp_path, monkeypatch):
    path = tmp_path / "clip.bin"
    path.write_bytes(b"one")
    read: list[str] = []
    digest = hashlib.file_digest

    def counted(file, name):
        read.append(file.name)
        return digest(file, name)

    monkeypatch.setattr(hashlib, "file_digest", counted)
    assert file_sha256(path) == file_sha256(path) == hashlib.sha256(b"one").hexdigest()
    assert len(read) == 1
    path.write_bytes(b"two!")
    assert file_sha256(path) == hashlib.sha256(b"two!").hexdigest()
    assert len(read) == 2
