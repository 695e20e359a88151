"""Runs a command beside the local AWS emulator, whose DynamoDB endpoint it finds in PORTUNUS_TEST_DYNAMODB.

    .venv/emu/bin/python tests/support/with_emulator.py cargo test -p stores
"""

import os
import subprocess
import sys

from ministack import Ministack

with Ministack() as emulator:
    environment = {**os.environ, "PORTUNUS_TEST_DYNAMODB": emulator.url}
    sys.exit(subprocess.run(sys.argv[1:], env=environment).returncode)
