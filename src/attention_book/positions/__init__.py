"""Positions: what tells a token where it stands, added to it, to a score, or turned into it."""
