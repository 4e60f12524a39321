"""Components that are compared with no other implementation: why, and what checks them instead."""

from __future__ import annotations

#: Family -> component -> the reason, and the test.
EXCEPTIONS: dict[str, dict[str, str]] = {
    "layers": {
        "gaussian_noise": "no layer of PyTorch. Its gradient by complex step with the noise held still "
        "(`tests/generic`), the noise's moments in `tests/layers/test_noise_and_shape.py`",
    },
    "metrics": {
        "loss": "the loss itself, as a mean over the rows of all batches; losses are compared above",
    },
}
