"""One loss a file: functions or modules of (embeddings (b, d), labels (b,)) that give a LossResult."""
