from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, ClassVar, Literal

import numpy as np
from pydantic import Field, NonNegativeFloat, PositiveFloat, PositiveInt

from bpcli.data.gaps import Grid
from bpcli.data.records import Column, Records
from bpcli.data.series import Series
from bpcli.data.sources._synthetic import Synthetic
from bpcli.spec.base import Example

if TYPE_CHECKING:
    from bpcli.files import Files

_NAME = "sine"


class Sine(Synthetic):
    """A noisy sine, s_t = sin(2π t / period + φ) + noise·ε_t, in windows that are to be continued.

    φ is drawn uniformly and ε from a normal distribution. x is one array `window` (n, inputs, 1), y are the
    columns `sine+1`, … up to `horizon`: all is as with the source `series`, which this one stands in for: the
    chronological split, `mase`, the seasonal naive forecast (the value one period before, the period rounded
    to whole steps) as the baseline, and intervals. No forecast can have a root mean squared error below
    `noise`; the naive one has √2 times that.
    """

    type: Literal["sine"] = "sine"
    steps: Annotated[int, Field(ge=3, le=100_000_000)] = Field(
        default=1000, description="of the whole series"
    )
    period: Annotated[PositiveFloat, Field(ge=2)] = Field(default=25.0, description="steps of one cycle")
    noise: NonNegativeFloat = Field(
        default=0.1, description="the noise's standard deviation; the sine's is .71"
    )
    inputs: PositiveInt = Field(default=25, description="steps that the net sees")
    horizon: PositiveInt = Field(default=1, description="steps that it predicts")
    stride: PositiveInt = Field(
        default=1, description="steps between two windows, the origins of the forecasts"
    )
    interval: Annotated[float, Field(gt=0, lt=1)] | None = Field(
        default=0.9, description="the share that prediction intervals hold, or null"
    )

    examples: ClassVar = (
        Example({}),
        Example({"steps": 90, "noise": 0.0, "inputs": 5, "horizon": 3, "seed": 4}),
    )

    @property
    def cells(self) -> int:
        return max(1, (self.steps - self.inputs) // self.stride) * (self.inputs + self.horizon)

    def read(self, files: Files, *, target: bool = True) -> Records:
        from bpcli.data.sources._windows import Cutter
        from bpcli.data.sources.series import SeriesSource

        rng, places = self.drawn(), np.arange(self.steps)
        values = np.sin(2 * np.pi * (places / self.period + rng.random()))
        values = (values + self.noise * rng.standard_normal(self.steps))[:, None]
        season = round(self.period)
        own = Grid(values, np.ones(values.shape, dtype=bool), places)
        fields = {"inputs": self.inputs, "horizon": self.horizon, "stride": self.stride, "season": season}
        cutter = Cutter(
            SeriesSource.model_validate({"path": "", "target": _NAME, **fields}), own, None, self.type
        )
        origins = cutter.origins(target)
        series = Series((_NAME,), values, own.real, season, self.horizon, level=self.interval)
        window = Column("window", "array", cutter.cut(origins))
        answers = values[origins[:, None] + np.arange(1, self.horizon + 1), 0] if target else None
        return Records(
            features=[window],
            targets=[]
            if answers is None
            else [Column(name, "number", answers[:, k]) for k, name in enumerate(series.columns)],
            weight=None,
            rows=origins,
            file=self.type,
            row_word="window ending in step",
            digest=self.digest([window]),
            spans=np.column_stack([origins + 1, origins + self.horizon]),
            ordered=True,
            series=series,
        )
