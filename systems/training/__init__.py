"""How the systems are trained."""
