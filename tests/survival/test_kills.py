"""kill -9 at random moments: nothing acknowledged is lost, doubled or zeroed, and running it again completes it.

What is looked at after each kill is in rounds.py; any of it failing fails the test with the traceback.
"""

import pytest

from .operations import OPERATIONS


def killed(kill_rounds, operation, kills, different, strays=0):
    """Rounds of `kills` until these fell between `different` numbers of commits, and so many in the middle of one.

    Where a kill falls depends on the machine: what must hold after each does not, and was looked at.
    """
    commits, left = set(), 0
    for seed in range(4):
        done = kill_rounds(operation, kills, seed=seed)
        print(operation, done)
        assert done["kills"] == kills
        commits, left = commits | set(done["commits"]), left + done["strays"]
        if len(commits) >= different and left >= strays:
            return
    pytest.fail(f"{4 * kills} kills of {operation} fell between {sorted(commits)} commits and left {left} strays")


@pytest.mark.parametrize("operation", ["embed", "import", "index", "remove", "compact"])
def test_a_kill_at_any_moment_loses_nothing(kill_rounds, operation):
    killed(kill_rounds, operation, 5, different=2)


@pytest.mark.long
@pytest.mark.parametrize("operation", OPERATIONS)
def test_two_hundred_kills_lose_nothing(kill_rounds, operation):
    """Forty of each operation, or more."""
    killed(kill_rounds, operation, 40, different=3, strays=4)
