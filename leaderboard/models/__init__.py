"""Room leaderboard/models."""
