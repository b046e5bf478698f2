"""Writes the provenance of a release: provenance.py VERSION COMMIT RUSTC BUILDER.

Reads the release's SHA256SUMS on standard input. Writes a statement in the format of in-toto
(https://in-toto.io/Statement/v1) with SLSA's provenance (https://slsa.dev/provenance/v1).
It has no times, so the same release gives the same statement.
"""

import json
import sys
import tomllib
from pathlib import Path

REPOSITORY = "https://github.com/latchstring/latchstring"


def subjects(sums: str) -> list[dict]:
    """Returns the files that the statement is about."""
    entries = (line.split("  ", 1) for line in sums.splitlines())
    return [{"name": name, "digest": {"sha256": sha256}} for sha256, name in entries]


def materials(commit: str, rustc: str) -> list[dict]:
    """Returns what the release is made of: the sources, the compiler, the crates."""
    packages = tomllib.loads(Path("Cargo.lock").read_text(encoding="utf-8"))["package"]
    crates = [
        {
            "uri": f"pkg:cargo/{package['name']}@{package['version']}",
            "digest": {"sha256": package["checksum"]},
        }
        for package in packages
        if "checksum" in package
    ]
    source = {"uri": f"git+{REPOSITORY}", "digest": {"gitCommit": commit}}
    return [source, {"uri": f"pkg:generic/rust@{rustc}"}, *crates]


def statement(version: str, commit: str, rustc: str, builder: str, sums: str) -> dict:
    """Returns the statement."""
    return {
        "_type": "https://in-toto.io/Statement/v1",
        "subject": subjects(sums),
        "predicateType": "https://slsa.dev/provenance/v1",
        "predicate": {
            "buildDefinition": {
                "buildType": f"{REPOSITORY}/blob/main/CONTRIBUTING.md#releases",
                "externalParameters": {
                    "source": f"git+{REPOSITORY}@{commit}",
                    "version": version,
                    "command": "./dev dist",
                },
                "resolvedDependencies": materials(commit, rustc),
            },
            "runDetails": {"builder": {"id": builder}},
        },
    }


if __name__ == "__main__":
    print(json.dumps(statement(*sys.argv[1:5], sys.stdin.read()), indent=1))
