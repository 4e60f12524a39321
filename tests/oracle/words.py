"""What the page says beside its figures."""

from __future__ import annotations

INTRO = """
# How right it is

bpcli's own forward and backward passes, losses, optimizers, schedules and metrics, beside implementations
that share no code with them: all in float64, array by array, **max|a - b| / max|b|** for each (max|a - b|
where b is zero throughout). Outputs are compared, and so are all gradients: of the input, of every parameter.

    pip install -e ".[test,oracle]"
    python -m tests.oracle

runs every comparison and writes this page; where one fails, or is skipped, it writes nothing and ends with 1.
No figure here was typed in. This run:

{oracles}; {machine}.
"""

HOW = """
A case is one component in one configuration. {configurations} configurations of layers, activations and
losses are drawn or enumerated: odd sizes, strides, dilations, groups, every kind of padding, batches of one,
inputs from 10⁻³ to 30, ties, sample weights. `against` says what with:

- **PyTorch**: a function or a module of it, and its autograd.
- **autograd**: the formula written in PyTorch by hand, differentiated by its autograd, where it has no
  function of that name.
- **scikit-learn**: a function of `sklearn.metrics`.
- **formula**: the definition or the paper's algorithm, written out once more.

The same tests run with the suite where the extra is installed, with {everyday} of the whole nets in place of
all. A test holds that no layer, activation, loss, optimizer, schedule or metric is left out
(`tests/reference/test_coverage.py`). Beside this, the gradient of every component is compared with the
definition of a gradient, by complex step or central difference (`tests/generic`, and `bpcli gradcheck` for
your own net), and wrong formulas are tested to be caught.
"""

NETS = """
Nets of dense and convolutional layers, norms, pools, skips, residual blocks and parallel branches, drawn at
random, with their loss, optimizer, and some with penalties, clipping, accumulation or a schedule. bpcli's own
training loop takes 100 updates over shuffled batches with a short last one, and PyTorch takes the same
batches. First come outputs, loss and all gradients of one pass; after 100 updates all parameters, running
statistics and the outputs in evaluation. Where a change of the first weights' last bits grows beyond 10⁻¹¹ in
bpcli's own run, a net is set aside ({sensitive} of {drawn} drawn): it says nothing about either side.
"""

#: The families in the page's order.
TITLES = {
    "layers": "Layers",
    "activations": "Activations",
    "losses": "Losses",
    "optimizers": "Optimizers",
    "schedules": "Schedules",
    "metrics": "Metrics",
    "initializers": "Initializers",
    "nets": "Whole nets",
}

#: What is held without another implementation, by the file.
FILES = {
    "test_layers_by_hand.py": "layers and activations at numbers worked out by hand",
    "test_loss_values.py": "losses at numbers worked out by hand",
    "test_optimizer_traces.py": "the first steps of optimizers, worked out by hand",
}

OTHERS = """
Options of components above that PyTorch lacks: `peepholes` of `lstm` and `reset: before` of `gru` are
compared with a loop of their own and with the complex step (`tests/layers/test_recurrent.py`); the line
search of `lbfgs` has tests of what it promises (`tests/train/test_update.py`).

Other families: initializers draw at random, and are held to their mean, spread and bounds
(`tests/generic/test_initializers.py`); penalties to their gradient, and l2 takes part in the whole nets;
`standardize` and its like are compared with scikit-learn in `tests/data/test_transforms.py`.
"""

#: (what, bpcli, PyTorch, Keras). "the same": as bpcli.
CONVENTIONS = (
    ("axes of images", "(n, h, w, c)", "(n, c, h, w)", "the same"),
    ("weights of `dense`", "(in, out)", "(out, in)", "the same"),
    ("kernels", "(kh, kw, c / groups, filters)", "(filters, c / groups, kh, kw)", "the same"),
    ("`padding: same`", "⌈h / s⌉ places, an odd zero after the image", "for stride 1 only", "the same"),
    ("`conv2d_transpose`, `same`", "h = u·s", "sizes by `output_padding`", "the same"),
    ("pools: what fills no window", "left out", "left out, unless `ceil_mode`", "the same"),
    ("`avg_pool2d`: padding", "not counted, unless `count_include_pad`", "counted by default", "not counted"),
    ("`max_pool2d`: ties", "the first takes the gradient", "the same", "depends on its backend"),
    ("`batch_norm`: momentum", "share of the old, .9", "share of the new, .1", "share of the old, .99"),
    ("`batch_norm`: running variance", "unbiased, m / (m - 1)", "the same", "biased"),
    ("ε of `batch_norm`, `layer_norm`, `group_norm`", "1e-5", "the same", "1e-3"),
    ("ε of `rms_norm`", "1e-6", "the precision's smallest step", "the same"),
    ("`prelu`", "a slope a channel, from .25", "the same, if told the channels", "one a position, from 0"),
    ("`leaky_relu`", "slope .01", "the same", "slope .3 (the layer)"),
    ("`softplus`", "exact throughout", "x itself above 20, off by 2e-9 there", "exact"),
    ("`hard_sigmoid`", "x / 6 + ½", "the same (its slope in float32)", "the same; Keras 2: x / 5 + ½"),
    ("`lstm`: columns", "i, f, o, g", "rows i, f, g, o", "i, f, g, o"),
    ("`lstm`: biases", "one vector, 1 for the forget gate", "two that add up, from ±1/√units", "the same"),
    ("`gru`: columns", "r, z, n", "rows r, z, n", "z, r, n"),
    ("recurrent layers: masked steps give", "0", "0 (packed sequences)", "the last output, by default"),
    ("`cross_entropy` takes", "logits", "logits", "probabilities, unless `from_logits`"),
    ("class weights divide by", "the sum of the weights", "the same", "the number of rows"),
    ("`kl_divergence` takes", "logits and probabilities", "log p; `batchmean` for this mean", "p"),
    ("`poisson` takes", "the logarithm of the count", "the same", "the count"),
    ("`gaussian_nll` takes", "mean and log variance side by side", "mean and variance", "-"),
    ("`cosine`", "1 - c", "1 - c", "-c"),
    ("`mape`", "a share", "-", "per cent"),
    ("`l2: λ`", "½ λ Σw², on weights alone", "`weight_decay` of SGD: the same, on all", "λ Σw²"),
    ("`weight_decay`", "w (1 - rate·λ), on weights alone", "so in AdamW, on all; else in g", "so, on all"),
    ("`sgd`: the rate", "outside of the velocity", "the same", "inside of it"),
    ("`adam`: ε", "added to √v̂, 1e-8", "the same", "added to √v before its correction, 1e-7"),
    ("`rmsprop`: ε, ρ", "added to the root; .9", "added to the root; .99", "under the root; .9"),
    ("`adagrad`", "ε added to the root, s from 0", "the same", "ε under the root, s from .1"),
    ("`adadelta`", "ρ .95, lr 1", "ρ .9, lr 1", "ρ .95, lr .001"),
    ("`adamax`: ε", "max(β₂ u, abs(g) + ε)", "the same", "added to u"),
    ("`rprop`", "steps as multiples of the rate", "the rate is the first step, bounds are absolute", "-"),
    ("`reduce_on_plateau`", "falls after `patience` epochs", "one epoch later", "the same"),
    ("`clip_global_norm: c`", "g c / ‖g‖", "g c / (‖g‖ + 1e-6)", "the same"),
    ("`glorot_normal`, `he_normal`", "a plain normal", "the same", "cut off at two standard deviations"),
)  # fmt: skip
