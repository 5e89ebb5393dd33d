"""What a user interface shows and does, without any: detection in a worker, review, results in the scene."""

from .detection_session import DetectionParameters, DetectionSession, State, Status
from .review_session import Notice, ReviewParameters, ReviewSession

__all__ = [
    "DetectionParameters",
    "DetectionSession",
    "Notice",
    "ReviewParameters",
    "ReviewSession",
    "State",
    "Status",
]
