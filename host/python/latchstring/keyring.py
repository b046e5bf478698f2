"""The backend for the library `keyring`, so that pip, twine, poetry, hatch and the command
`keyring` take the passwords of package indexes from `latch`.

It answers only for the hosts that a profile of `latch` names with `--api-origin`, and keeps
no passwords. The program `latch` has to be in `PATH`.
"""

from __future__ import annotations

import json
import shutil
import subprocess

from keyring.backend import KeyringBackend
from keyring.credentials import SimpleCredential


class LatchKeyring(KeyringBackend):
    # Before the system's keyring, which is asked about every other host.
    priority = 9

    def get_credential(self, service: str, username: str | None) -> SimpleCredential | None:
        """Returns the access token as a password; None if it is not for `latch`."""
        latch = shutil.which("latch")
        if latch is None:
            return None
        asked = [service] if username is None else [service, username]
        words = [latch, "credential", "keyring", "--output", "json", "get", *asked]
        # What it says to the user passes through.
        answer = subprocess.run(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        if answer.returncode != 0:
            return None
        found = json.loads(answer.stdout)
        return SimpleCredential(found["username"], found["password"])

    def get_password(self, service: str, username: str) -> str | None:
        found = self.get_credential(service, username)
        return None if found is None else found.password

    def set_password(self, service: str, username: str, password: str) -> None:
        raise NotImplementedError("latch keeps no passwords")

    def delete_password(self, service: str, username: str) -> None:
        raise NotImplementedError("latch keeps no passwords")
