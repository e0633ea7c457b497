"""What a person reviews of an evaluation: collected once as plain data, then shown by one writer for each place."""
