"""What a user interface shows and does, without any: detection in a worker, review, results in the scene."""

from .chosen_review import Notice
from .detection_session import DetectionParameters, DetectionSession, State, Status
from .reading import ReviewParameters
from .review_session import ReviewSession

__all__ = [
    "DetectionParameters",
    "DetectionSession",
    "Notice",
    "ReviewParameters",
    "ReviewSession",
    "State",
    "Status",
]
