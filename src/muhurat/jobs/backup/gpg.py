"""Encryption of backups to a public key with GnuPG: whoever has the machine has no plain backup.

The key is a file (`gpg --export --armor KEY > backup.asc`); the private key stays elsewhere and is needed to restore.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Final

from muhurat.jobs.backup.base import BackupError

_QUIET: Final = ("--quiet", "--batch", "--no-tty")


@dataclass(frozen=True, slots=True)
class Encryption:
    """To whom backups are encrypted: the file of a public key, and its fingerprint."""

    key: Path
    fingerprint: str

    @contextmanager
    def writing(self, path: Path) -> Iterator[IO[bytes]]:
        """A file to write to that holds the encrypted bytes at the end of the block."""
        with tempfile.TemporaryDirectory(prefix="muhurat-gpg-") as home, path.open("wb") as file:
            command = [
                *(_gpg(), *_QUIET, "--homedir", home, "--trust-model", "always", "--compress-algo", "none"),
                *("--recipient-file", str(self.key), "--encrypt", "--output", "-"),
            ]
            with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=file, stderr=subprocess.PIPE) as process:
                plain, said = process.stdin, process.stderr
                if plain is None or said is None:
                    raise AssertionError("both are pipes")
                left = False
                try:
                    yield plain
                    plain.close()
                except BrokenPipeError:
                    left = True  # it ended early; its exit code and its words say why
                words = said.read()
            if process.returncode or left:
                raise _failed("encrypting", self.key, process.returncode, words)


def encryption_to(key: Path) -> Encryption:
    """Encryption to the public key in a file; raises `BackupError` when there is none in it, or no gpg."""
    with tempfile.TemporaryDirectory(prefix="muhurat-gpg-") as home:
        command = [_gpg(), *_QUIET, "--homedir", home, "--with-colons", "--show-keys", str(key)]
        shown = subprocess.run(command, capture_output=True, check=False)
    lines = [line.split(":") for line in shown.stdout.decode("utf-8", "replace").splitlines()]
    fingerprint = next((line[9] for line in lines if line[0] == "fpr"), None)
    if shown.returncode or fingerprint is None or not any(line[0] == "pub" for line in lines):
        words = " ".join(shown.stderr.decode("utf-8", "replace").split())
        raise BackupError(
            f"{key} holds no public key: {words or 'gpg finds none in it'}",
            hint="write it with `gpg --export --armor YOUR-KEY > backup.asc`",
        )
    return Encryption(key, fingerprint)


@contextmanager
def decrypting(path: Path) -> Iterator[IO[bytes]]:
    """The plain bytes of an encrypted file; the private key is in the user's own key ring."""
    command = [_gpg(), "--quiet", "--decrypt", str(path)]
    with tempfile.TemporaryFile() as said:
        with subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=said) as process:
            plain = process.stdout
            if plain is None:
                raise AssertionError("it is a pipe")
            yield plain
        said.seek(0)
        if process.returncode:
            raise _failed("decrypting", path, process.returncode, said.read())


def _gpg() -> str:
    found = shutil.which("gpg")
    if found is None:
        raise BackupError(
            "the program gpg is not installed, and encrypted backups need it",
            hint="install GnuPG (Debian: apt-get install gpg), or leave --encrypt-to out",
        )
    return found


def _failed(what: str, path: Path, code: int, words: bytes) -> BackupError:
    told = " ".join(words.decode("utf-8", "replace").split()) or "it says nothing"
    return BackupError(
        f"gpg ended with code {code} {what} {path}: {told}", hint="try the same with gpg by hand, and look at its keys"
    )
