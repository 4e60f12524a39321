from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field, PositiveInt

from bpcli.activations.base import Activation
from bpcli.layers._preset import Preset
from bpcli.layers.base import Layer
from bpcli.spec.base import Example
from bpcli.spec.registry import Named


class TransformerBlock(Preset):
    """x + attention(norm(x)), then x + feed_forward(norm(x)): the block that transformers are made of.

    With `norm: after`, as first published, norm(x + attention(x)), then norm(x + feed_forward(x)). Stands
    for two residuals of layer_norm, multi_head_attention or feed_forward, and dropout, and shows them
    (`bpcli summary`). The width stays; `units` is that of the feed-forward part in between, by default four
    times as wide. `dropout` is that of the attention weights, of the units in between and of both sums.
    Source: Vaswani et al., 2017; norms before: Xiong et al., 2020.
    """

    type: Literal["transformer_block"] = "transformer_block"
    heads: PositiveInt
    units: PositiveInt | None = Field(
        default=None, description="the width inside the feed-forward part; by default four times that of x"
    )
    dropout: Annotated[float, Field(ge=0, lt=1)] = 0.0
    causal: bool = Field(default=False, description="whether step t sees the steps up to t alone")
    norm: Literal["before", "after"] = Field(
        default="before", description="before: trains without a warmup; after: as in the paper"
    )
    activation: Annotated[Activation, Named("activations")] = Field(default="gelu", validate_default=True)  # pyright: ignore[reportAssignmentType]
    head: Literal["auto", "none"] = "none"

    examples: ClassVar = (
        Example({"heads": 2}, (3, 4)),
        Example(
            {"heads": 1, "units": 3, "causal": True, "norm": "after", "dropout": 0.2, "activation": "tanh"},
            (2, 3),
        ),
    )

    def layers_of(self) -> list[dict[str, Any] | Layer | str]:
        attention = {
            "type": "multi_head_attention",
            "heads": self.heads,
            "causal": self.causal,
            "dropout": self.dropout,
        }
        feed_forward = {
            "type": "feed_forward",
            "units": self.units,
            "activation": self.activation,
            "dropout": self.dropout,
        }
        return [*self._residual(attention), *self._residual(feed_forward)]

    def _residual(self, part: dict[str, Any]) -> list[dict[str, Any] | Layer | str]:
        dropout = [{"type": "dropout", "rate": self.dropout}] if self.dropout else []
        if self.norm == "after":
            return [{"type": "residual", "layers": [part, *dropout]}, "layer_norm"]
        return [{"type": "residual", "layers": ["layer_norm", part, *dropout]}]
