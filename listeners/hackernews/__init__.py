"""Listener of its network; see `listener.py`."""

from listeners.hackernews.listener import LISTENER

__all__ = ["LISTENER"]
