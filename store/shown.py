"""Makes names safe to show: keys and labels can hold any text, and terminals, logs or images may interpret it."""


def shown(text: str) -> str:
    """`text` with control characters and undecodable bytes escaped, for terminals and log lines."""
    return "".join(c if c.isprintable() else _escape(c) for c in text)


def shortened(text: str, most: int) -> str:
    """`text` as `shown`, with its middle left out where it is longer than `most` (at least 3) characters."""
    text = shown(text)
    if len(text) <= most:
        return text
    tail = (most - 1) // 2
    return f"{text[: most - 1 - tail]}…{text[-tail:]}"


def apart(texts: list[str], most: int) -> list[str]:
    """The distinct `texts` as `shortened`. Those that would look the same get numbers: "latin-sm…hook 2"."""
    short = [shortened(text, most) for text in texts]
    alike = {text for text in short if short.count(text) > 1}
    met = dict.fromkeys(alike, 0)
    for place, text in enumerate(short):
        if text in alike:
            met[text] += 1
            number = f" {met[text]}"
            short[place] = shortened(texts[place], max(3, most - len(number))) + number
    return short


def _escape(c: str) -> str:
    """The escaped bytes of one character. For a byte that was not UTF-8 (a surrogate U+DC80 to U+DCFF), that byte."""
    errors = "surrogateescape" if "\udc80" <= c <= "\udcff" else "surrogatepass"
    return c.encode("utf-8", errors).decode("latin-1").encode("unicode_escape").decode()
