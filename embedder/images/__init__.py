"""One image from its bytes to the pixels that an encoder takes, and the limits that keep a hostile one harmless."""
