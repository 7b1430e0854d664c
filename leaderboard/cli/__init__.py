"""The commands `lbar board`, `compare`, `gate` and `mlflow`: each file parses, calls and prints."""
