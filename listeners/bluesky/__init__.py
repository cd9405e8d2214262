"""Listener of its network; see `listener.py`."""

from listeners.bluesky.listener import LISTENER

__all__ = ["LISTENER"]
