"""One thin module per node."""

import os

# Before numpy is loaded: a node's products are small, and a second thread would have to wake up.
os.environ.setdefault('OPENBLAS_NUM_THREADS', '1')
