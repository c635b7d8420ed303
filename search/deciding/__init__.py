"""Classification: classes ranked for each query, and a decision by a calibrated threshold."""
