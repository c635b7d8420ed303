"""kill -9 at random moments: nothing acknowledged is lost, doubled or zeroed, and running it again completes it.

What is looked at after each kill is in rounds.py; any of it failing fails the test with the traceback.
"""

import pytest

from .operations import OPERATIONS


@pytest.mark.parametrize("operation", ["embed", "import", "index", "remove", "compact"])
def test_a_kill_at_any_moment_loses_nothing(kill_rounds, operation):
    done = kill_rounds(operation, 5)
    assert done["kills"] == 5
    assert len(set(done["commits"])) > 1, "the kills fell between different commits"


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS)
def test_two_hundred_kills_lose_nothing(kill_rounds, operation):
    """Forty of each operation."""
    done = kill_rounds(operation, 40, seed=1)
    print(operation, done)
    assert done["kills"] == 40
    assert len(set(done["commits"])) > 2
    assert done["strays"] >= 4, "some fell in the middle of a commit"
