"""Twenty plain layers against the same with skips, on digits."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.full.helpers import full, score

pytestmark = full


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_the_plain_net_is_worse_by_a_tenth_and_more(tmp_path: Path, seed: int) -> None:
    plain, skip = (
        score(tmp_path, name, f"seed={seed}")["accuracy"] for name in ("digits-plain20", "digits-skip20")
    )
    assert plain <= skip - 0.1
    assert skip > 0.9
