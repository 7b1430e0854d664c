"""The text side: captions to token ids, and token ids to vectors."""
