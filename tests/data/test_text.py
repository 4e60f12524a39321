"""Text: windows of symbols, tokens, vocabularies."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from bpcli.data.batches import batch_count, order
from bpcli.data.records import Column
from bpcli.data.sources.text import Text
from bpcli.data.tokenize import coded, pieces, words
from bpcli.data.transforms.tokens import Tokens
from bpcli.data.transforms.vocabulary import Vocabulary
from bpcli.data.vocabulary import learnt, numbered
from bpcli.errors import DataError
from bpcli.files import Files
from bpcli.spec.load import load_mapping
from bpcli.train.session import prepared_trainer

TEXT = "the quick brown fox jumps over the lazy dog.\nand again: the quick brown fox!\n" * 4


def read(folder: Path, text: str = TEXT, **fields: Any):
    (folder / "t.txt").write_bytes(text.encode())
    return Text.model_validate({"path": "t.txt", **fields}).read(Files(folder))


def said(column: Column) -> list[str]:
    return ["".join(column.symbols[code] for code in row if code >= 0) for row in column.values]


def test_rows_follow_each_other_and_targets_are_one_symbol_further(tmp_path: Path) -> None:
    records = read(tmp_path, steps=10)
    x, y = said(records.features[0]), said(records.targets[0])
    assert "".join(x) == TEXT[: 10 * len(x)]
    assert all(later == TEXT[at + 1 : at + 11] for at, later in zip(records.rows, y, strict=True))
    assert len(x) == (len(TEXT) - 1) // 10


@pytest.mark.parametrize("extra", [0, 1, 9, 10])
def test_the_last_row_has_all_its_targets(tmp_path: Path, extra: int) -> None:
    text = "abcdefghij" * 3 + "klmnopqrst"[:extra]
    records = read(tmp_path, text, steps=10)
    assert len(records) == (len(text) - 1) // 10
    assert all(len(row) == 10 for row in said(records.targets[0]))


def test_a_stride_of_its_own(tmp_path: Path) -> None:
    records = read(tmp_path, steps=10, stride=3)
    assert said(records.features[0])[2] == TEXT[6:16]
    assert said(records.targets[0])[2] == TEXT[7:17]


def test_words_joined_are_the_text_again() -> None:
    text = "To be,  or not\tto be -- that's the question…\nÄÖ 12.5\n"
    assert "".join(pieces(text, "word")) == text
    assert "".join(pieces(text, "char")) == text
    assert words("Don't stop!") == ["Don", "'", "t", "stop", "!"]


def test_too_short_a_text_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="the text has 10 characters; rows of 10 need 11"):
        read(tmp_path, "abcdefghij", steps=10)
    with pytest.raises(DataError, match="0 characters"):
        read(tmp_path, "", steps=10)


def test_another_encoding_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_bytes(b"caf\xe9 " * 20)
    with pytest.raises(DataError, match="byte 0xe9 at offset 3 is not utf-8 text"):
        Text.model_validate({"path": "t.txt"}).read(Files(tmp_path))
    latin = Text.model_validate({"path": "t.txt", "encoding": "latin-1", "steps": 5}).read(Files(tmp_path))
    assert "é" in latin.features[0].symbols


def test_a_vocabulary_keeps_the_most_frequent() -> None:
    values, symbols = coded(["b b b a a c", "d a"], str.split)
    assert symbols == ("a", "b", "c", "d")
    assert learnt(values, symbols, None, 1) == ["<pad>", "<unk>", "a", "b", "c", "d"]
    assert learnt(values, symbols, 4, 1) == ["<pad>", "<unk>", "a", "b"]
    assert learnt(values, symbols, None, 2) == ["<pad>", "<unk>", "a", "b"]
    numbers = numbered(values, symbols, ["<pad>", "<unk>", "a", "b"])
    assert numbers.tolist() == [[3, 3, 3, 2, 2, 1], [1, 2, 0, 0, 0, 0]]


def test_tokens_are_cut_and_empty_texts_are_rows_of_nothing() -> None:
    column = Column("t", "text", np.array(["One two, three", "", "FOUR"], dtype=object))
    tokens = Tokens.model_validate({"lower": True, "max_length": 3})
    (made,) = tokens.apply([column], tokens.fit([column]))
    assert [[made.symbols[code] for code in row if code >= 0] for row in made.values] == [
        ["one", "two", ","],
        [],
        ["four"],
    ]
    end = Tokens.model_validate({"max_length": 1, "keep": "end"})
    (made,) = end.apply([column], end.fit([column]))
    assert [[made.symbols[code] for code in row if code >= 0] for row in made.values] == [
        ["three"],
        [],
        ["FOUR"],
    ]


def test_what_training_did_not_show_is_unknown(tmp_path: Path) -> None:
    """A vocabulary is learnt from the training part alone."""
    text = "abcd" * 40 + "z" * 40
    (tmp_path / "t.txt").write_text(text)
    trainer = prepared_trainer(load_mapping(config(steps=8), folder=tmp_path))
    assert trainer.model.target.labels == ("<pad>", "<unk>", "a", "b", "c", "d")
    assert trainer.data.test is not None
    assert set(np.unique(trainer.data.test.x)) == {1}
    assert trainer.data.train.x.dtype == np.int32


def config(**source: Any) -> dict[str, Any]:
    return {
        "version": 1,
        "name": "text",
        "data": {"source": {"type": "text", "path": "t.txt", **source}, "batch_size": 4},
        "model": {
            "type": "sequential",
            "head": "auto",
            "layers": [
                {"type": "embedding", "units": 4},
                {"type": "lstm", "units": 6, "return_sequences": True},
            ],
        },
        "train": {"epochs": 1},
    }


def test_streams_go_on_from_batch_to_batch() -> None:
    rows = order(0, 0, 11, "streams", 3)
    assert rows.reshape(-1, 3).tolist() == [[0, 3, 6], [1, 4, 7], [2, 5, 8]]
    assert batch_count(11, 3, "streams") == 3
    assert (order(0, 5, 11, "streams", 3) == rows).all()  # the same in each epoch


def test_a_vocabulary_transform_sets_the_limits_for_input_and_target(tmp_path: Path) -> None:
    (tmp_path / "t.txt").write_text(TEXT)
    made = config(steps=8)
    made["data"]["preprocess"] = [{"type": "vocabulary", "size": 10}]
    trainer = prepared_trainer(load_mapping(made, folder=tmp_path))
    assert len(trainer.model.target.labels) == 10
    assert trainer.data.pipeline.vocabularies == (trainer.model.target.labels,)
    assert Vocabulary.model_validate({}).size is None
