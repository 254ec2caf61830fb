"""Build hook: compiles the optional native core where there is a C compiler, and is silent where there is none.

The module is built in place, beside its source: an editable install finds it there, and a wheel takes it along and is
tagged for its platform. Without it the wheel is pure Python. `VENUEWIRE_PURE=1` leaves it out.
"""

from __future__ import annotations

import os
import shlex
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "src/venuewire/book/_native.c"
SECONDS = 120


class NativeCore(BuildHookInterface[Any]):
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each build; for a wheel and an editable install of it alike."""
        source = Path(self.root, SOURCE)
        suffix = sysconfig.get_config_var("EXT_SUFFIX")
        # The core shares a scratch array under the GIL; a Python without one goes on with the pure twin.
        if not suffix or sys.implementation.name != "cpython" or sysconfig.get_config_var("Py_GIL_DISABLED"):
            return
        module = source.with_name(source.stem + suffix)
        if os.environ.get("VENUEWIRE_PURE", "") not in {"", "0"}:
            module.unlink(missing_ok=True)
            return
        if not _is_newer(module, source) and not _compiled(source, module):
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version != "editable":
            build_data["force_include"][str(module)] = module.relative_to(Path(self.root, "src")).as_posix()


def _is_newer(module: Path, source: Path) -> bool:
    """Also when nothing was changed since: a second build has nothing to do."""
    return module.exists() and module.stat().st_mtime >= source.stat().st_mtime


def _compiled(source: Path, module: Path) -> bool:
    """Made anew, or not there: never a stale one. Renamed at the end, so that nobody loads half a module."""
    fresh = module.with_name(f"{module.name}.{os.getpid()}")
    module.unlink(missing_ok=True)
    try:
        subprocess.run(_command(source, fresh), check=True, capture_output=True, timeout=SECONDS)
        fresh.replace(module)
    except (OSError, subprocess.SubprocessError):
        return False
    finally:
        fresh.unlink(missing_ok=True)
    return True


def _command(source: Path, module: Path) -> list[str]:
    """For the compilers that are called like the system's own `cc`; those of Windows are not."""
    compiler = shlex.split(os.environ.get("CC", "cc")) or ["cc"]
    shared = ["-bundle", "-undefined", "dynamic_lookup"] if sys.platform == "darwin" else ["-shared"]
    includes = {sysconfig.get_path("include"), sysconfig.get_path("platinclude")}
    options = shlex.split(os.environ.get("CFLAGS", "-O2"))
    return [
        *compiler,
        *options,
        "-fPIC",
        "-fvisibility=hidden",
        *shared,
        *(f"-I{path}" for path in sorted(includes)),
        str(source),
        "-o",
        str(module),
    ]
