"""Names made safe to show: a key or label is any text, and a terminal, a log or a picture may obey some of it."""


def shown(text: str) -> str:
    """`text` with control characters and undecodable bytes escaped, fit for a terminal and a log line."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def shortened(text: str, most: int) -> str:
    """`text` as `shown`, its middle left out where it is longer than `most` (3 or more) characters."""
    text = shown(text)
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def _escape(c: str) -> str:
    """The bytes of one character; of a byte that was no UTF-8 (a surrogate U+DC80 to U+DCFF) that byte."""
    errors = "surrogateescape" if "\udc80" <= c <= "\udcff" else "surrogatepass"
    return c.encode("utf-8", errors).decode("latin-1").encode("unicode_escape").decode()
