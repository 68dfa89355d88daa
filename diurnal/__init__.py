"""Diurnal: the server that holds one person's digital life and speaks every personal-data API."""

import os

# One thread of linear algebra a process: the worker runs many accounts beside each other, and the
# helper threads of OpenBLAS spin while they wait (ten times the CPU on a busy machine). It reads
# this once, when numpy is first imported.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
