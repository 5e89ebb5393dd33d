"""What a scene holds of a scan's results."""

from __future__ import annotations

import vtk


def turned(scene, degrees=20.0, move_mm=(5.0, -3.0, 8.0)):
    transform = vtk.vtkTransform()
    transform.Translate(*move_mm)
    transform.RotateX(degrees)
    node = scene.AddNewNodeByClass("vtkMRMLLinearTransformNode", "to atlas")
    node.SetMatrixTransformToParent(transform.GetMatrix())
    return node


def segment_names(segmentation_node):
    segmentation = segmentation_node.GetSegmentation()
    return [segmentation.GetNthSegment(n).GetName() for n in range(segmentation.GetNumberOfSegments())]
