"""Makes the package importable: its compiled half is the core binary, which is a Python extension as well."""

import importlib.machinery
import importlib.util
import os
import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parents[1]
_ROOT = _PACKAGE.parents[2]


def _core() -> Path:
    named = os.environ.get("SYMPHONY_CORE")
    if named:
        return Path(named)
    found = sorted(_ROOT.glob("npm/*/symphony-node.*.node"))
    if not found:
        raise RuntimeError("no core binary: run `npm run build` first")
    return found[0]


def _load() -> None:
    sys.path.insert(0, str(_PACKAGE))
    name = "symphony_bridge._native"
    loader = importlib.machinery.ExtensionFileLoader(name, str(_core()))
    spec = importlib.util.spec_from_file_location(name, str(_core()), loader=loader)
    assert spec is not None
    module = importlib.util.module_from_spec(spec)
    loader.exec_module(module)
    sys.modules[name] = module


_load()
