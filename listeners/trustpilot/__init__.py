"""Listener of its network; see `listener.py`."""

from listeners.trustpilot.listener import LISTENER

__all__ = ["LISTENER"]
