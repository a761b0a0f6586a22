"""`python -m tests.projector_otherwise`: a projector as of another version, whose folds have another fingerprint.

FRAMELOG_TEST_FINGERPRINT is that; unset, it is this code's own. FRAMELOG_TEST_FORSAKEN_SECONDS is how long it waits for
somebody who follows what it has stepped aside for.
"""

import os

from adapters.ending import leave
from services.projector import __main__ as projector
from services.projector import aside, schema

if fingerprint := os.environ.get("FRAMELOG_TEST_FINGERPRINT"):
    schema.fingerprint = lambda: fingerprint
aside.FORSAKEN_SECONDS = float(os.environ.get("FRAMELOG_TEST_FORSAKEN_SECONDS", aside.FORSAKEN_SECONDS))

if __name__ == "__main__":
    leave(projector.main())
