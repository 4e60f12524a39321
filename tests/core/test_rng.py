"""Random streams: pure functions of seed, purpose and position."""

from __future__ import annotations

import numpy as np
import pytest

from bpcli.core.rng import Draws, Stream, generator


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


# --- numbers for many samples at once -------------------------------------------------------------------


def everything(draws: Draws) -> list[np.ndarray]:
    return [
        draws.uniform(),
        draws.uniform_field(3, 5),
        draws.integers(-2, 3),
        draws.normal_field(7),
        draws.beta(0.2, 0.2),
        draws.uniform(-1, 2),
    ]


def test_a_samples_numbers_do_not_depend_on_the_others() -> None:
    whole = everything(Draws(1, "a", samples=np.arange(50)))
    some = np.array([9, 0, 33])
    for all_, part in zip(whole, everything(Draws(1, "a", samples=some)), strict=True):
        assert np.array_equal(all_[some], part)


def test_a_part_of_the_samples_goes_on_where_all_of_them_stood() -> None:
    one, two = Draws(1, "a", samples=np.arange(9)), Draws(1, "a", samples=np.arange(9))
    one.uniform_field(4)
    two.uniform_field(4)
    part = np.array([2, 7])
    assert np.array_equal(one.uniform()[part], two.of(part).uniform())


def test_every_purpose_seed_and_call_has_numbers_of_its_own() -> None:
    rows = np.arange(1000)
    drawn = [
        Draws(1, "a", samples=rows).uniform(),
        Draws(2, "a", samples=rows).uniform(),
        Draws(1, "b", samples=rows).uniform(),
        Draws(1, "a", samples=rows + 1000).uniform(),
        Draws(1, "a", 1, samples=rows).uniform(),
    ]
    again = Draws(1, "a", samples=rows)
    drawn += [again.uniform() for _ in range(3)][1:]
    assert len(np.unique(np.concatenate(drawn))) == 1000 * len(drawn)
    assert np.array_equal(drawn[0], Draws(1, "a", samples=rows).uniform())


@pytest.mark.parametrize("seed", [0, 1, 2**63 - 1])
def test_the_numbers_are_even_and_independent(seed: int) -> None:
    """χ² over 64 cells, correlations with the next number, the next sample and the next epoch, each bit."""
    n, m = 2000, 100
    u = Draws(seed, "u", samples=np.arange(n)).uniform_field(m).astype(np.float64)
    assert u.min() >= 0
    assert u.max() < 1
    counts = np.bincount((u * 64).astype(int).ravel(), minlength=64)
    assert 25 < ((counts - n * m / 64) ** 2 / (n * m / 64)).sum() < 115  # 63 ± 11; 5 deviations
    other = Draws(seed, "v", samples=np.arange(n)).uniform_field(m).astype(np.float64)
    for a, b in ((u[:, 1:], u[:, :-1]), (u[1:], u[:-1]), (u, other)):
        assert abs(np.corrcoef(a.ravel(), b.ravel())[0, 1]) < 5 / np.sqrt(n * m)
    bits = (
        Draws(seed, "u", samples=np.arange(n))._words(50)[..., None] >> np.arange(64, dtype=np.uint64)
    ) & 1
    assert np.abs(bits.mean(axis=(0, 1)) - 0.5).max() < 5 * 0.5 / np.sqrt(50 * n)


def test_the_shapes_of_the_distributions() -> None:
    draws = Draws(3, "d", samples=np.arange(4000))
    z = draws.normal_field(25)
    assert z.dtype == np.float32
    assert z.mean() == pytest.approx(0, abs=0.02)
    assert z.std() == pytest.approx(1, abs=0.01)
    assert (np.abs(z) < 1.96).mean() == pytest.approx(0.95, abs=0.005)
    assert np.bincount(draws.integers(2, 5))[2:] == pytest.approx([4000 / 3] * 3, abs=150)
    b = draws.beta(0.5, 0.5)
    assert b.mean() == pytest.approx(0.5, abs=0.03)
    assert b.var() == pytest.approx(1 / 8, abs=0.01)


def test_the_draws_are_what_they_were() -> None:
    """The words against SplitMix64 written out in whole numbers; a change changes every augmented run."""
    mask = 2**64 - 1

    def mix(z: int) -> int:
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9 & mask
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB & mask
        return z ^ (z >> 31)

    gamma = 0x9E3779B97F4A7C15
    key = int(
        np.random.Philox(key=generator(5, "x").bit_generator.state["state"]["key"]).state["state"]["key"][0]
    )
    expected = []
    for sample in (0, 12):
        state = mix((key + (sample + 1) * gamma) & mask)
        expected.append([mix((state + j * gamma) & mask) for j in (1, 2, 3)])
    assert Draws(5, "x", samples=np.array([0, 12]))._words(3).tolist() == expected
