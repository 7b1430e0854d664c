"""MLflow as a mirror of run folders. No other folder of the project imports mlflow to track runs."""
