"""``python -m vislib``: what the doctor says of a sound and of a broken machine, and what fetch says when it fails."""

import re
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any
from urllib.error import URLError

import pytest
import torch

from vislib import data, models
from vislib.course import doctor as command

TITLES = ["Python", "packages", "device", "machine", "models", "photos", "forward pass"]


def _lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    captured = capsys.readouterr()
    assert captured.err == ""
    return captured.out.splitlines()


def test_a_sound_machine_is_ready(capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["doctor"]) == 0
    lines = _lines(capsys)
    assert [line[:13].strip() for line in lines[:-1]] == TITLES
    assert lines[-1] == "ready"
    said = dict(zip(TITLES, lines, strict=False))
    assert f"torch {version('torch')}, " in said["packages"]
    assert "efficientnet_lite0" in said["models"].split("(")[0]
    assert re.search(r"\d+ cores, \d+ GiB", said["machine"])
    assert re.search(r"\d+ ms with efficientnet_lite0; the cameraman is a tripod, 0\.95", said["forward pass"])


def _quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(command, "_forward", lambda: "1 ms")


@pytest.mark.parametrize(
    ("started", "program"),
    [
        ("/usr/bin/interpreting-vision", "interpreting-vision"),
        ("interpreting-vision.exe", "interpreting-vision"),
        ("/somewhere/vislib/__main__.py", "python -m vislib"),
    ],
)
def test_the_help_names_the_command_that_was_typed(
    started: str, program: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(command.sys, "argv", [started])
    with pytest.raises(SystemExit):
        command.main(["--help"])
    assert capsys.readouterr().out.startswith(f"usage: {program} ")


def test_one_broken_part_does_not_hide_the_others(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken() -> str:
        raise OSError("no photo today\nwith a second line")

    _quick(monkeypatch)
    monkeypatch.setattr(command, "_photos", broken)
    assert command.main(["doctor"]) == 1
    lines = _lines(capsys)
    assert [line[:13].strip() for line in lines[:7]] == TITLES
    assert lines[5].split() == ["photos", "problem"]
    assert lines[6].endswith("1 ms")
    assert lines[7:] == ["  problem with photos: no photo today", "not ready: 1 to mend, see above"]


def test_each_problem_has_a_line(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    def missing(name: str) -> str:
        raise PackageNotFoundError(name)

    def no_words() -> str:
        raise AssertionError

    monkeypatch.setattr(command, "version", missing)
    monkeypatch.setattr(command, "_forward", no_words)
    monkeypatch.setenv("VISLIB_DEVICE", "gpu")
    monkeypatch.setitem(data.PHOTOS, "lost", data.PhotoFile("no_such_package", "x.png", ""))
    assert command.main(["doctor"]) == 1
    lines = _lines(capsys)
    assert lines[-1] == "not ready: 4 to mend, see above"
    problems = lines[7:-1]
    assert len(problems) == 4
    assert "torch, torchvision, timm" in problems[0]
    assert "not installed; install the course again, as its README says" in problems[0]
    assert "VISLIB_DEVICE is 'gpu'" in problems[1]
    assert "the package no_such_package is not installed; install the course again, as its README says" in problems[2]
    assert problems[3] == "  problem with forward pass: AssertionError"


def test_missing_weights_are_a_problem_and_optional_ones_are_not(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    _quick(monkeypatch)
    monkeypatch.setattr(models, "weights_file", lambda name: tmp_path / name)
    (tmp_path / "efficientnet_lite0").touch()
    assert command.main(["doctor"]) == 0
    assert "efficientnet_lite0 (not here, and not needed: efficientnet_lite1, resnet18, vgg16)" in _lines(capsys)[4]
    for name in ("efficientnet_lite1", "resnet18", "vgg16"):
        (tmp_path / name).touch()
    assert command.main(["doctor"]) == 0
    assert _lines(capsys)[4].split(None, 1)[1] == "efficientnet_lite0, efficientnet_lite1, resnet18, vgg16"
    (tmp_path / "efficientnet_lite0").unlink()
    assert command.main(["doctor"]) == 1
    assert (
        "problem with models: the weights of efficientnet_lite0 are missing; install the course again, as its README says"
        in _lines(capsys)[7]
    )


def _fetch(capsys: pytest.CaptureFixture[str], *names: str) -> tuple[int, str, str]:
    code = command.main(["fetch", *names])
    captured = capsys.readouterr()
    return code, captured.out, captured.err


def test_fetch_says_where_the_weights_are(capsys: pytest.CaptureFixture[str]) -> None:
    code, out, err = _fetch(capsys, "efficientnet_lite0")
    assert (code, err) == (0, "")
    assert out == f"efficientnet_lite0: {models.weights_file('efficientnet_lite0')}\n"


def test_fetch_fails_in_one_line(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def no_network(*_: Any, **__: Any) -> None:
        raise URLError("no network in the tests")

    monkeypatch.setenv("TORCH_HOME", str(tmp_path))
    monkeypatch.setattr(torch.hub, "_hub_dir", None)
    monkeypatch.setattr(torch.hub, "urlopen", no_network)
    for name, part in (("resnet18", "cannot be fetched"), ("resnet81", "did you mean 'resnet18'")):
        code, out, err = _fetch(capsys, name)
        assert code == 1
        assert name not in out or out.startswith("Downloading")  # which is torch's own line, before it tries
        assert part in err
        assert err.count("\n") == 1


def test_an_unknown_command_is_explained(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as caught:
        command.main(["doktor"])
    assert caught.value.code == 2
    assert "doctor" in capsys.readouterr().err
