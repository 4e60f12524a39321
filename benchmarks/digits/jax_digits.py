"""Digits with JAX and optax: FILE ROWS."""

import sys
from itertools import pairwise

import jax
import jax.numpy as jnp
import numpy as np
import optax

rng = np.random.default_rng(1)
table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
table = table[rng.permutation(len(table))]
rows = int(sys.argv[2])
mean, deviation = table[:rows, :-1].mean(0), table[:rows, :-1].std(0)
x, y = (table[:, :-1] - mean) / np.where(deviation > 0, deviation, 1), table[:, -1].astype(np.int32)
sizes = (64, 128, 64, 10)
weights = [
    (rng.uniform(-1, 1, (a, b)).astype(np.float32) * (6 / (a + b)) ** 0.5, np.zeros(b, np.float32))
    for a, b in pairwise(sizes)
]
optimizer = optax.adam(0.001)
state = optimizer.init(weights)


def net(weights, x):
    for W, b in weights[:-1]:
        x = jax.nn.relu(x @ W + b)
    return x @ weights[-1][0] + weights[-1][1]


@jax.jit
def step(weights, state, x, y):
    def loss(weights):
        return optax.softmax_cross_entropy_with_integer_labels(net(weights, x), y).mean()

    updates, state = optimizer.update(jax.grad(loss)(weights), state)
    return optax.apply_updates(weights, updates), state


for _ in range(50):
    order = rng.permutation(rows)
    for start in range(0, rows, 32):
        batch = order[start : start + 32]
        weights, state = step(weights, state, x[batch], y[batch])
print(float((jnp.argmax(net(weights, x[rows:]), 1) == y[rows:]).mean()))
