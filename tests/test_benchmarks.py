"""Tables of times: what they ran on, when they are stale, and that the README states nothing else. Nothing is timed here."""

import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import nn

from benchmarks import command, gpu, occlusion, readme, table, waiting
from benchmarks.table import Benchmark, Row
from experiments import provenance
from vislib.course.results import read

BENCHMARKS = command.found()
IMAGINARY = "Abacus 9 (BEADS)"
SPEED = {0: 3.0}  # in place of a clock


def rows(name: str, rounds: int) -> Iterator[Row]:
    yield {"network": name, "times as fast": table.spread([SPEED[0]] * rounds), "of them": rounds}


def other_rows(name: str, rounds: int) -> Iterator[Row]:
    yield {"network": name, "times as fast": table.spread([SPEED[0] + 0] * rounds), "of them": rounds}


FAKE = Benchmark("fake", "Fake: times as fast", rows, ("small", "large"), 5, stated=("network", "times as fast"))
CHANGED = Benchmark("fake", "Fake: times as fast", other_rows, ("small", "large"), 5, stated=FAKE.stated)


@pytest.fixture(autouse=True)
def _tests_are_code_of_the_project(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(provenance, "PACKAGES", (*provenance.PACKAGES, "tests"))
    monkeypatch.setattr(table, "processor", lambda: IMAGINARY)


def measured(benchmark: Benchmark, folder: Path, *names: str) -> list[str]:
    return list(command.measure(benchmark, names, folder=folder))


# ---- the README ----


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_a_page_states_what_the_tables_of_the_present_code_say(page: Path) -> None:
    text = page.read_text(encoding="utf-8")
    again = "run: python -m benchmarks readme (make bench, on an idle machine, measures what has become stale)"
    assert readme.written(text, BENCHMARKS, up=readme.above(page)) == text, again
    assert text.count("<!-- end -->") >= 1


def test_the_headline_is_the_range_of_the_tables_that_are_not_stale(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    measured(FAKE, tmp_path)
    monkeypatch.setattr(table, "processor", lambda: "Slide rule (LOG)")
    monkeypatch.setitem(SPEED, 0, 7.0)
    measured(FAKE, tmp_path)
    said = readme.written("<!-- headline: fake -->\n<!-- end -->", {"fake": FAKE}, tmp_path, up="../")
    assert "**3 to 7**" in said
    assert "Abacus 9 (BEADS)" in said
    assert "(../benchmarks/tables/fake/slide-rule-log.md)" in said
    assert "has not been measured" in readme.written(said, {"fake": CHANGED}, tmp_path)


@pytest.mark.parametrize("page", readme.PAGES, ids=lambda page: page.name)
def test_a_page_states_no_speed_outside_of_its_blocks(page: Path) -> None:
    assert readme.outside(page.read_text(encoding="utf-8")) == []


@pytest.mark.parametrize(
    "sentence",
    [
        "It is 5.1 times as fast.",
        "An answer takes 17 ms.",
        "In 1.05 s.",
        "Three times faster.",
        "ten times *slower* than",
    ],
)
def test_a_speed_without_a_table_is_seen(sentence: str) -> None:
    inside = "<!-- benchmark: fake -->\n\n2.5 times as fast, 3 s\n\n<!-- end -->"
    assert len(readme.outside(f"Before. {sentence} {inside} Four times as long, in one minute.")) == 1


def test_every_page_shows_its_table() -> None:
    for file in table.FOLDER.glob("*/*.json"):
        kept = read(file.stem, file.parent)
        assert file.with_suffix(".md").read_text() == table.page(BENCHMARKS[file.parent.name], kept), file
        assert file.stem == table.slug(kept["processor"])


def test_a_figure_that_no_table_has_is_refused_and_a_stale_one_goes(tmp_path: Path) -> None:
    measured(FAKE, tmp_path)
    stated = readme.written("# Title\n\n<!-- benchmark: fake -->\n<!-- end -->\n", {"fake": FAKE}, tmp_path)
    assert "| small | 3 |" in stated
    assert IMAGINARY in stated
    assert "[Fake: times as fast](benchmarks/tables/fake/abacus-9-beads.md)" in stated
    assert "of them" not in stated
    assert readme.written(stated, {"fake": FAKE}, tmp_path) == stated
    assert readme.written(stated.replace("| 3 |", "| 4 |"), {"fake": FAKE}, tmp_path) == stated
    gone = readme.written(stated, {"fake": CHANGED}, tmp_path)
    assert "python -m benchmarks.fake" in gone
    assert "| small" not in gone


# ---- tables ----


def test_each_processor_has_its_table(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(FAKE, tmp_path)
    monkeypatch.setattr(table, "processor", lambda: "Slide rule (LOG)")
    monkeypatch.setitem(SPEED, 0, 7.0)
    measured(FAKE, tmp_path)
    assert sorted(file.name for file in (tmp_path / "fake").iterdir()) == [
        "abacus-9-beads.json",
        "abacus-9-beads.md",
        "slide-rule-log.json",
        "slide-rule-log.md",
    ]
    block = readme.block(FAKE, tmp_path)
    assert block.index("| small | 3 |") < block.index("Slide rule (LOG)") < block.index("| small | 7 |")


def test_a_table_says_what_it_ran_on(tmp_path: Path) -> None:
    measured(FAKE, tmp_path)
    kept = read("abacus-9-beads", tmp_path / "fake")
    assert kept["hash"] == FAKE.hash()
    assert kept["threads"] == torch.get_num_threads()
    assert kept["versions"]["torch"] == torch.__version__.partition("+")[0]
    page = (tmp_path / "fake/abacus-9-beads.md").read_text()
    assert all(str(fact) in page for fact in (IMAGINARY, kept["commit"], kept["day"], *kept["versions"].values()))


def test_rows_of_the_same_code_stay_and_others_go(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    measured(FAKE, tmp_path)
    monkeypatch.setitem(SPEED, 0, 8.0)
    measured(FAKE, tmp_path, "large")
    kept = read("abacus-9-beads", tmp_path / "fake")["rows"]
    assert [(row["network"], row["times as fast"][0]) for row in kept] == [("small", 3.0), ("large", 8.0)]
    measured(CHANGED, tmp_path, "large")
    assert [row["network"] for row in read("abacus-9-beads", tmp_path / "fake")["rows"]] == ["large"]


def test_trying_writes_nothing_and_an_unknown_row_is_one_sentence(tmp_path: Path) -> None:
    assert "| small | 3 | 1 |" in next(command.measure(FAKE, (), trying=True, folder=tmp_path))
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ValueError, match=r"^fake has no row 'huge'; expected one of small, large\.$"):
        measured(FAKE, tmp_path, "huge")


def test_a_change_of_the_engine_makes_the_tables_that_depend_on_it_stale(tmp_path: Path) -> None:
    for package in ("vislib", "experiments", "benchmarks"):
        leave = shutil.ignore_patterns("__pycache__", "weights", "tables")
        shutil.copytree(provenance.ROOT / package, tmp_path / package, ignore=leave)
    file = tmp_path / "vislib/explain.py"
    before = file.read_text()
    after = before.replace("return logits.gather(1, target[:, None])", "return -logits.gather(1, target[:, None])")
    assert after != before
    now = {name: BENCHMARKS[name].hash() for name in ("occlusion", "gradients", "embedding")}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(provenance, "ROOT", tmp_path)
        file.write_text(after)
        then = {name: BENCHMARKS[name].hash() for name in now}
    assert {name for name in now if now[name] != then[name]} == {"occlusion", "gradients"}


@pytest.mark.parametrize(
    ("value", "cell"),
    [(0.08125, "0.0813"), (14.07, "14.1"), (1391.2, "1391"), (4.2e-7, "4.2e-07"), ([3.0, 2.0, 4.5], "3 (2 to 4.5)")],
)
def test_a_cell_has_three_digits(value: Any, cell: str) -> None:
    assert table.shown(value) == cell


# ---- what it runs on ----


@pytest.mark.parametrize(
    ("known", "level", "limits", "said"),
    [
        ({"cpu_name": "AMD EPYC 7763", "avx2": True, "avx512_bf16": False}, "AVX2", {}, "AMD EPYC 7763 (AVX2)"),
        ({"cpu_name": "Xeon", "avx512_bf16": True, "amx_bf16": True}, "AVX512", {}, "Xeon (AVX512, bf16, AMX)"),
        ({"cpu_name": "Neoverse-V1", "bf16": True}, "SVE256", {}, "Neoverse-V1 (SVE256, bf16)"),
        ({}, "DEFAULT", {"ONEDNN_MAX_CPU_ISA": "AVX2"}, "m68k (DEFAULT, ONEDNN_MAX_CPU_ISA=AVX2)"),
    ],
)
def test_a_processor_is_told(
    known: dict[str, Any], level: str, limits: dict[str, str], said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.undo()
    for limit in table.LIMITS:
        monkeypatch.delenv(limit, raising=False)
    for name, value in limits.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: known, raising=False)
    monkeypatch.setattr(torch.backends.cpu, "get_cpu_capability", lambda: level)
    monkeypatch.setattr(table, "platform", SimpleNamespace(processor=lambda: "", machine=lambda: "m68k"))
    assert table.processor() == said


def test_a_tree_with_changes_is_not_clean_but_its_tables_may_change(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(table, "ROOT", tmp_path)
    assert table.commit() == ("", False)
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    (tmp_path / "code.py").write_text("x = 1\n")
    for arguments in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *arguments], cwd=tmp_path, check=True)
    made, clean = table.commit()
    assert (len(made), clean) == (10, True)
    (tmp_path / "benchmarks/tables/fake").mkdir(parents=True)
    (tmp_path / "benchmarks/tables/fake/a.json").write_text("{}")
    assert table.commit() == (made, True)
    (tmp_path / "code.py").write_text("x = 2\n")
    assert table.commit() == (made, False)


# ---- the measurements themselves, on something tiny ----


def test_occlusion_is_compared_on_the_same_network_in_the_same_layout(monkeypatch: pytest.MonkeyPatch) -> None:
    def tiny() -> nn.Module:
        return nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU(), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 5))

    threads = torch.get_num_threads()
    monkeypatch.setitem(occlusion.CASES, "tiny", (tiny, 2, 20, [(5, 5)]))
    seen: set[tuple[int, torch.dtype, bool, bool]] = set()

    def watched(model: nn.Module, images: torch.Tensor, *_: Any, **options: Any) -> torch.Tensor:
        last = (t.is_contiguous(memory_format=torch.channels_last) for t in (images, model[0].weight))  # type: ignore[index]
        if "dtype" not in options:
            seen.add((id(model), model[0].weight.dtype, *last))  # type: ignore[index, union-attr, arg-type]
        return ways[bool(options)](model, images, *_, **options)

    ways = {False: occlusion.captum, True: occlusion.ours}
    monkeypatch.setattr(occlusion, "captum", watched)
    monkeypatch.setattr(occlusion, "ours", lambda *args, **options: watched(*args, **{"incremental": True, **options}))
    for layout in occlusion.LAYOUTS:
        seen.clear()
        found = occlusion.measure((*occlusion.network("tiny", layout), 5, 5), 8, 2)
        assert found["largest difference / largest logit"] < 1e-5
        assert {(dtype, a, b) for _, dtype, a, b in seen} == {(torch.float32, *[layout == "channels last"] * 2)}
        assert len(seen) == 1
        assert {"network", "patch / stride", *found} >= set(occlusion.BENCHMARK.stated)
        assert found["bound: multiply-adds"] > 1
    assert occlusion.best(*occlusion.network("tiny"), 5, 5)[1] in occlusion.BATCHES
    assert torch.get_num_threads() == threads


def test_without_a_gpu_its_rows_say_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for name in gpu.BENCHMARK.names:
        assert list(gpu.rows(name, 2)) == [{"network": name, "device": "no CUDA device: not measured"}]


def test_with_a_gpu_the_fastest_way_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "get_device_name", lambda: "pretended")
    asked: list[str] = []

    def measured(name: str, device: str, patch: int, stride: int, rounds: int) -> dict[str, list[float]]:
        asked.append(device)
        return {way: [1.0 + i, 2.0 + i] for i, way in enumerate(reversed(gpu.WAYS))}

    monkeypatch.setattr(gpu, "measured", measured)
    assert {row["fastest"] for row in gpu.rows("small CNN", 2)} == {"increments, bfloat16"}
    assert set(asked) == {"cuda"}


def test_each_way_on_a_device_is_measured_in_each_round(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(occlusion.CASES, "one layer", (_pooled, 1, 12, [(4, 4)]))
    times = gpu.measured("one layer", "cpu", 4, 4, 2)
    assert list(times) == list(gpu.WAYS)
    assert all(len(seconds) == 2 and min(seconds) > 0 for seconds in times.values())


def test_the_coarse_grid_has_enough_positions_and_no_more() -> None:
    for side, patch, stride in ((224, 16, 8), (224, 32, 16), (64, 8, 4), (20, 5, 5)):
        step = occlusion.coarse(torch.zeros(1, 3, side, side), patch, stride)
        assert stride <= step <= patch
        count = len(range(0, side - patch + 1, step))
        assert count == len(range(0, side - patch + 1, stride)) or count >= 8


def _pooled() -> nn.Module:
    return nn.Sequential(nn.Conv2d(3, 4, 3), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(4, 3))


def test_the_rows_of_the_small_network_stand_in_the_table() -> None:
    assert occlusion.CASES["small CNN"][3] == [(32, 16), (16, 8), (8, 4)]
    assert "small CNN" in occlusion.BENCHMARK.names


def test_an_explorer_is_moved_by_its_sliders_and_menus(capsys: pytest.CaptureFixture[str]) -> None:
    import ipywidgets as widgets

    slider = widgets.IntSlider(50, min=10, max=60)
    menu = widgets.Dropdown(options=[("one", 1), ("two", 2)])
    met: list[object] = []
    for control in (slider, menu):
        control.observe(lambda change: met.append(change["new"]), "value")
    waiting.answers(widgets.VBox([widgets.HTML("x"), widgets.HBox([slider]), menu]), 0.0)
    assert len(capsys.readouterr().out.split(",")) == 1 + len(met)
    assert {1, 2, 20, 35} <= set(met)
    waiting.answers(object(), 0.0)
    assert len(capsys.readouterr().out.split(",")) == 1
