"""Room leaderboard/board."""
