"""Nets that write sequences: what they are given as they learn, and what they write by themselves."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import bpcli
from bpcli.data.forcing import ENDS, ended, previous
from bpcli.errors import ConfigError, DataError, UsageError
from bpcli.spec.load import load_mapping
from bpcli.train.decode import Decoder
from bpcli.train.gradients import gradcheck
from bpcli.train.session import prepared_trainer

WORDS = ["ab", "ba", "abba", "c", "cab", "bcab", "aab", "cc", "acb", "bb"]

#: Decoders that the preset does not stand for.
BOTH_WAYS = [
    {"type": "embedding", "units": 3, "mask_zero": True, "from": "source"},
    {
        "type": "bidirectional",
        "layer": {"type": "gru", "units": 2, "return_sequences": True},
        "name": "read",
    },
    {"type": "embedding", "units": 4, "mask_zero": True, "from": "previous", "name": "write"},
    {"type": "gru", "units": 4, "return_sequences": True, "name": "wrote"},
    {"type": "attention", "from": ["wrote", "read"], "name": "seen"},
    {"type": "add", "from": ["wrote", "seen"]},
]
TRANSFORMER = [
    {"type": "embedding", "units": 4, "mask_zero": True, "from": "source"},
    {"type": "positional_encoding"},
    {"type": "transformer_block", "heads": 2, "name": "read"},
    {"type": "embedding", "units": 4, "mask_zero": True, "from": "previous"},
    {"type": "positional_embedding", "steps": 8},
    {"type": "transformer_block", "heads": 2, "causal": True, "name": "wrote"},
    {"type": "multi_head_attention", "heads": 2, "from": ["wrote", "read"], "name": "seen"},
    {"type": "add", "from": ["wrote", "seen"]},
]


def listed(layers: list[dict[str, Any]]) -> dict[str, Any]:
    return {"type": "sequential", "head": "auto", "layers": layers}


NETS: dict[str, dict[str, Any]] = {
    "plain": {"type": "seq2seq", "units": 4, "embedding": 3},
    "gru": {"type": "seq2seq", "cell": "gru", "layers": 2, "units": 4, "embedding": 3},
    "attention": {"type": "seq2seq", "cell": "simple_rnn", "units": 4, "embedding": 3, "attention": True},
    "both ways": listed(BOTH_WAYS),
    "transformer": listed(TRANSFORMER),
}


def config(folder: Path, **changes: Any) -> dict[str, Any]:
    """Words to be written backwards."""
    file = folder / "words.csv"
    file.write_text("word,drow\n" + "".join(f"{word},{word[::-1]}\n" for word in WORDS * 4))
    data = {
        "source": {"type": "csv", "path": str(file), "target": "drow"},
        "split": {"type": "random", "train": 0.8, "val": 0.1, "test": 0.1},
        "preprocess": [{"type": "tokens", "level": "char"}],
        "target_transform": {"type": "tokens", "level": "char"},
        "teacher_forcing": True,
        "batch_size": 8,
    }
    made = {"version": 1, "name": "drow", "data": data, "model": NETS["plain"], "train": {"epochs": 1}}
    made["data"] |= changes.pop("data", {})
    return made | changes


def fresh(folder: Path, **changes: Any) -> Any:
    """(model, x of what is given) of a net with random weights, large enough that it has opinions."""
    trainer = prepared_trainer(load_mapping(config(folder, **changes), folder=folder))
    model, x = trainer.model, trainer.data.train.x
    model.store.w *= 3
    return model, x[0]


def chances(model: Any, x: Any, said: Any) -> Any:
    """The logarithms (rows, steps, symbols) of a whole pass under teacher forcing."""
    y = model.outputs((x, said), model.workspace())
    shape = y.shape
    with np.errstate(divide="ignore"):
        made = np.log(model.loss.predict(y.reshape(-1, shape[-1]).astype(np.float64), np)).reshape(shape)
    made[..., :ENDS] = -np.inf
    return made


def test_what_the_net_gets_is_what_was_before_each_symbol() -> None:
    y = ended(np.array([[5, 3, 4], [7, -1, -1], [-1, -1, -1]]))
    assert y.tolist() == [[5, 3, 4, ENDS], [7, ENDS, -1, -1], [ENDS, -1, -1, -1]]
    assert previous(y).tolist() == [[ENDS, 5, 3, 4], [ENDS, 7, 0, 0], [ENDS, 0, 0, 0]]


@pytest.mark.parametrize("net", NETS)
def test_it_writes_what_whole_passes_would(tmp_path: Path, net: str) -> None:
    model, x = fresh(tmp_path, model=NETS[net])
    x = x[:6]
    found = [rows for _, some in Decoder(model).write(x) for rows in some]
    said = np.full((len(x), 1), ENDS, dtype=np.int32)
    for _ in range(model.target.positions[0]):
        best = chances(model, x, said)[:, -1].argmax(axis=-1)
        said = np.concatenate([said, best[:, None].astype(np.int32)], axis=1)
    whole = [row[: row.index(ENDS) + 1] if ENDS in row else row for row in said[:, 1:].tolist()]
    assert found == whole
    assert len(set(map(tuple, found))) > 1


@pytest.mark.parametrize("net", NETS)
def test_a_wide_beam_finds_the_likeliest_of_all(tmp_path: Path, net: str) -> None:
    model, x = fresh(tmp_path, model=NETS[net])
    x, steps = x[:3], model.target.positions[0]
    symbols = range(ENDS, model.target.width)
    every = np.array(list(product(symbols, repeat=steps)), dtype=np.int32)
    one_end = [
        row for row in {tuple(_cut(row)) for row in every.tolist()} if row.count(ENDS) == (ENDS in row)
    ]
    found = [rows for _, some in Decoder(model, beam=700).write(x) for rows in some]
    for at, row in enumerate(found):
        scores = _scores(model, x[at : at + 1], one_end)
        best = max(scores, key=scores.__getitem__)
        assert scores[tuple(row)] == pytest.approx(scores[best], abs=1e-4)


@pytest.mark.parametrize("net", NETS)
@pytest.mark.parametrize("beam", [2, 5])
def test_a_beam_is_that_of_whole_passes(tmp_path: Path, net: str, beam: int) -> None:
    model, x = fresh(tmp_path, model=NETS[net])
    x = x[:8]
    found = [rows for _, some in Decoder(model, beam=beam).write(x) for rows in some]
    assert found == [_searched(model, x[at : at + 1], beam) for at in range(len(x))]


def _searched(model: Any, x: Any, beam: int) -> list[int]:
    """The same search, one sequence at a time and each step from the beginning."""
    beams: list[tuple[float, list[int]]] = [(0.0, [])]
    for _ in range(model.target.positions[0]):
        grown: list[tuple[float, list[int]]] = []
        for score, row in beams:
            if ENDS in row:
                grown.append((score, row))
                continue
            next_ = chances(model, x, np.array([[ENDS, *row]], dtype=np.int32))[0, -1]
            grown += [(score + next_[k], [*row, k]) for k in range(ENDS, len(next_))]
        beams = sorted(grown, key=lambda one: -one[0])[:beam]
        if ENDS in beams[0][1]:
            break
    return beams[0][1]


def _cut(row: list[int]) -> list[int]:
    return row[: row.index(ENDS) + 1] if ENDS in row else row


def _scores(model: Any, x: Any, sequences: list[tuple[int, ...]]) -> dict[tuple[int, ...], float]:
    longest = max(map(len, sequences))
    y = np.full((len(sequences), longest), -1)
    for row, sequence in zip(y, sequences, strict=True):
        row[: len(sequence)] = sequence
    found = chances(model, np.repeat(x, len(y), axis=0), previous(y))
    picked = np.take_along_axis(found, np.maximum(y, 0)[:, :, None], 2)[:, :, 0]
    return dict(zip(sequences, np.where(y >= 0, picked, 0).sum(axis=1).tolist(), strict=True))


def test_the_gradient_is_exact(tmp_path: Path) -> None:
    report = gradcheck(load_mapping(config(tmp_path), folder=tmp_path))
    assert report["passed"], report


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("drow")
    changes: dict[str, Any] = {
        "model": {"type": "seq2seq", "units": 24, "embedding": 8},
        "optimizer": {"type": "adam", "lr": 0.02},
        "train": {"epochs": 60},
        "metrics": ["accuracy", "exact_match"],
    }
    return bpcli.train(config(folder, **changes), runs_dir=folder / "runs").run


def test_it_learns_to_write(run: Path) -> None:
    saved = bpcli.load(run)
    found = saved.evaluate("train")
    assert found["metrics"]["exact_match"] == 1
    assert found["decoded"] == {"beam": 1, "token_accuracy": 1.0, "exact_match": 1.0}
    assert saved.evaluate("test", beam=3)["decoded"]["beam"] == 3
    told = list(saved.predict([{"word": "abba"}, {"word": "cab"}], beam=2))
    assert [row["prediction"] for row in told] == ["abba", "bac"]


def test_exact_match_is_the_same_with_and_without_teacher(tmp_path: Path) -> None:
    changes: dict[str, Any] = {"train": {"epochs": 15}, "optimizer": {"type": "adam", "lr": 0.02}}
    outcome = bpcli.train(config(tmp_path, model=NETS["gru"] | {"units": 12}, **changes), runs_dir=tmp_path)
    found = bpcli.load(outcome.run).evaluate("train")
    assert 0 < found["metrics"]["exact_match"] < 1
    assert found["decoded"]["exact_match"] == found["metrics"]["exact_match"]
    assert found["decoded"]["token_accuracy"] < found["metrics"]["accuracy"]


def test_files_with_and_without_the_target(run: Path, tmp_path: Path) -> None:
    file = tmp_path / "more.csv"
    file.write_text("word,drow\nabba,abba\ncab,xyz\n")  # x, y, z: symbols that no training row has
    saved = bpcli.load(run)
    found = saved.evaluate(data=file)
    assert found["decoded"]["exact_match"] == 0.5
    file.write_text("word\nabba\nqqqqqqqqq\n")
    assert next(row["prediction"] for row in saved.predict(file)) == "abba"
    with pytest.raises(DataError, match="no column 'drow'"):
        saved.evaluate(data=file)


def test_rows_of_like_length_give_the_same_net(tmp_path: Path) -> None:
    made = config(tmp_path, data={"bucket": True, "batch_size": 40})
    plain = config(tmp_path, data={"batch_size": 40})  # one batch of all rows: only its order differs
    losses = [
        bpcli.train(one, runs_dir=tmp_path / name).metrics["val"]["loss"]
        for name, one in (("a", made), ("b", plain))
    ]
    assert losses[0] == pytest.approx(losses[1], rel=1e-5)


def test_words_are_joined_by_a_space(tmp_path: Path) -> None:
    file = tmp_path / "pairs.csv"
    file.write_text("a,b\n" + "one two,three four five\ntwo one,four\n" * 10)
    made = config(tmp_path, train={"epochs": 40}, optimizer={"type": "adam", "lr": 0.03})
    made["data"] |= {
        "source": {"type": "csv", "path": str(file), "target": "b"},
        "preprocess": [{"type": "tokens"}],
        "target_transform": {"type": "tokens"},
    }
    saved = bpcli.load(bpcli.train(made, runs_dir=tmp_path).run)
    assert [row["prediction"] for row in saved.predict([{"a": "one two"}, {"a": "two one"}])] == [
        "three four five",
        "four",
    ]


@pytest.mark.parametrize(
    ("layers", "told"),
    [
        (
            [{"type": "bidirectional", "layer": {"type": "gru", "units": 2, "return_sequences": True}}],
            "bidirectional sees at each step those to come",
        ),
        ([{"type": "transformer_block", "heads": 1}], "sees at each step those to come"),
        (
            [{"type": "conv1d", "filters": 4, "kernel": 3, "padding": "same"}],
            "conv1d",
        ),  # it takes no mask to begin with
    ],
)
def test_a_decoder_must_not_see_what_it_is_to_write(tmp_path: Path, layers: Any, told: str) -> None:
    net = [*TRANSFORMER[:3], {"type": "embedding", "units": 4, "from": "previous", "mask_zero": True}]
    net += [*layers, {"type": "dense", "units": 4, "name": "wrote"}]
    with pytest.raises(ConfigError, match=told):
        fresh(tmp_path, model=listed([*net, *TRANSFORMER[-2:]]))


def test_refusals(tmp_path: Path, run: Path) -> None:
    with pytest.raises(DataError, match="sequence of symbols"):
        fresh(tmp_path, data={"target_transform": None})
    with pytest.raises(DataError, match="characters or words"):
        fresh(tmp_path, data={"target_transform": {"type": "tokens", "level": "bpe"}})
    with pytest.raises(ConfigError, match="teacher_forcing"):
        fresh(tmp_path, data={"teacher_forcing": False})
    with pytest.raises(ConfigError, match="one input and gets 2"):
        fresh(tmp_path, model={"type": "rnn", "embedding": {"units": 3}, "units": 3})
    with pytest.raises(UsageError, match="no language model"):
        from bpcli.train.generate import Writer

        Writer(bpcli.load(run))
    file = tmp_path / "t.csv"
    file.write_text("word,drow\nab,\nba,ab\n")
    with pytest.raises(DataError, match="missing"):
        bpcli.load(run).evaluate(data=file)
