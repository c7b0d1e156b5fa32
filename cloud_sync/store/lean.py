"""sqlite-utils without what it would bring along: it imports numpy and pandas wherever it finds them installed.

The service never computes with either, and a community's server should not carry 30 MB for an import file.
"""

import sys
from importlib import import_module
from types import ModuleType
from typing import cast

_UNWANTED = ("numpy", "pandas")


def _import_lean(name: str) -> ModuleType:
    """Import ``name`` as if the unwanted were not installed; who has loaded them already keeps them."""
    hidden = [module for module in _UNWANTED if module not in sys.modules]
    modules = cast("dict[str, ModuleType | None]", sys.modules)
    modules.update(dict.fromkeys(hidden))  # None there reads as "not installed"
    try:
        return import_module(name)
    finally:
        for module in hidden:
            del modules[module]


_import_lean("sqlite_utils")
from sqlite_utils import Database  # noqa: E402 - after the lean import, or it would not be one

__all__ = ["Database"]
