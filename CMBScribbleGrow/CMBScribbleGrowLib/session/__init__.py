"""An annotation as a user interface sees it: on the scene, without Qt or trame."""

from .cases import Cases
from .grow_session import GrowSession

__all__ = ["Cases", "GrowSession"]
