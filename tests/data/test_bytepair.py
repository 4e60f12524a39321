"""Byte pairs: against the library itself, there and back, and learnt on the training part alone."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from bpcli.data import bytepair
from bpcli.data.bytepair import BYTES, BytePairs, as_text, bytes_of, learn, tells_all, text_of
from bpcli.data.records import Column
from bpcli.data.sources.text import Text
from bpcli.data.transforms.tokens import Tokens
from bpcli.data.transforms.vocabulary import Vocabulary
from bpcli.errors import BpcliError, DataError, UsageError
from bpcli.spec.load import load_mapping
from bpcli.train.session import prepared_trainer
from tests.data.helpers import text as text_column

library = pytest.importorskip("tokenizers", reason="needs the extra bpe")

TEXT = (Path(__file__).parents[2] / "datasets/sonnets.txt").read_text()
MERGES = learn([TEXT[:20_000]], 300)
PAIRS = BytePairs(MERGES)
ODD = "na\u00efve caf\u00e9 \U0001f600\u200d\U0001f308 \u65e5\u672c\r\n\t<0xE2> <0x3C> \x00 don't  x"


def reference(count: int) -> Any:
    """The library's own byte-level BPE, put together as its documentation does."""
    made = library.Tokenizer(library.models.BPE())
    made.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = library.decoders.ByteLevel()
    alphabet = library.pre_tokenizers.ByteLevel.alphabet()
    trainer = library.trainers.BpeTrainer(
        vocab_size=256 + count, min_frequency=2, initial_alphabet=alphabet, show_progress=False
    )
    made.train_from_iterator([TEXT[:20_000]], trainer)
    return made


def test_what_is_learnt_and_encoded_is_the_librarys() -> None:
    theirs = reference(300)
    assert [list(pair) for pair in MERGES] == json.loads(theirs.to_str())["model"]["merges"]
    for text in (TEXT[20_000:40_000], ODD, "", " ", "the the"):
        own = [PAIRS.symbols[place] for place in PAIRS.encode(text)]
        tokens = theirs.encode(text).tokens
        assert len(own) == len(tokens)
        for symbol, token in zip(own, tokens, strict=True):
            assert bytes_of(symbol) == bytes(bytepair._BYTE[letter] for letter in token)
        assert text_of(own) == theirs.decode(theirs.encode(text).ids) == text


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=60))
def test_any_text_there_and_back(text: str) -> None:
    symbols = [PAIRS.symbols[place] for place in PAIRS.encode(text)]
    assert text_of(symbols) == "".join(as_text(symbols)) == text


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=12))
def test_a_symbol_is_text_without_loss(token: bytes) -> None:
    symbol = bytepair._symbol(token)
    assert bytes_of(symbol) == token
    symbol.encode()  # text that can be printed and stored


@settings(max_examples=100, deadline=None)
@given(st.lists(st.sampled_from(BYTES), max_size=20))
def test_what_is_written_is_always_unicode(symbols: list[str]) -> None:
    """Any symbols at all; what is held back at the end is no whole character."""
    told = "".join(as_text(symbols))
    told.encode("utf-8")
    assert text_of(symbols).startswith(told)


def test_a_character_in_parts_is_held_back() -> None:
    assert list(as_text(["a", "<0xE2>", "<0x82>", "<0xAC>", "b", "<0xF0><0x9F>"])) == [
        "a", "", "", "€", "b", "",
    ]  # fmt: skip


def test_the_symbols_are_bytes_and_merges_each_once() -> None:
    assert PAIRS.symbols[:256] == BYTES and len(PAIRS.symbols) == len(set(PAIRS.symbols)) == 556
    assert tells_all(PAIRS.symbols) and not tells_all(PAIRS.symbols[1:])
    assert [bytes_of(symbol) for symbol in BYTES] == [bytes([byte]) for byte in range(256)]


def test_a_long_text_in_pieces_is_the_text_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    text = TEXT[:6_000] + ODD * 20 + "  \n\n x" * 50
    whole = PAIRS.encode(text), learn([text], 100)
    monkeypatch.setattr(bytepair, "_PIECE", 97)
    assert len(list(bytepair._pieces(text))) > 50
    assert (PAIRS.encode(text), learn([text], 100)) == whole
    assert list(bytepair._pieces("x" * 500)) == ["x" * 500]  # nowhere to cut


@pytest.mark.parametrize("threads", ["1", "2"])
def test_learning_is_the_same_in_every_process(threads: str) -> None:
    script = "import sys; from bpcli.data.bytepair import learn; print(learn([sys.stdin.read()], 300))"
    told = subprocess.run(
        [sys.executable, "-c", script],
        input=TEXT[:20_000], capture_output=True, text=True, check=True,
        env={**os.environ, "RAYON_NUM_THREADS": threads, "PYTHONHASHSEED": threads, "PYTHONUTF8": "1"},
    )  # fmt: skip
    assert told.stdout.strip() == str(MERGES)


def config(folder: Path, text: str, split: Any = None, **source: Any) -> dict[str, Any]:
    (folder / "t.txt").write_text(text)
    data = {"source": {"type": "text", "path": "t.txt", "level": "bpe", **source}, "batch_size": 4}
    return {
        "version": 1,
        "name": "text",
        "data": data if split is None else data | {"split": split},
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


def prepared(folder: Path, text: str, split: Any = None, **source: Any) -> Any:
    return prepared_trainer(load_mapping(config(folder, text, split, **source), folder=folder)).data


def told(data: Any, part: str) -> list[str]:
    labels = data.target.labels
    return [text_of(labels[k] for k in row) for row in getattr(data, part).x.tolist()]


def test_merges_know_the_training_part_alone(tmp_path: Path) -> None:
    """What stands only in validation and test is spelt byte by byte, and changes nothing."""
    start = "the cat and the hat " * 40
    fair = {"type": "fixed", "train": len(start), "val": 200, "test": 200}
    for rest in ("zq" * 200, "the " * 100):
        data = prepared(tmp_path, start + rest, fair, steps=8)
        assert data.pipeline.merges == learn([start], 1000)
        assert told(data, "val")[0].startswith(rest[:8])
    shares = prepared(tmp_path, start + "zq" * 200, {"type": "chronological", "val": 0.2, "test": 0}, steps=2)
    assert shares.pipeline.merges == learn([(start + "zq" * 200)[:960]], 1000) != learn([start], 1000)


def test_rows_are_cut_in_each_part(tmp_path: Path) -> None:
    text = TEXT[:9_000] + ODD.replace("\r", "") + TEXT[9_000:12_000]
    ends = {"train": (0, 9_000), "val": (9_000, 11_000), "test": (11_000, 11_900)}
    data = prepared(tmp_path, text, {"type": "fixed", "train": 9_000, "val": 2_000, "test": 900}, steps=10)
    for part, (first, last) in ends.items():
        whole = text[first:last].encode()
        x = getattr(data, part).x
        joined = b"".join(bytes_of(data.target.labels[k]) for k in x.ravel().tolist())
        assert whole.startswith(joined) and len(whole) - len(joined) < 10 * 16
        y = getattr(data, part).y
        assert (x[:, 1:] == y[:, :-1]).all() and (x[1:, 0] == y[:-1, -1]).all()
        for row, place in zip(told(data, part), getattr(data, part).rows.tolist(), strict=True):
            assert text[place : place + 5] == row[:5] or "\ufffd" in row[:5]
    assert any("Characters in a symbol: " in note for note in data.notes)


def test_rows_may_overlap(tmp_path: Path) -> None:
    data = prepared(tmp_path, TEXT[:4_000], steps=10, stride=3)
    assert (data.train.x[1, :7] == data.train.x[0, 3:]).all()


def test_the_merges_come_back_from_json(tmp_path: Path) -> None:
    from bpcli.data.pipeline import Pipeline

    pipeline = prepared(tmp_path, TEXT[:3_000] + ODD, steps=8).pipeline
    assert Pipeline.from_json(pipeline.to_json()) == pipeline
    assert pipeline.merges and Pipeline.from_json(pipeline.to_json()).merges == pipeline.merges


@pytest.mark.parametrize(
    ("text", "split", "source", "said"),
    [
        (TEXT[:3000], {"type": "random"}, {}, "takes single characters out of it"),
        (TEXT[:80], None, {}, r"the training part has \d+ byte pairs in 64 characters; rows of 64 need 65"),
        (TEXT[:900], None, {}, r"the validation part has \d+ byte pairs in 90 characters"),
        ("", None, {}, "the text is empty"),
        ("x", None, {}, "the training part has 1 byte pair in 1 character; rows of 64 need 65"),
        (TEXT[:3000], None, {"level": "word", "merges": 5}, "merges are made at level bpe"),
    ],
)
def test_what_cannot_be_is_refused(
    tmp_path: Path, text: str, split: Any, source: dict[str, Any], said: str
) -> None:
    with pytest.raises(BpcliError, match=said):
        prepared(tmp_path, text, split, **source)


def test_a_vocabulary_cannot_leave_out_bytes(tmp_path: Path) -> None:
    made = config(tmp_path, TEXT[:3000], steps=8)
    made["data"]["preprocess"] = [{"type": "vocabulary", "size": 100}]
    with pytest.raises(DataError, match="lower merges, in place of size or min_count"):
        prepared_trainer(load_mapping(made, folder=tmp_path))


@pytest.mark.parametrize(("own", "other"), [("char", "bpe"), ("bpe", "char")])
def test_parts_of_other_symbols_are_refused(tmp_path: Path, own: str, other: str) -> None:
    made = config(tmp_path, TEXT[:3000], level=own, steps=8)
    made["data"]["val_source"] = made["data"]["source"] | {"level": other}
    with pytest.raises(DataError, match="set level: bpe in"):
        prepared_trainer(load_mapping(made, folder=tmp_path))


def test_a_column_of_text_as_byte_pairs() -> None:
    tokens = Tokens.model_validate({"level": "bpe", "merges": 50, "max_length": 6})
    column = text_column("t", "the cat", "the hat and the cat", "", "\U0001f600 the")
    fitted = tokens.fit([column])
    assert json.loads(json.dumps(fitted)) == fitted  # kept as JSON
    (made,) = tokens.apply([text_column("t", "the cat", "", "\U0001f601")], fitted)
    rows = [text_of(made.symbols[k] for k in row if k >= 0) for row in made.values.tolist()]
    assert rows == ["the cat", "", "\U0001f601"]
    vocabulary = Vocabulary.model_validate({})
    (numbered,) = vocabulary.apply([made], vocabulary.fit([made]))
    assert not (numbered.values == 1).any()  # nothing is unknown
    lower = Tokens.model_validate({"level": "bpe", "lower": True})
    (made,) = lower.apply([text_column("t", "THE Cat")], lower.fit([column]))
    assert text_of(made.symbols[k] for k in made.values[0].tolist()) == "the cat"


def test_half_a_character_is_refused() -> None:
    from bpcli.data.cells import CellError

    tokens = Tokens.model_validate({"level": "bpe"})
    with pytest.raises(CellError) as caught:
        tokens.fit([text_column("t", "fine", "\ud83d")])
    assert caught.value.where.tolist() == [1]


def test_without_the_library_the_command_to_install_it_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "tokenizers", None)
    for source in ({"level": "bpe"},):
        with pytest.raises(UsageError, match=r"pip install 'bpcli\[bpe\]'"):
            prepared(tmp_path, TEXT[:3000], steps=8, **source)
    assert prepared(tmp_path, TEXT[:3000], level="char", steps=8).train is not None


def test_the_fields() -> None:
    with pytest.raises(ValidationError, match="merges are made at level bpe"):
        Tokens.model_validate({"merges": 5})
    assert Text.model_validate({"path": "t", "level": "bpe"}).merges is None


def test_a_symbol_named_like_bytes_is_itself() -> None:
    column = Column("t", "text", np.array(["<0xE2>"] * 3, dtype=object))
    tokens = Tokens.model_validate({"level": "bpe"})
    (made,) = tokens.apply([column], tokens.fit([column]))
    assert text_of(made.symbols[k] for k in made.values[0].tolist() if k >= 0) == "<0xE2>"


def test_names_of_bytes_are_not_mixed_up() -> None:
    for token in (b"<0xE2>", b"\xe2", b"<0x<0x3C>", b"<0x\xe2>", "<0xE2>é".encode()[:-1]):
        assert bytes_of(bytepair._symbol(token)) == token
    assert bytepair._symbol(b"<0xE2>") != bytepair._symbol(b"\xe2") == "<0xE2>"


def test_a_row_is_named_by_the_character_that_it_begins_in(tmp_path: Path) -> None:
    text = "日本é x" * 20
    data = prepared(tmp_path, text, {"type": "chronological", "val": 0, "test": 0.2}, steps=1, merges=1)
    for part in (data.train, data.test):
        first = int(part.rows[0])
        owner = [first + place for place, c in enumerate(text[first:]) for _ in c.encode()]
        start = 0
        for row, place in zip(part.x[:, 0].tolist(), part.rows.tolist(), strict=True):
            assert place == owner[start]
            start += len(bytes_of(data.target.labels[row]))
