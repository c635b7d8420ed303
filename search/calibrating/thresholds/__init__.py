"""Thresholds whose bounds hold: one file per criterion, from distances and labels alone; `choose` applies them."""
