"""What an ML engineer edits: features, preprocessing, models and training; knows nothing of the pipeline around it."""
