"""Answers: neighbours, decisions, calibration, evaluation, benchmark."""
