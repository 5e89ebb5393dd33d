"""Trained networks into ONNX files with manifests and cards."""
