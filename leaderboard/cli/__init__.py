"""Room leaderboard/cli."""
