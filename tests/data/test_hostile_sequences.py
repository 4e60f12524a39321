"""What text can be in the worst case, through the commands: a right answer, or a clear refusal.

A sentence of padding, an empty text, an unknown symbol. Series are in test_hostile_series.py.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpcli
from bpcli.__main__ import main
from tests.data.hostile import NET, measured, predicted, refused, trained, write

LSTM = {"type": "lstm", "units": 6}
GOOD, BAD = "good nice fine", "bad sad poor"


def language(level: str = "char") -> dict[str, Any]:
    layers = [{"type": "embedding", "units": 4}, {**LSTM, "return_sequences": True}]
    source = {"type": "text", "path": "t.txt", "level": level, "steps": 8}
    return {"data": {"source": source, "batch_size": 8}, "model": {**NET, "layers": layers}}


def sentences(level: str = "word", *between: dict[str, Any], **source: Any) -> dict[str, Any]:
    layers = [{"type": "embedding", "units": 6, "mask_zero": True}, *(between or (LSTM,))]
    return {
        "data": {
            "source": {"type": "csv", "path": "s.csv", "target": "label", **source},
            "preprocess": [{"type": "tokens", "level": level}],
            "batch_size": 8,
        },
        "model": {**NET, "layers": layers},
        "optimizer": {"type": "adam", "lr": 0.05},
    }


def rows_of(texts: Sequence[str]) -> str:
    return "text,label\n" + "".join(f'"{text}",{"yes" if i % 2 else "no"}\n' for i, text in enumerate(texts))


SENTENCES = [(GOOD if i % 2 else BAD)[: 4 + i % 9] for i in range(60)]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture(scope="module")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory, language(), t_txt="the quick brown fox\n" * 30)


@pytest.fixture(scope="module")
def reader(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return trained(tmp_path_factory, sentences(missing=[]), 8, s_csv=rows_of([*SENTENCES, "", "  "]))


# --- running text -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (b"", "the text has 0 characters; rows of 8 need 9; lower data.source.steps"),
        (b"\xef\xbb\xbf", "the text has 0 characters"),
        (b"abc", "the text has 3 characters; rows of 8 need 9"),
        (bytes(range(256)), "byte 0x80 at offset 128 is not utf-8 text; set encoding"),
    ],
)
@pytest.mark.parametrize("command", ["train", "check", "data show", "evaluate", "predict"])
def test_a_text_too_short_or_no_text(
    writer: Path, here: Path, capsys: pytest.CaptureFixture[str], text: bytes, said: str, command: str
) -> None:
    write(here, language(), t_txt=text)
    use = command in ("evaluate", "predict")
    arguments = [writer, "--data", "t.txt"] if use else ["h.yaml"]
    assert said in refused(capsys, *command.split(), *arguments)


@pytest.mark.parametrize("command", ["train", "data show"])
def test_a_text_of_one_symbol_has_nothing_to_learn(
    here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    write(here, language(), t_txt="a" * 300)
    assert "only 1 different symbol of 'next'" in refused(capsys, *command.split(), "h.yaml")


def test_symbols_that_training_did_not_show(
    writer: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (here / "t.txt").write_text("ЩЩЩ ЖЖЖ \U0001f600\x00\r\n" * 9, encoding="utf-8")
    told = predicted(capsys, writer, "t.txt")
    assert len(told) == 12 and all(
        set("".join(row["prediction"])) <= set("the quick brown fox\n") for row in told
    )
    assert math.isfinite(measured(capsys, writer, "t.txt")["loss"])
    assert main(["generate", str(writer), "--prompt", "ЩЖ", "--length", "5"]) == 0
    out, err = capsys.readouterr()
    assert out.startswith("ЩЖ") and len(out) == 8 and "'Щ' 'Ж'" in err


def test_unknown_symbols_of_the_other_parts_are_counted(
    here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write(here, language(), t_txt="abcd" * 40 + "z" * 40)
    assert main(["check", "h.yaml"]) == 0
    said = capsys.readouterr().err
    assert "16 symbols of 24 in the validation part are unknown" in said
    assert "16 symbols of 16 in the test part are unknown" in said


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (
            "data.split={type: stratified}",
            "target 'next' is a sequence of symbols; use {type: chronological}",
        ),
        ("data.task=regression", "data.task: target 'next' is a sequence of symbols, a class for each step"),
        ("data.target_transform=standardize", "data.target_transform: standardize is for values"),
        ("data.target_transform=tokens", "a source of running text has a level of its own"),
        ("data.preprocess=[tokens]", "data.preprocess[0]: there is no column of text to cut into symbols"),
        ("data.per_class=3", "the target is a class for each step"),
        ("data.select={column: text, values: [a]}", "none has one cell for each row"),
    ],
)
def test_what_a_text_cannot_be_asked_for(
    here: Path, capsys: pytest.CaptureFixture[str], change: str, said: str
) -> None:
    write(here, language(), t_txt="the quick brown fox\n" * 30)
    assert said in refused(capsys, "train", "h.yaml", change)


def test_a_prompt_that_is_no_text(writer: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert "the prompt is not UTF-8 text" in refused(capsys, "generate", writer, "--prompt", "\udcff")


# --- columns of text --------------------------------------------------------------------------------


@pytest.mark.parametrize("level", ["word", "char"])
@pytest.mark.parametrize("command", ["train", "data show"])
def test_an_empty_text_is_missing_unless_it_may_be_one(
    here: Path, capsys: pytest.CaptureFixture[str], level: str, command: str
) -> None:
    write(here, sentences(level), s_csv=rows_of([*SENTENCES[:9], "", *SENTENCES[9:]]))
    said = refused(capsys, *command.split(), "h.yaml")
    assert "s.csv:11: column 'text' is missing in line 11" in said and "set missing: []" in said


def test_a_sentence_of_padding_says_nothing(
    reader: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Alone, and beside a long one: what a row means does not depend on how much padding it has."""
    (here / "p.csv").write_text(rows_of(["", "   ", GOOD, BAD]))
    (here / "q.csv").write_text(rows_of([""]))
    (here / "r.csv").write_text(rows_of([GOOD, " ".join([BAD] * 500)]))
    told = [row["probabilities"]["yes"] for row in predicted(capsys, reader, "p.csv")]
    assert told[0] == told[1] and told[2] > 0.9 > 0.1 > told[3] and told[3] < told[0] < told[2]
    assert predicted(capsys, reader, "q.csv")[0]["probabilities"]["yes"] == pytest.approx(told[0], rel=1e-5)
    beside = predicted(capsys, reader, "r.csv")[0]["probabilities"]["yes"]
    assert beside == pytest.approx(told[2], rel=1e-5)
    assert math.isfinite(measured(capsys, reader, "p.csv")["loss"])


@pytest.mark.parametrize(
    "layers",
    [
        [{"type": "bidirectional", "layer": {"type": "gru", "units": 3}}],
        [{"type": "simple_rnn", "units": 3, "reverse": True}],
        [{"type": "transformer_block", "heads": 2}, "global_avg_pool"],
        [{"type": "multi_head_attention", "heads": 2}, "global_max_pool"],
        [{**LSTM, "return_sequences": True}, "layer_norm", {"type": "gru", "units": 3}],
    ],
    ids=lambda layers: layers[0]["type"],
)
@pytest.mark.parametrize("texts", [["", *SENTENCES], [""] * 30], ids=["one", "all"])
def test_layers_on_nothing_but_padding(here: Path, layers: list[Any], texts: list[str]) -> None:
    write(here, sentences("word", *layers, missing=[]), s_csv=rows_of(texts))
    run = bpcli.train("h.yaml", ["train.epochs=1"], runs_dir=here / "runs").run
    saved = bpcli.load(run)
    assert np.isfinite(saved.model.store.w).all()
    told = list(saved.predict([{"text": ""}, {"text": "never seen"}]))
    assert all(sum(row["probabilities"].values()) == pytest.approx(1, abs=1e-5) for row in told)


def test_words_that_training_did_not_show(
    reader: Path, here: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """They are all the same to the net, and so are texts that look like numbers."""
    (here / "u.csv").write_text(rows_of(["zzz good", "qqq good", "zzz", "<pad>"]))
    told = [row["probabilities"]["yes"] for row in predicted(capsys, reader, "u.csv")]
    assert told[0] == told[1] != told[2]
    (here / "n.csv").write_text("text,label\n12,yes\n13,no\n")
    numbers = [row["probabilities"]["yes"] for row in predicted(capsys, reader, "n.csv")]
    assert numbers[0] == numbers[1] == pytest.approx(told[2], rel=1e-6)


def test_numbers_are_no_text_unless_they_are_named(here: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write(here, sentences(), s_csv=rows_of([f"{i:03}" for i in range(40)]))
    assert "no column of text to cut into symbols; numbers need none" in refused(capsys, "train", "h.yaml")
    named = "data.preprocess=[{type: tokens, level: char, columns: [text]}]"
    run = bpcli.train("h.yaml", [named, "train.epochs=1"], runs_dir=here / "runs").run
    assert bpcli.load(run).pipeline.vocabularies[0][2:] == tuple("0123456789")  # as written: 007


@pytest.mark.parametrize("command", ["evaluate", "predict"])
def test_a_file_without_rows(
    reader: Path, here: Path, capsys: pytest.CaptureFixture[str], command: str
) -> None:
    (here / "e.csv").write_text("text,label\n")
    assert "the file has a header but no rows" in refused(capsys, command, reader, "--data", "e.csv")
