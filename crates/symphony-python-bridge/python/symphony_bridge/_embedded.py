"""Imports the modules of this package from the core binary, which carries their source."""

import sys

# `importlib.machinery` is a file on disk; what it offers is part of the interpreter.
from _frozen_importlib import ModuleSpec


class EmbeddedFinder:
    """A finder and loader over ``source(name) -> (text, is package) | None``."""

    def __init__(self, source):
        self._source = source

    def find_spec(self, name, path=None, target=None):
        if not name.startswith("symphony_bridge"):
            return None
        found = self._source(name)
        return None if found is None else ModuleSpec(name, self, origin=f"<{name}>", is_package=found[1])

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        name = module.__name__
        exec(compile(self._source(name)[0], f"<{name}>", "exec"), module.__dict__)

    def get_source(self, name):
        """For ``inspect`` and tracebacks."""
        return self._source(name)[0]

    def is_package(self, name):
        return self._source(name)[1]


def install(source):
    """From now on the package is found here first."""
    sys.meta_path.insert(0, EmbeddedFinder(source))
