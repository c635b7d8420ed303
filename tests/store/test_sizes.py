import pytest

from lookalike.store.errors import LookalikeError
from lookalike.store.sizes import parse_duration


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("0", 0), ("90", 90), ("90s", 90), ("1.5m", 90), (" 30 min ", 1800), ("24h", 86400), ("7D", 604800)],
)
def test_times_are_understood(text, seconds):
    assert parse_duration(text) == seconds


@pytest.mark.parametrize("text", ["", "h", "-1h", "1w", "1h30m", "nan", "inf", "1e9", "٣h", "99999999999d"])
def test_other_texts_are_refused_by_name(text):
    with pytest.raises(LookalikeError, match="is not understood: write a number and s, m, h or d"):
        parse_duration(text)
