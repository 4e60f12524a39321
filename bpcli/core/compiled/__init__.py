"""Kernels compiled by Numba, each the twin of a NumPy form that stays the reference: train.compiled: true.

A file has the kernels of one spot. They are for float32 on the host, write only what they are given to
write, and let go of the interpreter lock, so that the blocks of core/rows.py run side by side.
Who has a twin asks for it with `ctx.compiled`; tests hold both forms against each other.
"""
