"""Digits with PyTorch: FILE ROWS."""

import sys

import numpy as np
import torch
from torch import nn

torch.manual_seed(1)
table = np.loadtxt(sys.argv[1], delimiter=",", skiprows=1, dtype=np.float32)
table = table[np.random.default_rng(1).permutation(len(table))]
rows = int(sys.argv[2])
mean, deviation = table[:rows, :-1].mean(0), table[:rows, :-1].std(0)
x = torch.from_numpy((table[:, :-1] - mean) / np.where(deviation > 0, deviation, 1))
y = torch.from_numpy(table[:, -1].astype(np.int64))
net = nn.Sequential(nn.Linear(64, 128), nn.ReLU(), nn.Linear(128, 64), nn.ReLU(), nn.Linear(64, 10))
optimizer = torch.optim.Adam(net.parameters(), lr=0.001, fused=True)
loss = nn.CrossEntropyLoss()
for _ in range(50):
    for batch in torch.randperm(rows).split(32):
        optimizer.zero_grad()
        loss(net(x[batch]), y[batch]).backward()
        optimizer.step()
with torch.inference_mode():
    print(float((net(x[rows:]).argmax(1) == y[rows:]).float().mean()))
