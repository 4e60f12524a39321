"""`python -m tests.oracle`: every comparison with another implementation, and docs/correctness.md from it."""
