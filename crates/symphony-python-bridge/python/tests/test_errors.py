"""The table of codes and the exceptions of the bridge, as Python sees them."""

import json
import pickle
from pathlib import Path

import symphony_bridge
from symphony_bridge import ERROR_CODES, JsError

_TABLE = Path(__file__).resolve().parents[4] / "error-codes.json"


def test_the_codes_are_those_of_the_common_table():
    table = json.loads(_TABLE.read_text())
    entries = table if isinstance(table, list) else table["codes"]
    assert list(ERROR_CODES) == [entry["code"] for entry in entries]


def test_a_jserror_survives_pickling():
    error = pickle.loads(pickle.dumps(JsError("RangeError", "too far", "stack")))
    assert (error.name, error.message, error.stack, str(error)) == ("RangeError", "too far", "stack", "RangeError: too far")


def test_the_compiled_half_says_what_it_is():
    assert symphony_bridge.VERSION == symphony_bridge.BUILD_INFO["version"]
    assert symphony_bridge.BUILD_INFO["abi"] == "abi3-py310"
    assert symphony_bridge.get_system_info()["bridge"] == symphony_bridge.VERSION
