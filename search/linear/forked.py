"""Forked children use scikit-learn on one thread: they have none of the threads that OpenMP would wait for.

Imported by what calls scikit-learn functions that run on several threads.
"""

import os

from threadpoolctl import threadpool_limits

os.register_at_fork(after_in_child=lambda: threadpool_limits(1, user_api="openmp"))
