"""Generates the Python messages and services of proto/ into libs/.

`proto/leadchain` becomes `libs/contracts/leadchain`, `proto/servicekit` becomes `libs/servicekit/servicekit/v1`.
With `--check`, nothing is written and the exit code says whether the committed code is fresh.
"""

import argparse
import filecmp
import shutil
import sys
import tempfile
from pathlib import Path

import grpc_tools
from grpc_tools import protoc

ROOT = Path(__file__).resolve().parent.parent
PROTO = ROOT / "proto"
CONTRACTS = ROOT / "libs/contracts/leadchain"
KIT = ROOT / "libs/servicekit/servicekit/v1"


def main() -> int:
    """Generates or checks; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="only say whether the code is fresh")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory() as scratch:
        out = Path(scratch)
        generate(out)
        pairs = [(out / "leadchain", CONTRACTS), (out / "servicekit/v1", KIT)]
        stale = [target for fresh, target in pairs if differs(fresh, target)]
        if check:
            for target in stale:
                print(f"stale: {target.relative_to(ROOT)}; run `make proto`", file=sys.stderr)
            return 1 if stale else 0
        for fresh, target in pairs:
            shutil.rmtree(target, ignore_errors=True)
            shutil.copytree(fresh, target)
    return 0


def generate(out: Path) -> None:
    """Runs protoc for every file and completes the packages; exits with protoc's code on an error."""
    files = sorted(str(path.relative_to(PROTO)) for path in PROTO.rglob("*.proto"))
    well_known = str(Path(grpc_tools.__file__).parent / "_proto")
    plugin = Path(sys.executable).parent
    code = protoc.main(
        [
            "protoc",
            f"-I{PROTO}",
            f"-I{well_known}",
            f"--plugin=protoc-gen-mypy={plugin / 'protoc-gen-mypy'}",
            f"--plugin=protoc-gen-mypy_grpc={plugin / 'protoc-gen-mypy_grpc'}",
            f"--python_out={out}",
            f"--mypy_out=quiet:{out}",
            f"--grpc_python_out={out}",
            f"--mypy_grpc_out=quiet:{out}",
            *files,
        ]
    )
    if code:
        sys.exit(code)
    for path in [*out.rglob("events_pb2_grpc.py*")]:
        path.unlink()
    for folder in {path.parent for path in out.rglob("*_pb2.py")}:
        for package in [folder, *folder.parents]:
            if package == out:
                break
            (package / "__init__.py").touch()
    (out / "leadchain/py.typed").touch()


def differs(fresh: Path, target: Path) -> bool:
    """Whether two folders differ in their files or a file's bytes, compiled files aside."""
    names = {path.relative_to(fresh) for path in fresh.rglob("*.py*") if path.suffix != ".pyc"}
    there = {path.relative_to(target) for path in target.rglob("*.py*") if path.suffix != ".pyc"}
    return names != there or any(
        not filecmp.cmp(fresh / name, target / name, shallow=False) for name in names
    )


if __name__ == "__main__":
    sys.exit(main())
