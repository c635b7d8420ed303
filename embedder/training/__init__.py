"""Training an encoder by a recipe, and sweeping over recipes."""
