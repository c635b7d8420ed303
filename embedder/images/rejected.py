"""Why one image was left out while the job went on."""


class Rejected(Exception):
    """One image that cannot be embedded.

    stage: "read" (its bytes could not be had), "decode" (its bytes are no image that we accept) or "encode" (it has no
    vector). reason: a few words without paths of this machine. content_sha256: of its bytes, where they were read.
    """

    def __init__(self, stage: str, reason: str, content_sha256: str | None = None) -> None:
        super().__init__(f"{stage}: {reason}")
        self.stage = stage
        self.reason = reason
        self.content_sha256 = content_sha256

    def kept(self, content_sha256: str | None = None) -> "Rejected":
        """A copy to keep: this one's traceback holds on to the image's bytes."""
        return Rejected(self.stage, self.reason, content_sha256 or self.content_sha256)


class OutOfMemory(Rejected):
    """A decoder got no more memory: the image's fault, or this machine's, as whoever knows what it needs decides."""


class TooLarge(Rejected):
    """An image whose pixels would take `needs` bytes, more than it may take where it was to be decoded."""

    def __init__(self, reason: str, needs: int) -> None:
        super().__init__("decode", reason)
        self.needs = needs
