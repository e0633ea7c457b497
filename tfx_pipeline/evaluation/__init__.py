"""How a model is judged: TFMA's configuration, metrics and extractors, and its results parsed once for all readers."""
