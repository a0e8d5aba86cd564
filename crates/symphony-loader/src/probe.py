# Runs inside a candidate interpreter (`-I -S -c`) and prints one line: the marker, then what that interpreter is, as JSON.
# The syntax is that of Python 2.7 too, so that an old interpreter can say that it is one.
import json
import os
import struct
import sys

MARKER = "symphony-python-bridge:probe:"


def variables():
    """What the build recorded about itself; {} where it recorded nothing."""
    try:
        import sysconfig

        return dict(sysconfig.get_config_vars(), platform=sysconfig.get_platform())
    except Exception:
        return {}


def c_library(built):
    try:
        version = os.confstr("CS_GNU_LIBC_VERSION")
        if version:
            return version
    except (AttributeError, ValueError, OSError):
        pass
    return "musl" if "musl" in "%s %s" % (built.get("HOST_GNU_TYPE"), built.get("SOABI")) else "system"


def openssl():
    """`_ssl` rather than `ssl`: the version without the cost of the whole module."""
    try:
        import _ssl

        return _ssl.OPENSSL_VERSION
    except Exception:
        return None


def mapped_library():
    """The file that holds Py_GetVersion in this process, or None if that is the executable or cannot be told."""
    try:
        import ctypes

        if os.name == "nt":
            buffer = ctypes.create_unicode_buffer(32768)
            ctypes.windll.kernel32.GetModuleFileNameW(ctypes.c_void_p(ctypes.pythonapi._handle), buffer, len(buffer))
            name = buffer.value
        else:

            class Information(ctypes.Structure):
                _fields_ = [
                    ("file", ctypes.c_char_p),
                    ("base", ctypes.c_void_p),
                    ("symbol", ctypes.c_char_p),
                    ("address", ctypes.c_void_p),
                ]

            information = Information()
            address = ctypes.cast(ctypes.pythonapi.Py_GetVersion, ctypes.c_void_p)
            if not ctypes.CDLL(None).dladdr(address, ctypes.byref(information)):
                return None
            name = os.fsdecode(information.file)
        if not os.path.isabs(name) or not os.path.isfile(name):
            return None
        return None if os.path.samefile(name, sys.executable) else name
    except Exception:
        return None


def text(value):
    return None if value is None or value == "" else str(value)


built = variables()
answer = {
    "version": list(sys.version_info[:3]),
    "level": sys.version_info[3],
    "serial": sys.version_info[4],
    "implementation": sys.implementation.name if hasattr(sys, "implementation") else "cpython",
    "executable": sys.executable or "",
    "base_executable": text(getattr(sys, "_base_executable", None)),
    "base_prefix": getattr(sys, "base_prefix", sys.prefix),
    "abiflags": getattr(sys, "abiflags", ""),
    "library_name": text(built.get("LDLIBRARY")),
    "soname": text(built.get("INSTSONAME")),
    "library_folder": text(built.get("LIBDIR")),
    "config_folder": text(built.get("LIBPL")),
    "framework_prefix": text(built.get("PYTHONFRAMEWORKPREFIX")),
    "shared": bool(built.get("Py_ENABLE_SHARED")),
    "free_threaded": bool(built.get("Py_GIL_DISABLED")),
    "trace_references": bool(built.get("Py_TRACE_REFS")),
    "bits": struct.calcsize("P") * 8,
    "c_library": c_library(built),
    "platform": str(built.get("platform", sys.platform)),
    "openssl": openssl(),
    "mapped_library": mapped_library(),
    "conda": os.path.isdir(os.path.join(getattr(sys, "base_prefix", sys.prefix), "conda-meta")),
}
# One write of bytes: neither the encoding nor the buffering of sys.stdout can alter the line.
os.write(1, ("\n" + MARKER + json.dumps(answer) + "\n").encode("ascii"))
