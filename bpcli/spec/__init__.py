"""The config language: components, their registry, and the loader."""
