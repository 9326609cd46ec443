"""Ports of servers that do not listen yet."""

from pathlib import Path

from servicekit.local import ports


def test_two_folders_never_keep_one_port_also_while_nobody_listens(tmp_path: Path) -> None:
    kept = {ports.kept_port(tmp_path / str(n // 40), f"{n}.http") for n in range(400)}

    assert len(kept) == 400
