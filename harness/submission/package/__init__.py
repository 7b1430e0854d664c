"""The zip or folder that is handed in: its members, layout and checks."""
