"""Listener of its network; see `listener.py`."""

from listeners.mastodon.listener import LISTENER

__all__ = ["LISTENER"]
