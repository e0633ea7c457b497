"""What the data must be like before a model is trained on it: limits, profiles of the splits and the checks of them."""
