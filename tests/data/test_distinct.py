"""Counting finds what sorting finds."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from bpcli.data.distinct import coded, distinct

NEAR, FAR = 2.0**53, 1e18
CASES = {
    "few classes": np.array([3.0, 1.0, 3.0, 7.0, 1.0]),
    "negative": np.array([-5.0, 4.0, -5.0, 0.0]),
    "fractions": np.array([0.5, 2.0, 0.5, -1.25]),
    "far apart": np.array([0.0, 1e12, 5.0, 1e12]),
    "large, side by side": np.array([NEAR - 2, NEAR - 1, NEAR - 2]),
    "larger": np.array([FAR, FAR + 128, FAR, FAR - 128]),
    "whole numbers": np.array([5, -2, 5, 9], np.int64),
    "all of them": np.array([-(2**63), 2**63 - 1, 0, -(2**63)], np.int64),
    "of one byte": np.array([255, 0, 7, 255], np.uint8),
    "one": np.array([4.0]),
    "none": np.array([], float),
    "infinite": np.array([np.inf, 1.0, -np.inf, 1.0]),
    "many": np.random.default_rng(0).integers(-400_000, 400_000, 900_000).astype(float),
}


@pytest.mark.parametrize("values", CASES.values(), ids=CASES)
def test_the_same_as_sorting(values: Any) -> None:
    expected, places = np.unique(values, return_inverse=True)
    found, codes = coded(values)
    assert np.array_equal(found, expected) and found.dtype == values.dtype
    assert np.array_equal(codes, places) and codes.dtype == np.int64
    assert np.array_equal(distinct(values), expected)
