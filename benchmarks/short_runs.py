"""Trains the small transformer by ADOPT with several β₂, for the page From AdamW to ADOPT.

    python -m benchmarks.short_runs

takes about 20 minutes on two cores; stopped, it goes on where it was.
"""

import os
from pathlib import Path

from .experiment import SETTINGS, experiment

RESULT = Path(__file__).with_suffix(".json")
BETA2 = (0.99, 0.9999)
SHORT = SETTINGS | {
    "seeds": 3,
    "learning_rates": [3e-3, 1e-2],
    "options": {f"ADOPT, {beta2}": {"betas": [0.9, beta2]} for beta2 in BETA2},
}

if __name__ == "__main__":
    experiment(SHORT, RESULT, os.cpu_count() or 1)
