"""Listener of its network; see `listener.py`."""

from listeners.rss.listener import LISTENER

__all__ = ["LISTENER"]
