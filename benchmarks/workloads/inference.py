"""Forward passes alone, of one row and of many."""

from __future__ import annotations

from dataclasses import replace

from benchmarks.workload import Workload
from benchmarks.workloads.conv import WORKLOADS as CONV
from benchmarks.workloads.mlp import WORKLOADS as MLP


def _predicting(workload: Workload, batch: int) -> Workload:
    net = workload.what.split("; batch")[0].split(", batch")[0]
    what = f"{net}: outputs of {batch:,} row{'s' if batch > 1 else ''}"
    return replace(workload, name=f"{workload.name}_predict_{batch}", what=what, batch=batch, inference=True)


WORKLOADS = tuple(_predicting(one, batch) for one in (MLP[0], CONV[0]) for batch in (1, 1024))
