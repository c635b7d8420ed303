"""The classifiers as scikit-learn estimators."""
