"""Listener of its network; see `listener.py`."""

from listeners.reddit.listener import LISTENER

__all__ = ["LISTENER"]
