"""A language model over byte pairs: trained, resumed, evaluated, taken over, and writing."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from typing import Any

import pytest

import bpcli
from bpcli.__main__ import main
from bpcli.data.bytepair import text_of
from bpcli.errors import DataError, UsageError
from bpcli.spec.load import load_mapping
from bpcli.train.generate import Writer
from bpcli.train.session import prepared_trainer
from bpcli.train.transfer import open_source

pytest.importorskip("tokenizers", reason="needs the extra bpe")

TEXT = "日本語の文、\U0001f600 and the naïve café.\n" * 60


def config(folder: Path, **changes: Any) -> dict[str, Any]:
    (folder / "t.txt").write_text(TEXT, encoding="utf-8")
    source = {"type": "text", "path": str(folder / "t.txt"), "level": "bpe", "merges": 8, "steps": 12}
    made: dict[str, Any] = {
        "version": 1,
        "name": "pairs",
        "data": {"source": source, "batch_size": 8},
        "model": {
            "type": "sequential",
            "head": "auto",
            "layers": [
                {"type": "embedding", "units": 8},
                {"type": "lstm", "units": 24, "return_sequences": True},
            ],
        },
        "optimizer": {"type": "adam", "lr": 0.02},
        "train": {"epochs": 25},
    }
    return made | changes


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pairs")
    return bpcli.train(config(folder), runs_dir=folder / "runs").run


def test_it_learns_and_writes_the_text(run: Path) -> None:
    saved = bpcli.load(run)
    assert saved.evaluate("test")["metrics"]["accuracy"] > 0.95
    assert saved.evaluate(data=run.parents[1] / "t.txt")["metrics"]["accuracy"] > 0.95
    written = "".join(Writer(saved).write("日本語の文", length=60, temperature=0))
    assert TEXT.startswith("日本語の文" + written[:20])


@pytest.mark.parametrize("length", range(1, 12))
def test_what_is_written_ends_with_a_whole_character(run: Path, length: int) -> None:
    """Each of these characters is three or four bytes, and few of them were merged."""
    written = list(Writer(bpcli.load(run)).write("\n", length=length, temperature=0))
    assert len(written) == length
    assert TEXT.startswith("".join(written)) and len("".join(written)) < length


@pytest.mark.parametrize("seed", range(3))
def test_the_stream_is_utf_8_whatever_is_drawn(run: Path, seed: int, monkeypatch: pytest.MonkeyPatch) -> None:
    raw = io.BytesIO()
    monkeypatch.setattr(sys, "stdout", io.TextIOWrapper(raw, encoding="utf-8", errors="strict"))
    options = ["--length", "200", "--temperature", "50", "--seed", str(seed)]
    assert main(["generate", str(run), "--prompt", "né", *options]) == 0
    sys.stdout.flush()
    assert raw.getvalue().decode("utf-8").startswith("né")


def test_no_symbol_is_unknown_and_no_prompt_is_a_line_break(run: Path) -> None:
    writer = Writer(bpcli.load(run))
    assert writer.unknown("Щ\x00ß") == []
    assert list(writer.write("Щ", length=3, seed=1))
    assert writer._labels[writer._beginning()] == "\n"


def test_half_a_character_is_no_prompt(run: Path) -> None:
    with pytest.raises(UsageError, match="not UTF-8"):
        list(Writer(bpcli.load(run)).write("\udce2", length=3))


def test_a_run_needs_no_other_file(run: Path, tmp_path: Path) -> None:
    """The merges are in its pipeline, and what it predicts are symbols as text."""
    (tmp_path / "more.txt").write_text("and the naïve café.\n" * 9, encoding="utf-8")
    told = list(bpcli.load(run).predict(tmp_path / "more.txt"))
    assert [row["row"] for row in told][:1] == [0] and len(told) > 5
    assert "the na" in text_of(told[1]["prediction"])


def test_a_resumed_run_is_the_uninterrupted_one(tmp_path: Path) -> None:
    whole = bpcli.train(config(tmp_path, train={"epochs": 3}), runs_dir=tmp_path / "a")
    half = bpcli.train(config(tmp_path, train={"epochs": 1}), runs_dir=tmp_path / "b")
    assert main(["resume", str(half.run), "train.epochs=3", "-q"]) == 0
    w = bpcli.load(whole.run).model.store.w
    assert (bpcli.load(half.run).model.store.w == w).all()


def test_merges_of_another_run_are_taken_over(run: Path, tmp_path: Path) -> None:
    made = config(tmp_path, transfer={"from": str(run), "preprocess": True})
    (tmp_path / "t.txt").write_text("and the naïve café of another text\n" * 60, encoding="utf-8")

    def started() -> Any:
        loaded = load_mapping(made, folder=tmp_path)
        return prepared_trainer(loaded, open_source(loaded, tmp_path))

    saved = bpcli.load(run)
    assert started().data.pipeline.merges == saved.pipeline.merges
    made["data"]["source"]["merges"] = 4
    with pytest.raises(DataError, match="byte pairs of 8 merges, and here there is to be at most 4"):
        started()
    made["data"]["source"] |= {"level": "char", "merges": None}
    with pytest.raises(DataError, match="here there is to be none"):
        started()


def test_rows_are_shown_as_text(tmp_path: Path) -> None:
    from bpcli.train.preview import preview

    made = config(tmp_path)
    made["data"]["shuffle"] = False
    shown = preview(load_mapping(made, folder=tmp_path), 1)
    assert shown.texts is not None
    assert TEXT.startswith(shown.texts[0].rstrip("\ufffd")) and shown.texts[0]
    assert shown.labels[0].lstrip("\ufffd")[:3] in TEXT


def test_a_column_of_text(tmp_path: Path) -> None:
    """As the transform tokens makes them: learnt on the training part, kept with the model."""
    texts = ("sauer und nicht gut,nein", "süß und gut,ja")
    rows = [f"{i} {texts[i % 2]}" for i in range(80)]
    (tmp_path / "r.csv").write_text("\n".join(["text,good", *rows, ""]), encoding="utf-8")
    made = config(tmp_path)
    made["data"] = {
        "source": {"type": "csv", "path": str(tmp_path / "r.csv"), "target": "good"},
        "preprocess": [{"type": "tokens", "level": "bpe", "merges": 30}],
        "batch_size": 8,
    }
    made["model"]["layers"] = [
        {"type": "embedding", "units": 8, "mask_zero": True},
        {"type": "lstm", "units": 8},
    ]
    outcome = bpcli.train(made, runs_dir=tmp_path / "runs")
    saved = bpcli.load(outcome.run)
    told = list(saved.predict([{"text": "81 süß und gut"}, {"text": "82 sauer und nicht gut"}, {"text": ""}]))
    assert [row["prediction"] for row in told[:2]] == ["ja", "nein"]
    assert ["Ġ", "s"] in saved.pipeline.steps[0].fitted["text"]
    assert len(list(saved.predict([{"text": "\U0001f600"}]))) == 1  # what training has never seen
