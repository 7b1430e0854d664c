"""Room leaderboard/comparison."""
