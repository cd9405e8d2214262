"""Nouns and rules of Vigie: standard library only, no I/O, no clock."""
