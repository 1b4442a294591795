"""lit configuration: MLIR files with RUN lines, tools from the environment that runs lit.

`lit --param shell=1` starts a process for every command, as a user's shell does.
"""

import os
import shutil
import sys

import lit.formats

config.name = "pim-opt"  # noqa: F821
config.suffixes = [".mlir"]  # noqa: F821
config.excludes = ["inputs"]  # noqa: F821
config.test_source_root = os.path.dirname(__file__)  # noqa: F821
config.environment["PATH"] = os.pathsep.join(  # noqa: F821
    [os.path.dirname(sys.executable), os.environ.get("PATH", "")]
)

# What tunings find is remembered per user; tests start without memories and leave none.
data_home = os.path.join(config.test_exec_root or config.test_source_root, "Output", "data")  # noqa: F821
shutil.rmtree(data_home, ignore_errors=True)
config.environment["XDG_DATA_HOME"] = os.environ["XDG_DATA_HOME"] = data_home  # noqa: F821

sys.path.insert(0, config.test_source_root)  # noqa: F821

from in_process import InProcessTest  # noqa: E402

from pim_opt.dialects import mlir_bridge  # noqa: E402

if mlir_bridge.available():
    config.available_features.add("mlir")  # noqa: F821

if lit_config.params.get("shell"):  # noqa: F821
    config.test_format = lit.formats.ShTest()  # noqa: F821
    for name in ("mlir-parse", "odd-inputs"):
        script = os.path.join(config.test_source_root, f"{name.replace('-', '_')}.py")  # noqa: F821
        config.substitutions.append((rf"\b{name}\b", f"{sys.executable} {script}"))  # noqa: F821
else:
    config.test_format = InProcessTest()  # noqa: F821
