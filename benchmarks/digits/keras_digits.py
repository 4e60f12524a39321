"""Digits with Keras, on JAX where it is installed: FILE ROWS."""

import os
import sys
from importlib.util import find_spec

import numpy as np

os.environ["KERAS_BACKEND"] = "jax" if find_spec("jax") else "torch"
import keras  # the backend is chosen before

keras.utils.set_random_seed(1)
table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
table = table[np.random.default_rng(1).permutation(len(table))]
rows = int(sys.argv[2])
mean, deviation = table[:rows, :-1].mean(0), table[:rows, :-1].std(0)
x, y = (table[:, :-1] - mean) / np.where(deviation > 0, deviation, 1), table[:, -1].astype(int)
dense = keras.layers.Dense
net = keras.Sequential([keras.Input((64,)), dense(128, "relu"), dense(64, "relu"), dense(10)])
loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
net.compile(keras.optimizers.Adam(0.001), loss)
net.fit(x[:rows], y[:rows], batch_size=32, epochs=50, verbose=0)  # pyright: ignore[reportArgumentType]
made = net.predict(x[rows:], verbose=0)  # pyright: ignore[reportArgumentType]
print((made.argmax(1) == y[rows:]).mean())
