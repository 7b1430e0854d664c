"""`lbar mlflow`."""

import typer

mlflow = typer.Typer(rich_markup_mode=None, help="Look at runs in MLflow, or register a protocol's best system.")
