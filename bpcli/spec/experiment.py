"""The root of the config: one typed tree that holds a whole experiment."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal, cast

from pydantic import BeforeValidator, Field, NonNegativeInt, PositiveFloat, PositiveInt
from pydantic_core import PydanticCustomError

from bpcli.callbacks.base import Callback
from bpcli.data.augment.base import Augment
from bpcli.data.batches import Shuffle
from bpcli.data.sources.base import Source
from bpcli.data.splits.base import Split
from bpcli.data.transforms.base import Transform
from bpcli.layers.base import Layer
from bpcli.losses.base import Loss
from bpcli.methods.base import Method
from bpcli.metrics.base import Metric
from bpcli.optimizers.base import Optimizer
from bpcli.regularizers.base import Regularizer
from bpcli.schedules.base import Schedule
from bpcli.spec.base import Many, OneOrMany, Strict
from bpcli.spec.registry import Named

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ms|[smhd])")


def parse_duration(value: Any) -> Any:
    """Seconds as a number, or text such as 90s, 10m, 1h30m."""
    if not isinstance(value, str):
        return value
    parts = _DURATION.findall(value)
    if not parts or "".join(number + unit for number, unit in parts) != value.replace(" ", ""):
        raise PydanticCustomError(
            "duration", "expected a duration", {"hint": "write seconds, or 90s, 10m, 1h30m"}
        )
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


Duration = Annotated[PositiveFloat, BeforeValidator(parse_duration)]


def _of_type(name: str) -> BeforeValidator:
    """Lets a section be written without the type that it can only have."""

    def typed(value: Any) -> Any:
        return {"type": name, **cast("dict[str, Any]", value)} if isinstance(value, dict) else value

    return BeforeValidator(typed)


class SelectSection(Strict):
    """The rows that are used: those whose cell in a column, a feature or the target, is one of the values."""

    column: str
    values: Annotated[Many[str | int | float], Field(min_length=1)]


class DataSection(Strict):
    """Where the data comes from, how it is split, prepared and batched."""

    source: Annotated[Source, Named("sources")]
    val_source: Annotated[Source, Named("sources")] | None = Field(
        None, description="a separate validation part; the split then makes none"
    )
    test_source: Annotated[Source, Named("sources")] | None = Field(
        None, description="a separate test part; the split then makes none"
    )
    task: Literal["auto", "classification", "regression"] = Field(
        default="auto",
        description="what the target is; auto: text is classes, and few whole numbers, unless by the loss",
    )
    split: Annotated[Split, Named("splits")] | None = Field(
        None,
        description="default: chronological for text and series, else stratified for classes, else random",
    )
    select: SelectSection | None = Field(
        default=None, description="use some rows only; a row is in the same part of the split as without it"
    )
    per_class: PositiveInt | None = Field(
        default=None, description="at most so many training rows of each class, drawn by the seed"
    )
    preprocess: Many[Annotated[Transform, Named("transforms")]] = Field(
        (), description="fitted on the training part only, stored with the model"
    )
    inputs: dict[str, str | Many[str]] | None = Field(
        None,
        description="several inputs: the name of each and its columns after preprocess, or patterns of them "
        "(city=*); layers take them by name with from:",
    )
    target_transform: Annotated[Transform, Named("transforms")] | None = Field(
        None,
        description="for a regression target; undone in predictions and metrics. For a column of text that "
        "is to be written: tokens",
    )
    teacher_forcing: bool = Field(
        default=False,
        description="for a target that is a sequence to be written: the net gets it, a step behind, as the "
        "input previous, and is used symbol by symbol. What is given is the input source, or those of inputs",
    )
    augment: Many[Annotated[Augment, Named("augment")]] = Field(
        default=(), description="random changes of the training part, anew in each epoch, after preprocess"
    )
    batch_size: PositiveInt = 32
    bucket: bool = Field(
        default=False, description="rows of text of like length in one batch, cut to its longest"
    )
    shuffle: Shuffle = Field(
        default=True,
        description="a new order each epoch, a function of seed and epoch; or streams, for a text and a "
        "stateful net: each batch goes on where the one before ended, in as many streams as a batch has rows",
    )


class AverageSection(Strict):
    """Evaluate and keep the mean of the weights, while training goes on with the last ones."""

    kind: Literal["ema", "swa"] = Field(
        default="ema", description="a moving mean over steps, or the plain mean over the epochs' ends"
    )
    decay: Annotated[float, Field(gt=0, lt=1)] = Field(
        default=0.999, description="ema: the mean's share of what it was at each step"
    )
    start: NonNegativeInt = Field(default=0, description="epochs before the mean begins")


class TrainSection(Strict):
    """How long, how exact, and on what."""

    epochs: PositiveInt = 20
    max_time: Duration | None = Field(
        default=None, description="stop after this long, with a resumable checkpoint"
    )
    accumulate: Annotated[int, Field(ge=1, le=1_000_000)] = Field(
        default=1, description="micro-batches summed up before each update"
    )
    clip_value: PositiveFloat | None = Field(default=None, description="every gradient element to [-v, v]")
    clip_norm: PositiveFloat | None = Field(
        default=None, description="every parameter tensor's gradient norm to at most v"
    )
    clip_global_norm: PositiveFloat | None = Field(
        default=None, description="the whole gradient's norm to at most v"
    )
    average: AverageSection | None = Field(default=None, description="average the weights: ema or swa")
    precision: Literal["float32", "float64"] = "float32"
    device: Literal["cpu", "cuda"] = "cpu"
    compiled: bool = Field(
        default=False,
        description="use kernels compiled by Numba, where there are some; for float32 on the cpu",
    )
    threads: Literal["auto"] | Annotated[int, Field(ge=1, le=256)] = Field(
        default="auto", description="the result does not depend on it"
    )


class CheckpointSection(Strict):
    """What `best` means, and how often `last` is saved."""

    monitor: str = Field(
        default="auto",
        description="a metric such as val.accuracy; auto: val.loss, or nothing without a validation part",
    )
    mode: Literal["auto", "min", "max"] = "auto"
    every: Duration = Field(
        default=60.0,
        description="save within an epoch when this long has passed; the end of an epoch is always saved",
    )


class TransferSection(Strict):
    """Begin with the weights of another run: every array of the same name and shape, states included."""

    from_: Annotated[str, Field(min_length=1)] = Field(
        alias="from",
        description="that run: its folder (from the config's), its name, the beginning of it, or latest",
    )
    checkpoint: Literal["best", "last"] = "best"
    match: Annotated[OneOrMany[str], Field(min_length=1)] = Field(
        default=("*",),
        description="patterns of layers' or arrays' names, as in optimizer.groups; what is named by another "
        "pattern than * must be there, and of the same shape",
    )
    skip: OneOrMany[str] = Field(
        default=(), description="patterns of what keeps its own first values, such as head"
    )
    preprocess: bool = Field(
        default=False,
        description="take over what preprocess and target_transform learnt there, instead of fitting anew",
    )


class Experiment(Strict):
    """One experiment: data, model, loss, optimizer, and how to train."""

    version: Literal[1] = 1
    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,79}$")]
    seed: Annotated[int, Field(ge=0, lt=2**63)] = 0
    data: DataSection
    model: Annotated[Layer, Named("layers")]
    transfer: TransferSection | None = Field(None, description="begin with the weights of another run")
    method: Annotated[Method, Named("methods")] = Field(default="supervised", validate_default=True)  # pyright: ignore[reportAssignmentType]
    loss: Annotated[Loss, Named("losses")] | None = Field(
        None, description="default: cross_entropy for classes, mse for values"
    )
    optimizer: Annotated[Optimizer, Named("optimizers")] = Field(default="adam", validate_default=True)  # pyright: ignore[reportAssignmentType]
    schedule: Annotated[Schedule, Named("schedules")] = Field(default="constant", validate_default=True)  # pyright: ignore[reportAssignmentType]
    regularize: Many[Annotated[Regularizer, Named("regularizers")]] = ()
    train: TrainSection = TrainSection()
    early_stop: Annotated[Annotated[Callback, Named("callbacks")] | None, _of_type("early_stop")] = Field(
        None, description="sugar for an entry of callbacks"
    )
    checkpoint: CheckpointSection = CheckpointSection()
    callbacks: Many[Annotated[Callback, Named("callbacks")]] = ()
    metrics: Many[Annotated[Metric, Named("metrics")]] | None = Field(
        None, description="default: accuracy for classes, rmse and r2 for values"
    )


#: Keys of the file that the loader consumes before the experiment is built.
LOADER_KEYS = ("extends", "vars")

__all__ = ["LOADER_KEYS", "Experiment", "parse_duration"]
