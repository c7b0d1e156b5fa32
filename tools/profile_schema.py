"""Prints ``firmware_config/profiles/schema.json`` from the model gate-io reads a profile with.

    python tools/profile_schema.py > firmware_config/profiles/schema.json

The tables of drivers are open there: each driver knows its own keys, and ``--check`` tells them.
"""

import json
import sys

from edge.gateio.profile import Profile


def schema() -> str:
    """JSON Schema 2020-12, with a last line feed."""
    made = Profile.model_json_schema()
    return json.dumps({"$schema": "https://json-schema.org/draft/2020-12/schema", **made}, indent=2) + "\n"


if __name__ == "__main__":
    sys.stdout.write(schema())
