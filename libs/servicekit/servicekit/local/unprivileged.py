"""Under which user PostgreSQL runs: it refuses to run as root.

Started by root, it runs as the user `nobody`, who must be able to reach the program and the data.
"""

import os
import pwd
import stat
import sys
from dataclasses import dataclass
from pathlib import Path

# Becomes the user, then the program: the process id stays, so it is the program's own.
BECOME = """
import os, sys
uid, gid = int(sys.argv[1]), int(sys.argv[2])
os.setgroups([])
os.setgid(gid)
os.setuid(uid)
os.execv(sys.argv[3], sys.argv[3:])
"""


@dataclass(frozen=True, slots=True)
class OtherUser:
    """A user without rights, as whom root starts programs."""

    uid: int
    gid: int

    def command(self, command: list[str]) -> list[str]:
        """The command that runs `command` (whose first word is a path) as this user."""
        return [sys.executable, "-I", "-S", "-c", BECOME, str(self.uid), str(self.gid), *command]

    def can_reach(self, path: Path) -> bool:
        """Whether every folder above `path` (or above where it will be) lets this user through."""
        return all(self._may_enter(folder) for folder in path.absolute().parents)

    def own(self, directory: Path) -> None:
        """Make an existing, empty directory this user's private one."""
        os.chown(directory, self.uid, self.gid)
        directory.chmod(0o700)

    def _may_enter(self, folder: Path) -> bool:
        if not folder.exists():
            return True
        status = folder.stat()
        if status.st_uid == self.uid:
            return bool(status.st_mode & stat.S_IXUSR)
        return bool(status.st_mode & stat.S_IXOTH)


def user_for_servers() -> OtherUser | None:
    """As whom a server must be started; None when the current user will do."""
    if os.geteuid() != 0:
        return None
    nobody = pwd.getpwnam("nobody")
    return OtherUser(uid=nobody.pw_uid, gid=nobody.pw_gid)
