"""Convolutional nets."""

from __future__ import annotations

from benchmarks.nets import cnn, resnet
from benchmarks.workload import Workload, images

WORKLOADS = (
    Workload(
        "cnn",
        "CNN 28×28×1: conv 32, pool, conv 64, pool, 128, 10; batch 64, Adam",
        cnn((32, 64), 128, 10),
        images(64 * 32, 28, 1, 10),
        batch=64,
    ),
    Workload(
        "resnet8",
        "ResNet-8 32×32×3: 16-32-64 with batch_norm; batch 64, Adam",
        resnet((16, 32, 64), 10),
        images(64 * 32, 32, 3, 10),
        batch=64,
    ),
)
