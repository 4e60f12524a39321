"""Training: the loop, and what is before and after it. `bpcli.train(...)` trains a config: it is callable."""

from __future__ import annotations

import sys
from types import ModuleType
from typing import Any


class _Callable(ModuleType):
    """This package is in the place where the API has its function of that name, so it can be called."""

    def __call__(self, *arguments: Any, **options: Any) -> Any:
        from bpcli.train.api import train

        return train(*arguments, **options)


sys.modules[__name__].__class__ = _Callable
