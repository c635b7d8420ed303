"""Decoding in processes of their own, within limits of memory and time."""
