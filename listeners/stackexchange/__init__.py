"""Listener of its network; see `listener.py`."""

from listeners.stackexchange.listener import LISTENER

__all__ = ["LISTENER"]
