"""`--where`: which rows meet a condition, within limits of time and memory."""
