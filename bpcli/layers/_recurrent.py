"""The two passes of a recurrent layer, but for the loops over time, which each cell has of its own."""

from __future__ import annotations

from abc import abstractmethod
from itertools import accumulate
from typing import Any

from bpcli.core.ctx import Ctx
from bpcli.core.store import Tree
from bpcli.errors import ConfigError, UsageError
from bpcli.layers._gate_inputs import gate_inputs, gate_inputs_back
from bpcli.layers._recurrent_fields import RecurrentFields
from bpcli.layers._scan import Scan, scratch, skipped, steps_first
from bpcli.layers.dropout import Dropout

_NOTHING = Tree()


class Recurrent(RecurrentFields):
    """hₜ = f(xₜ, hₜ₋₁; p), the same function at every step of a sequence.

    A cell gives `steps` and `steps_back`. What its gates get of x is one product for all steps; so are the
    gradients of W and U, after the loop back.
    """

    @property
    def by_pieces(self) -> bool:
        return not self.reverse

    @abstractmethod
    def steps(self, p: Tree, s: Scan, ctx: Ctx) -> None:
        """From the inputs of the gates in s.z and the states before step 0: fills both for all steps."""

    @abstractmethod
    def steps_back(self, p: Tree, g: Tree, s: Scan, dys: Any, ds: tuple[Any, ...], dz: Any, ctx: Ctx) -> None:
        """Writes dz (t, n, gates·units), the gradient at what the gates get of x, and those of all parameters
        but W and b.

        dys (t, n, units) is the gradient of each step's output, or None; ds come in as the gradients of the
        states after the last step and go out as those before the first.
        """

    # --- forward ------------------------------------------------------------------------------------

    def forward(self, p: Tree, x: Any, ctx: Ctx) -> Any:
        sequence, *initial = x if isinstance(x, tuple) else (x,)
        mask = ctx.mask = ctx.masks[0] if initial and ctx.masks else ctx.mask
        n, t, _ = sequence.shape
        first = self._first_state(p, sequence, initial, ctx)
        pad, pads = skipped(mask, self.reverse, t, ctx.xp)
        given = gate_inputs(self, p, sequence, pad, ctx)
        z = given.z
        states = tuple(scratch(ctx, name, (t + 1, n, self.units), z.dtype) for name in self.states)
        for state, part in zip(states, first, strict=True):
            state[0] = part
        wanted = self.return_state or self.stateful is not None or ctx.shared.decoding is not None
        last = scratch(ctx, "last", (n, self.width), z.dtype) if wanted else None
        widths = tuple(part.shape[1] for part in initial)
        s = Scan(z, states, self._kept(n, z.dtype, ctx), pads, widths, last)
        ctx.saved = given, s
        self.steps(p, s, ctx)
        if last is not None:
            for part, state in zip(self._parts(last), states, strict=True):
                part[...] = state[-1]
        self._carry_on(p, last, ctx)
        return self._output(s, mask, ctx)

    def _first_state(self, p: Tree, sequence: Any, initial: list[Any], ctx: Ctx) -> tuple[Any, ...]:
        """The state before step 0, in parts as `states` has them: arrays (n, units), or zeros."""
        n, seen = len(sequence), ctx.shared.decoding
        if seen is not None and self.reverse:
            raise UsageError(
                f"{self.type} reads the sequence from its end, so it cannot go on step by step",
                hint="train it without reverse and without bidirectional",
            )
        if seen:
            before = None if ctx.saved is None else ctx.saved[1].last
            if before is None or len(before) != n:
                told = "none" if before is None else len(before)
                raise ValueError(f"decoding goes on with {n} rows, but {self.type} remembers {told}")
            return self._parts(before if ctx.shared.reorder is None else before[ctx.shared.reorder])
        if initial:
            whole, start = scratch(ctx, "first", (n, self.width), sequence.dtype), 0
            for part in initial:
                whole[:, start : start + part.shape[1]] = part
                start += part.shape[1]
            return self._parts(whole)
        if self.stateful is None or not ctx.training:
            return (0,) * len(self.states)
        if n > self.stateful:
            raise ConfigError(
                f"a batch has {n} rows, and {'.'.join(ctx.path[1:])} goes on with {self.stateful} sequences",
                hint=f"set data.batch_size: {self.stateful}, or stateful: {n}",
            )
        return (0,) * len(self.states) if ctx.shared.begins else self._parts(p.carry[:n])

    def _parts(self, whole: Any) -> tuple[Any, ...]:
        return tuple(whole[:, k * self.units : (k + 1) * self.units] for k in range(len(self.states)))

    def by_gate(self, name: str, weights: Any, ctx: Ctx) -> Any:
        """The weights (rows, gates·units) as (gates, rows, units), those of sigmoids halved.

        With σ(z) = ½ + ½ tanh(z/2) one tanh serves all gates; halving is exact, it adds no rounding.
        """
        parts = weights.reshape(-1, self.gates, self.units).swapaxes(0, 1)
        copied = ctx.buf(f"{name} by gate", parts.shape, weights.dtype)
        copied[...] = parts
        copied[: self.sigmoids] *= 0.5
        return copied

    def _kept(self, n: int, dtype: Any, ctx: Ctx) -> Any:
        if not self.recurrent_dropout or not ctx.training:
            return None
        ones = ctx.xp.ones((n, self.units), dtype)
        return Dropout(rate=self.recurrent_dropout).forward(_NOTHING, ones, ctx.child("dropout"))

    def used(self, s: Scan, ctx: Ctx) -> Any:
        """The state before each step as U gets it (t, n, units); where there is dropout, `steps` fills it."""
        h = s.states[0]
        return h[:-1] if s.kept is None else scratch(ctx, "dropped", h[1:].shape, h.dtype)

    def _carry_on(self, p: Tree, last: Any, ctx: Ctx) -> None:
        """Asks for the state after this batch to be the one that the next batch starts from."""
        if self.stateful is None or not ctx.training:
            return
        carry = ctx.buf("carry", p.carry.shape, last.dtype)
        carry[...] = p.carry
        carry[: len(last)] = last
        ctx.update("carry", carry)

    def _output(self, s: Scan, mask: Any, ctx: Ctx) -> Any:
        xp, h = ctx.xp, s.states[0]
        if not self.return_sequences:
            return s.last if self.return_state else h[-1]
        y = ctx.buf("y", (h.shape[1], len(h) - 1, self.units), h.dtype)
        y[...] = (h[:0:-1] if self.reverse else h[1:]).swapaxes(0, 1)
        if s.padded:
            xp.copyto(y, 0, where=xp.logical_not(mask)[:, :, None])
        return (y, s.last) if self.return_state else y

    # --- backward -----------------------------------------------------------------------------------

    def backward(self, p: Tree, g: Tree, dy: Any, ctx: Ctx) -> Any:
        given, s = ctx.saved
        t, n, units = s.shape
        dz = scratch(ctx, "dz", (t, n, self.gates * units), s.z.dtype)
        ds = tuple(scratch(ctx, "dstate", (len(self.states), n, units), dz.dtype))
        self.steps_back(p, g, s, self._gradients_of_outputs(s, dy, ds, ctx), ds, dz, ctx)
        if (look := ctx.shared.through_time) is not None:
            look(ctx.path, dz[::-1] if self.reverse else dz)
        dx = gate_inputs_back(self, p, g, given, dz, ctx)
        return (dx, *self._gradients_of_first(s, ds, ctx)) if ctx.need_dx and s.initial else dx

    def _gradients_of_outputs(self, s: Scan, dy: Any, ds: tuple[Any, ...], ctx: Ctx) -> Any:
        """Sets ds to the gradient of the last state; returns that of each step's output, or None."""
        every, last = dy if isinstance(dy, tuple) else (dy, None) if self.return_sequences else (None, dy)
        for part in ds:
            part[...] = 0
        if last is not None:
            for part, given in zip(ds, self._parts(last) if self.return_state else (last,), strict=False):
                part[...] = given
        if every is None:
            return None
        dys = steps_first(every, self.reverse)
        if not s.padded:
            return dys
        kept = scratch(ctx, "dy", dys.shape, dys.dtype)
        kept[...] = dys
        for dy_t, pad in zip(kept, s.pads, strict=True):
            if pad is not None:
                ctx.xp.copyto(dy_t, 0, where=pad)
        return kept

    def _gradients_of_first(self, s: Scan, ds: tuple[Any, ...], ctx: Ctx) -> list[Any]:
        """ds in the parts in which the first state came in."""
        whole = scratch(ctx, "dfirst", (len(ds[0]), self.width), ds[0].dtype)
        for part, d in zip(self._parts(whole), ds, strict=True):
            part[...] = d
        stops = list(accumulate(s.initial))
        return [whole[:, stop - width : stop] for width, stop in zip(s.initial, stops, strict=True)]

    def transposed(self, weights: Any, ctx: Ctx) -> Any:
        """Uᵀ, copied: the product with it is made at every step, and is faster so."""
        copied = ctx.buf("Uᵀ", weights.shape[::-1], weights.dtype)
        copied[...] = weights.T
        return copied

    def gradient_of(self, dU: Any, du: Any, s: Scan, ctx: Ctx) -> None:
        """dU = Σ hₜ₋₁ᵀ duₜ over rows and steps, one product."""
        flat = du.reshape(-1, du.shape[2])
        ctx.matmul(self.used(s, ctx).reshape(len(flat), -1).T, flat, dU)
