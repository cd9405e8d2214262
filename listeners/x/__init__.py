"""Listener of its network; see `listener.py`."""

from listeners.x.listener import LISTENER

__all__ = ["LISTENER"]
