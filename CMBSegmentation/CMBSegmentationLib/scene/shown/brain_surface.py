"""The brain translucent and the lesions solid, in the 3D views."""

from __future__ import annotations

import numpy as np
import slicer
import slicer.util
import vtk

from .. import names
from ..results import ResultNodes, node_of
from ..volumes import world_ijk_to_ras

BRAIN_COLOUR, BRAIN_OPACITY = (0.82, 0.80, 0.78), 0.18
SMOOTHING = 25  # passes; the mask's voxels are steps otherwise
COARSEST_MM = 2.0  # finer than this the surface only costs time


def show_3d(nodes: ResultNodes) -> None:
    """Show the lesions' surfaces and, where the brain's mask is stored, the brain around them."""
    segmentation = nodes.segmentation
    if segmentation.GetSegmentation().GetNumberOfSegments():
        segmentation.CreateClosedSurfaceRepresentation()
    display = segmentation.GetDisplayNode()
    if display is not None:
        display.SetVisibility3D(True)
    surface = node_of(nodes.scan, names.BRAIN_SURFACE, "vtkMRMLModelNode")
    if surface is None and nodes.brain is not None:
        surface = _add_surface(nodes)
    if surface is not None:
        surface.GetDisplayNode().SetVisibility(True)


def hide_3d(nodes: ResultNodes) -> None:
    """Show neither."""
    display = nodes.segmentation.GetDisplayNode()
    if display is not None:
        display.SetVisibility3D(False)
    surface = node_of(nodes.scan, names.BRAIN_SURFACE, "vtkMRMLModelNode")
    if surface is not None and surface.GetDisplayNode() is not None:
        surface.GetDisplayNode().SetVisibility(False)


def _add_surface(nodes: ResultNodes) -> slicer.vtkMRMLModelNode:
    scene = nodes.scan.GetScene()
    node = scene.AddNewNodeByClass("vtkMRMLModelNode", f"{nodes.scan.GetName()} brain surface")
    node.SetAttribute(names.RESULT_ATTRIBUTE, names.BRAIN_SURFACE)
    node.SetNodeReferenceID(names.SCAN_ROLE, nodes.scan.GetID())
    node.SetAndObservePolyData(_surface_of(nodes))
    node.CreateDefaultDisplayNodes()
    display = node.GetDisplayNode()
    display.SetColor(*BRAIN_COLOUR)
    display.SetOpacity(BRAIN_OPACITY)
    display.SetVisibility2D(False)
    return node


def _surface_of(nodes: ResultNodes) -> vtk.vtkPolyData:
    ijk_to_ras = world_ijk_to_ras(nodes.brain)
    spacing = np.linalg.norm(ijk_to_ras[:3, :3], axis=0)
    steps = np.maximum(1, np.floor(COARSEST_MM / spacing)).astype(int)
    mask = slicer.util.arrayFromVolume(nodes.brain)[:: steps[2], :: steps[1], :: steps[0]] > 0
    mask = np.pad(mask, 1)  # closed where the brain is cut off by the scan's border
    image = vtk.vtkImageData()
    image.SetDimensions(*mask.shape[::-1])
    scalars = vtk.util.numpy_support.numpy_to_vtk(mask.astype(np.uint8).ravel(), deep=True)
    image.GetPointData().SetScalars(scalars)
    contour = vtk.vtkFlyingEdges3D()
    contour.ComputeScalarsOff()  # else they, not BRAIN_COLOUR, colour it
    contour.SetInputData(image)
    contour.SetValue(0, 0.5)
    smooth = vtk.vtkWindowedSincPolyDataFilter()
    smooth.SetInputConnection(contour.GetOutputPort())
    smooth.SetNumberOfIterations(SMOOTHING)
    smooth.SetPassBand(0.05)
    to_ras = vtk.vtkTransform()
    to_index = np.diag([*steps, 1.0]) @ np.array([[1, 0, 0, -1], [0, 1, 0, -1], [0, 0, 1, -1], [0, 0, 0, 1.0]])
    to_ras.SetMatrix(slicer.util.vtkMatrixFromArray(ijk_to_ras @ to_index))
    placed = vtk.vtkTransformPolyDataFilter()
    placed.SetInputConnection(smooth.GetOutputPort())
    placed.SetTransform(to_ras)
    normals = vtk.vtkPolyDataNormals()
    normals.SetInputConnection(placed.GetOutputPort())
    normals.AutoOrientNormalsOn()
    normals.Update()
    return normals.GetOutput()
