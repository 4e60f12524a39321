"""PyTorch, eager: modules, the fused Adam, and batches taken from a tensor in memory."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn

from benchmarks.job import Job
from benchmarks.peers.torch_net import network
from benchmarks.turns import Turns

PACKAGES = ("torch",)


def run(job: Job, turns: Turns, *, compiled: bool = False) -> None:
    torch.set_num_threads(job.threads)
    torch.manual_seed(0)
    net: Any = network(job.layers, job.weights, job.x.shape[1:])
    x, y = torch.from_numpy(job.x), torch.from_numpy(job.y)
    if x.ndim == 4:
        x = x.permute(0, 3, 1, 2).contiguous(memory_format=torch.channels_last)
        net = net.to(memory_format=torch.channels_last)
    params = list(net.parameters())
    if compiled:
        net = torch.compile(net)
    if job.inference:
        _predict(net, x, job, turns)
    kinds: dict[str, Any] = {"adam": torch.optim.Adam, "sgd": torch.optim.SGD}
    optimizer = kinds[job.optimizer](params, lr=job.lr, fused=True)
    measure = nn.MSELoss() if job.loss == "mse" else nn.CrossEntropyLoss()
    for rows in map(torch.from_numpy, job.rows()):
        given, wanted = x[rows], y[rows]
        optimizer.zero_grad()
        made = net(given)
        if wanted.ndim == 2 and job.loss == "cross_entropy":
            made, wanted = made.flatten(0, 1), wanted.flatten()
        loss = measure(made, wanted)
        loss.backward()
        optimizer.step()
        turns(lambda loss=loss: float(loss))


def _predict(net: Any, x: Any, job: Job, turns: Turns) -> None:
    net.eval()
    with torch.inference_mode():
        for rows in map(torch.from_numpy, job.rows()):
            made = net(x[rows])
            turns(lambda made=made: float(made.abs().mean()))
