"""Random streams: pure functions of seed, purpose and position."""

from __future__ import annotations

import numpy as np
import pytest

from bpcli.core.rng import Stream, generator


def test_the_same_place_gives_the_same_numbers() -> None:
    assert generator(1, "a", 2).random(5).tolist() == generator(1, "a", 2).random(5).tolist()
    stream = Stream(1, "a")
    first = stream.at(7, 2).random(5).tolist()
    assert stream.at(7, 2).random(5).tolist() == first
    assert Stream(1, "a").at(7, 2).random(5).tolist() == first


def test_every_other_place_gives_other_numbers() -> None:
    places = {
        "seed": Stream(2, "a").at(1, 0),
        "purpose": Stream(1, "b").at(1, 0),
        "longer purpose": Stream(1, "a", "b").at(1, 0),
        "joined purpose": Stream(1, "ab").at(1, 0),
        "step": Stream(1, "a").at(2, 0),
        "micro": Stream(1, "a").at(1, 1),
        "exchanged": Stream(1, "a").at(0, 1),
        "itself": Stream(1, "a").at(1, 0),
    }
    drawn = {name: tuple(rng.random(8)) for name, rng in places.items()}
    assert len(set(drawn.values())) == len(drawn)
    pairs = {generator(1, "x", 23).random(), generator(1, "x2", 3).random(), generator(12, "x", 3).random()}
    assert len(pairs) == 3


def test_what_was_drawn_before_does_not_matter() -> None:
    """Also where it left half a word behind: 32-bit draws, and the second of a pair of normals."""
    stream = Stream(3, "mask")
    expected = stream.at(5, 1).random(4).tolist()
    for draw in (
        lambda rng: rng.random(1000),
        lambda rng: rng.random(3, dtype=np.float32),
        lambda rng: rng.integers(0, 7, 5, dtype=np.int32),
        lambda rng: rng.standard_normal(3),
        lambda rng: rng.permutation(11),
        lambda rng: rng.bytes(3),
    ):
        draw(stream.at(4, 0))
        assert stream.at(5, 1).random(4).tolist() == expected


@pytest.mark.parametrize("kind", ["float32", "float64", "normal", "integers"])
def test_a_moved_stream_is_a_fresh_generator_at_that_counter(kind: str) -> None:
    draws = {
        "float32": lambda rng: rng.random(9, dtype=np.float32),
        "float64": lambda rng: rng.random(9),
        "normal": lambda rng: rng.standard_normal(9),
        "integers": lambda rng: rng.integers(0, 100, 9),
    }
    stream = Stream(11, "p")
    key = generator(11, "p").bit_generator.state["state"]["key"]
    fresh = np.random.Generator(np.random.Philox(counter=[0, 6, 2, 0], key=key))
    assert draws[kind](stream.at(6, 2)).tolist() == draws[kind](fresh).tolist()


def test_neighbouring_steps_do_not_overlap() -> None:
    """A step may draw 2^66 numbers before it comes to those of the next."""
    stream = Stream(1, "long")
    long = stream.at(0).random(200_000)
    following = set(stream.at(1).random(1000).tolist())
    assert not following & set(long.tolist())


def test_large_seeds_and_steps() -> None:
    stream = Stream(2**63 - 1, "p")
    assert stream.at(2**40, 3).random() != stream.at(2**40 + 1, 3).random()


PERMUTATION = [0, 7, 2, 3, 5, 4, 6, 1]
INIT = [0.5920338674225109, 0.10153987007327381, 0.7260492347797063]
MASK = [0.7648624777793884, 0.03108745813369751, 0.17954862117767334]


def test_the_streams_are_what_they_were() -> None:
    """A change of these numbers is a change of every run there is: it needs a new version and a note."""
    assert generator(0, "order", 0).permutation(8).tolist() == PERMUTATION
    assert generator(1, "init", "dense1", "W").random(3).tolist() == pytest.approx(INIT, rel=1e-15)
    masks = Stream(1, "mask", "net", "dropout1").at(3, 1).random(3, dtype=np.float32).tolist()
    assert masks == pytest.approx(MASK, rel=1e-7)
