"""Build hook: compiles what is optional, where there is a C compiler, and is silent where there is none.

Two things, both made in place, beside their sources: an editable install finds them there, and a wheel takes them along
and is tagged for its platform. Without them the wheel is pure Python. `VENUEWIRE_PURE=1` leaves them out.

- the native core, one module in C (`book/_native.c` and its parts in `book/native`);
- the sandbox's exchange, by mypyc from the Python it is written in: where mypy is installed, for a wheel, or when this
  file is run by itself (`make setup`). It takes a quarter of a minute, which an editable install does not wait for.
"""

from __future__ import annotations

import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from tempfile import TemporaryDirectory
from types import ModuleType
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

SOURCE = "src/venuewire/book/_native.c"
EXCHANGE = "src/venuewire/sandbox"
SECONDS = 300


class Compiled(BuildHookInterface[Any]):
    """See the module."""

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Called before each build; for a wheel and an editable install of it alike."""
        root = Path(self.root)
        made = native_core(root)
        if version != "editable":
            made += exchange(root)
        if not made:
            return
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        if version != "editable":
            build_data["force_include"] |= {str(path): path.relative_to(root / "src").as_posix() for path in made}


def native_core(root: Path) -> list[Path]:
    """The native core, made anew if it is older than its source; nothing where that cannot be."""
    source, suffix = root / SOURCE, sysconfig.get_config_var("EXT_SUFFIX")
    # The core shares a scratch array under the GIL; a Python without one goes on with the pure twin.
    if not _compiles():
        return []
    module = source.with_name(source.stem + suffix)
    if not _wanted():
        module.unlink(missing_ok=True)
        return []
    return [module] if _is_newer(module, source) or _compiled(source, module) else []


def exchange(root: Path) -> list[Path]:
    """The compiled exchange, made anew if it is of other sources; nothing where that cannot be."""
    twins = _twins(root)
    is_fresh = any(path.name.startswith(twins.group()) for path in twins.compiled_files())
    if not (_wanted() and is_fresh):
        for path in twins.compiled_files():
            path.unlink(missing_ok=True)
        if _wanted() and _compiles() and importlib.util.find_spec("mypyc"):
            _by_mypyc(root, twins)
    found: list[Path] = twins.compiled_files()
    return found


def _wanted() -> bool:
    return os.environ.get("VENUEWIRE_PURE", "") in {"", "0"}


def _compiles() -> bool:
    return (
        sys.implementation.name == "cpython"
        and bool(sysconfig.get_config_var("EXT_SUFFIX"))
        and not sysconfig.get_config_var("Py_GIL_DISABLED")
    )


def _is_newer(module: Path, source: Path) -> bool:
    """Also when nothing was changed since: a second build has nothing to do."""
    sources = [source, *source.parent.glob("native/*.c")]
    return module.exists() and module.stat().st_mtime >= max(path.stat().st_mtime for path in sources)


def _compiled(source: Path, module: Path) -> bool:
    """Made anew, or not there: never a stale one. Renamed at the end, so that nobody loads half a module."""
    fresh = module.with_name(f"{module.name}.{os.getpid()}")
    module.unlink(missing_ok=True)
    try:
        _run(_command(source, fresh))
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


# mypyc is used through setuptools, in a process of its own: arguments are a folder for what it makes, the group's name,
# and the sources.
_MYPYC = """
import sys
from mypyc.build import mypycify
from setuptools import setup
folder, group, *sources = sys.argv[1:]
asked = ["--config-file=", "--namespace-packages", "--explicit-package-bases", f"--cache-dir={folder}/cache", *sources]
setup(
    name="exchange",
    packages=[],
    ext_modules=mypycify(asked, opt_level="2", debug_level="0", target_dir=folder, group_name=group),
    script_args=["-q", "build_ext", f"--build-lib={folder}/made", f"--build-temp={folder}/objects"],
)
"""


def _by_mypyc(root: Path, twins: ModuleType) -> None:
    package = Path(EXCHANGE).relative_to("src")
    sources = [(package / f"{name}.py").as_posix() for name in twins.MODULES]
    with TemporaryDirectory() as folder:
        try:
            name = ".".join((*package.parts, twins.group()))
            _run([sys.executable, "-c", _MYPYC, folder, name, *sources], cwd=root / "src")
        except (OSError, subprocess.SubprocessError) as error:
            sys.stderr.write(f"the sandbox's exchange is not compiled: {_last_line(error)}\n")
            return
        for path in Path(folder, "made", package).iterdir():
            shutil.move(path, twins.FOLDER / path.name)


def _run(command: list[str], cwd: Path | None = None) -> None:
    subprocess.run(command, check=True, capture_output=True, timeout=SECONDS, cwd=cwd)


def _last_line(error: Exception) -> str:
    said = (getattr(error, "stderr", b"") or b"").decode(errors="replace").strip()
    return said.rpartition("\n")[2] or str(error)


def _twins(root: Path) -> ModuleType:
    """The package's own word on what is compiled, without the package."""
    spec = importlib.util.spec_from_file_location("_twins", root / EXCHANGE / "twins.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


if __name__ == "__main__":
    exchange(Path(__file__).parent)
