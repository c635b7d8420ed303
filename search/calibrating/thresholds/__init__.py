"""Thresholds that keep their word: one file a criterion, over distances and labels alone; `choose` applies them."""
