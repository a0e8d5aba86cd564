# What a child process of a Conductor runs: `python -c <this> <core> <settings>`. The package is in the core, so that the child needs nothing
# installed.
import os
import sys
from importlib.machinery import ExtensionFileLoader
from importlib.util import module_from_spec, spec_from_file_location

path, settings = sys.argv[1:3]
name = "symphony_bridge._native"
spec = spec_from_file_location(name, path, loader=ExtensionFileLoader(name, path))
native = module_from_spec(spec)
spec.loader.exec_module(native)
del sys.path[0:1]
os._exit(native.serve_subprocess(settings))
