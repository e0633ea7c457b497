"""Reads uv's list of packages, CycloneDX, and prints it without its time and random number: a build makes it anew."""

import json
import sys


def main() -> None:
    """Copies the document from standard input to standard output."""
    document = json.load(sys.stdin)
    document.pop("serialNumber", None)
    document["metadata"].pop("timestamp", None)
    json.dump(document, sys.stdout, indent=1)


if __name__ == "__main__":
    main()
