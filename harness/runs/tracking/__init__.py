"""MLflow as a mirror of run folders, and its model registry.

Nothing else imports mlflow but the code of a model that MLflow itself keeps and runs (`leaderboard.models.retriever`).
"""
