"""Forked children use scikit-learn on one thread, because they lack the threads that OpenMP would wait for.

Import it wherever scikit-learn functions that run on several threads are called.
"""

import os

from threadpoolctl import threadpool_limits

os.register_at_fork(after_in_child=lambda: threadpool_limits(1, user_api="openmp"))
