"""A new component is one new file: one of each kind, added from outside through an entry point.

Found by the config language, the JSON schema, `list`, `show` and the generic tests, with no other change.
"""

from __future__ import annotations

import json
import pickle
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import bpcli
from bpcli.cli.run import run as command
from bpcli.errors import ConfigError
from bpcli.spec.docs import catalogue, json_schema, manual
from bpcli.spec.registry import family
from bpcli.train import gradients
from tests.generic import laws, rigs
from tests.train import helpers as h

TOP = """\
from __future__ import annotations
from typing import Any, ClassVar, Literal
import numpy as np
from bpcli.spec.base import Example
"""

#: (family, name) -> the whole of the one file that adds it.
FILES = {
    ("layers", "outside_shift"): """
from bpcli.layers.base import Layer

class OutsideShift(Layer):
    \"\"\"y = x + s, a learnt shift of each feature.

    Backward: ds = Σ dy, dx = dy.
    \"\"\"

    type: Literal["outside_shift"] = "outside_shift"
    start: float = 0.25
    aliases: ClassVar = ("outside_offset",)
    examples: ClassVar = (Example({}, (3,)), Example({"start": 1.0}, (2, 3)))

    def build(self, shape, decl):
        from bpcli.initializers.constant import Constant
        decl.param("s", shape[-1:], Constant(value=self.start), decay=False)
        return shape

    def forward(self, p, x, ctx):
        return ctx.xp.add(x, p.s, out=ctx.buf("y", x.shape, x.dtype))

    def backward(self, p, g, dy, ctx):
        dy.reshape(-1, dy.shape[-1]).sum(axis=0, out=g.s)
        return dy if ctx.need_dx else None
""",
    ("losses", "outside_fourth"): """
from bpcli.losses.base import Loss, column_means

class OutsideFourth(Loss):
    \"\"\"l = Σⱼ (yⱼ - tⱼ)⁴, which cares about the worst rows.\"\"\"

    type: Literal["outside_fourth"] = "outside_fourth"
    targets: ClassVar[tuple[str, ...]] = ("values",)
    examples: ClassVar = (Example({}, (2,)),)

    def units(self, target):
        return target.width

    def rows(self, y, t, ctx):
        e = y - t
        return (e**4).sum(axis=1), 4 * e**3

    def baseline(self, target):
        return column_means(target)
""",
    ("optimizers", "outside_sign"): """
from bpcli.optimizers.base import Optimizer

class OutsideSign(Optimizer):
    \"\"\"m <- 0.8 m + 0.2 g, w <- w - rate sign(m), whatever the size of the gradient.\"\"\"

    type: Literal["outside_sign"] = "outside_sign"
    slots: ClassVar[tuple[str, ...]] = ("m",)
    examples: ClassVar = (Example({}),)

    def step(self, w, g, s, rate, t, ctx):
        s["m"] += 0.2 * (g - s["m"])
        w -= (rate * ctx.xp.sign(s["m"])).astype(w.dtype)
""",
    ("metrics", "outside_worst"): """
from bpcli.metrics.base import Metric

class OutsideWorst(Metric):
    \"\"\"The mean of the fourth powers of the errors, to the power of 1/4.\"\"\"

    type: Literal["outside_worst"] = "outside_worst"
    higher_is_better: ClassVar[bool] = False
    targets: ClassVar[tuple[str, ...]] = ("values",)
    examples: ClassVar = (Example({}),)

    def sums(self, prediction, target):
        e = prediction.values - prediction.actual
        return np.array([(e**4).sum(), e.size], dtype=np.float64)

    def value(self, sums, target):
        return float((sums[0] / sums[1]) ** 0.25) if sums[1] else float("nan")
""",
    ("schedules", "outside_saw"): """
from pydantic import PositiveInt
from bpcli.schedules.base import Schedule

class OutsideSaw(Schedule):
    \"\"\"rate = lr (1 - t / period), again and again.\"\"\"

    type: Literal["outside_saw"] = "outside_saw"
    period: PositiveInt = 5
    examples: ClassVar = (Example({}), Example({"period": 2}))

    def factor(self, clock, lr):
        return 1 - clock.step % self.period / self.period
""",
    ("sources", "outside_wave"): """
from hashlib import sha256
from pydantic import PositiveInt
from bpcli.data.records import Column, Records
from bpcli.data.sources.base import Source

class OutsideWave(Source):
    \"\"\"Rows of x and y = sin x, made rather than read.\"\"\"

    type: Literal["outside_wave"] = "outside_wave"
    rows: PositiveInt = 90
    examples: ClassVar = (Example({}),)

    def read(self, files, *, target=True):
        x = np.linspace(-3, 3, self.rows)
        columns = [Column("x", "number", x)], [Column("y", "number", np.sin(x))] if target else []
        digest = sha256(x.tobytes()).hexdigest()
        return Records(*columns, None, np.arange(self.rows), "outside_wave", "row", digest)

    def at(self, path):
        return self
""",
}
KINDS = sorted(FILES)

CONFIG: dict[str, Any] = {
    "name": "outside",
    "data": {"source": {"type": "outside_wave", "rows": 120}, "batch_size": 16},
    "model": {
        "type": "sequential",
        "head": "auto",
        "layers": [
            {"type": "dense", "units": 8, "activation": "tanh"},
            {"type": "outside_shift", "start": 0.5},
        ],
    },
    "loss": "outside_fourth",
    "optimizer": {"type": "outside_sign", "lr": 0.02},
    "schedule": {"type": "outside_saw", "period": 40},
    "metrics": ["r2", "outside_worst"],
    "train": {"epochs": 30, "threads": 1},
    "checkpoint": {"monitor": "val.outside_worst"},
}


@pytest.fixture
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """An installed package of six modules: half its entry points name the module, half the class."""
    place = tmp_path / "site"
    (place / "outside-1.0.dist-info").mkdir(parents=True)
    (place / "outside-1.0.dist-info" / "METADATA").write_text(
        "Metadata-Version: 2.1\nName: outside\nVersion: 1.0\n"
    )
    groups: list[str] = []
    for number, ((fam, name), text) in enumerate(FILES.items()):
        (place / f"{name}.py").write_text(TOP + text)
        cls = "".join(word.title() for word in name.split("_"))
        groups.append(f"[bpcli.{fam}]\n{name} = {name}{f':{cls}' if number % 2 else ''}\n")
    (place / "outside-1.0.dist-info" / "entry_points.txt").write_text("\n".join(groups))
    monkeypatch.syspath_prepend(str(place))
    family.cache_clear()
    yield
    monkeypatch.undo()
    family.cache_clear()
    for _, name in FILES:
        sys.modules.pop(name, None)


@pytest.mark.parametrize(("fam", "name"), KINDS)
def test_without_the_package_there_is_no_such_thing(fam: str, name: str) -> None:
    assert name not in family(fam)
    assert name not in json.dumps(json_schema())


@pytest.mark.parametrize(("fam", "name"), KINDS)
def test_it_is_in_the_schema_the_catalogue_and_the_manual(plugin: None, fam: str, name: str) -> None:
    definitions = json_schema()["$defs"]
    assert {"$ref": f"#/$defs/{fam}.{name}"} in definitions[fam]["anyOf"]
    assert definitions[f"{fam}.{name}"]["properties"]["type"]["enum"][0] == name
    first = (family(fam)[name].__doc__ or "").splitlines()[0]
    assert (name, first) in catalogue(fam)
    page = manual(family(fam)[name])
    assert (page.type, page.family, page.summary) == (name, fam, first)
    own = {field.name for field in page.fields}
    assert own == set(family(fam)[name].config_keys()) - {"type"}


@pytest.mark.parametrize(("fam", "name"), KINDS)
def test_list_and_show_tell_of_it(
    plugin: None, capsys: pytest.CaptureFixture[str], fam: str, name: str
) -> None:
    assert command(["list", fam]) == 0
    assert name in capsys.readouterr().out
    assert command(["list", fam, "--json"]) == 0
    assert name in [one["name"] for one in json.loads(capsys.readouterr().out)["components"]]
    assert command(["show", name]) == 0
    first = (family(fam)[name].__doc__ or "").splitlines()[0]
    assert first in capsys.readouterr().out
    assert command(["show", f"{fam}/{name}", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["type"] == name


@pytest.mark.parametrize(("fam", "name"), KINDS)
def test_the_generic_tests_pick_it_up(plugin: None, fam: str, name: str) -> None:
    """Their cases come from the families: this is what they are made from when they are collected."""
    assert name in list(family(fam))
    found = [case for case in rigs.cases(fam) if case[0].rstrip("0123456789") == name]
    assert len(found) == len(family(fam)[name].examples)
    for _, component, _ in found:
        assert pickle.loads(pickle.dumps(component)) == component


@pytest.mark.parametrize("law", laws.LAWS, ids=lambda law: law.__name__)
def test_the_layer_obeys_the_laws(plugin: None, law: Any) -> None:
    for _, layer, shape in (case for case in rigs.cases("layers") if case[0].startswith("outside_")):
        for training in (False, True):
            law(rigs.rig(layer, shape, training=training))


def test_a_config_made_of_them_trains_resumes_and_predicts(plugin: None, tmp_path: Path) -> None:
    loaded = h.loaded(tmp_path, CONFIG)
    report = gradients.gradcheck(loaded)
    assert report["passed"] is True
    assert "outside_shift1" in {row["layer"] for row in report["parameters"]}
    whole = h.train(tmp_path, CONFIG)
    assert whole.metrics["val"]["r2"] > 0.9
    assert whole.metrics["val"]["outside_worst"] < whole.baseline["val"]["outside_worst"] / 3
    run = h.stopped_at(50, lambda listener: h.train(tmp_path, CONFIG, listener=listener))
    h.resume(run)
    assert h.traces(run) == h.traces(whole.run)
    predicted = list(bpcli.load(run).predict([{"x": 1.5}, {"x": -1.5}]))
    assert predicted[0]["prediction"] > 0.5
    assert predicted[1]["prediction"] < -0.5


def test_its_alias_works_and_its_typos_are_told(plugin: None, tmp_path: Path) -> None:
    layers = CONFIG["model"]["layers"]
    alias = {**CONFIG["model"], "layers": [layers[0], {"type": "outside_offset"}]}
    assert (
        h.loaded(tmp_path, CONFIG | {"model": alias}).experiment.model.children()[1][1].type
        == "outside_shift"
    )
    for tree, said in (
        (CONFIG | {"loss": "outside_fourt"}, "did you mean 'outside_fourth'"),
        (CONFIG | {"schedule": {"type": "outside_saw", "perid": 3}}, "did you mean 'period'"),
    ):
        with pytest.raises(ConfigError, match=said):
            h.loaded(tmp_path, tree)
