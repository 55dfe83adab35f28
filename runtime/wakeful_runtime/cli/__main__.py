"""`python -m wakeful_runtime.cli` is `wakeful`."""

from __future__ import annotations

import sys

from wakeful_runtime.cli.app import main

sys.exit(main())
