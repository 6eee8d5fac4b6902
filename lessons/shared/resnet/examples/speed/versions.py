"""One line of JSON: which of the packages the benchmark needs are there, and in which version."""

import importlib
import json


def version(*names):
    """The first package's version, if all of them can be imported."""
    return [importlib.import_module(name).__version__ for name in names][0]


found = {}
for name, others in [("torch", ["torchvision", "numpy"]), ("onnxruntime", ["onnx"])]:
    try:
        found[name] = version(name, *others)
    except Exception as error:  # a package that is there but does not load is missing as well
        found[name] = None
        found.setdefault("missing", str(error))
print(json.dumps(found))
