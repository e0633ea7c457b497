"""What every process needs, whatever it runs: errors, logs, signals, redaction, files and object stores."""
