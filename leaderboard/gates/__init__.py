"""Room leaderboard/gates."""
