"""Room leaderboard/runs."""
