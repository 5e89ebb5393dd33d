"""Networks: the paper's, the detector's, the verifier's."""
