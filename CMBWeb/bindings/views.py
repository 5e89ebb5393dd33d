"""Slicer's four views: what they show, their grey window, slab and crosshair, and where they look."""

from __future__ import annotations

import asyncio
import math
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import numpy as np
import slicer
import slicer.util
from trame_server import Server
from trame_slicer.core import LayoutManager, SlicerApp
from trame_slicer.rca_view import RemoteViewFactory
from trame_slicer.views import (
    AbstractView,
    Layout,
    LayoutDirection,
    SliceView,
    ThreeDView,
    ViewLayoutDefinition,
    ViewType,
)
from trame_slicer.views.render_scheduler import NoScheduleRendering

from CMBSegmentationLib.scene import jump_to
from CMBSegmentationLib.scene.names import BRAIN_SURFACE
from CMBSegmentationLib.scene.results import node_of

from ..page.grey_window import GreyWindow, reading_window
from ..state import names
from ..state.declared import ViewsState
from ..state.typed import live, on_change

FOUR_UP = "four-up"
VIEW_FROM = (-0.49, 0.73, 0.47)  # R, A, S; of length 1
SEEN_DEGREES, FRAMED_DEGREES = 18.75, 30.0  # of the 3D view: less than what frames the scan, with air around the head
HALF_BRAIN = 0.45  # of the 3D view's height, across
LABEL_PIXELS = 56  # beside a lesion at the brain's edge
SMALLEST_BRAIN = 0.4
NEARLY = 1.05
PARALLEL = 1e-3  # volume that the normals of three slices span, below which they cross nowhere
MAGNIFIED = ("Axial", "Coronal", "Sagittal")
VIEW_COLOURS = {"Axial": "#e0604f", "Coronal": "#6fae4c", "Sagittal": "#d8c14a"}
BACKGROUND = "#06080b"
SLICE_RATES = (30.0, 15.0)  # pictures a second at most, under the mouse and elsewhere
THREE_D_RATES = (20.0, 4.0)  # its picture costs as much as those of all slices
JPEG_QUALITY = 90  # while one scrolls, too: it is drawing that takes time, and nothing is drawn twice
BEHIND_S = 0.03
BEFORE_SLICER = 1.0  # priority of an observer: its own have 0, and keep an event to themselves
SCROLLED_S, OLDEST_S = 0.2, 1.0  # 3D waits so long after a slice; so old its picture may get meanwhile


class Views:
    """Binds the page's picture tools to Slicer's views.

    Parameters
    ----------
    server : Server
    app : SlicerApp
    view_ui : callable
        Fills a view's corner with its controls: ``view_ui(server, view_id, view)``.
    """

    def __init__(self, server: Server, app: SlicerApp, view_ui: Callable[..., None]) -> None:
        self._server, self._app = server, app
        self.state = live(server.state, ViewsState)
        self._scan: slicer.vtkMRMLScalarVolumeNode | None = None
        self._shown: slicer.vtkMRMLScalarVolumeNode | None = None  # in the slice views: the scan, or its phase
        self._scan_window: GreyWindow | None = None
        self._window: GreyWindow | None = None  # of what is shown
        for view, kind, rates in (
            (NotedSlice, ViewType.SLICE_VIEW, SLICE_RATES),
            (ThreeDAfterSlices, ViewType.THREE_D_VIEW, THREE_D_RATES),
        ):
            factory = RemoteViewFactory(
                server,
                partial(_light, view),
                kind,
                populate_view_ui_f=view_ui,
                target_fps=rates[0],
                blur_fps=rates[1],
                interactive_quality=JPEG_QUALITY,
            )
            app.view_manager.register_factory(factory)
        self.layouts = LayoutManager(app.scene, app.view_manager, server)
        self.layouts.register_layout_dict(_layouts())
        self.layouts.set_layout(FOUR_UP)
        for view in self.slice_views:
            view.modified.connect(self._show_crossing)
        on_change(server.state, self._take_window, names.views.window_range)
        on_change(server.state, self._take_crosshair, names.views.crosshair)
        self.set_left_drag()

    @property
    def slice_views(self) -> list[SliceView]:
        """The three slice views."""
        return self._app.view_manager.get_slice_views()

    def show(self, scan: slicer.vtkMRMLScalarVolumeNode) -> None:
        """Show a scan in all views, with a window that shows microbleeds."""
        self._scan = self._shown = scan
        self._app.display_manager.show_volume_in_slice_background(scan)
        self._scan_window = self._window = reading_window(slicer.util.arrayFromVolume(scan))
        self.reset_window()
        self.reset()
        self.set_left_drag()  # a scene that was opened brought its own
        self._take_crosshair()

    def reset(self) -> None:
        """Look at the whole scan again."""
        for view in self._app.view_manager.get_views():
            view.reset_view()
        for view in self.slice_views:
            view.set_visible_in_3d(view.get_singleton_tag() == "Axial")
        self.frame_head()

    def frame_head(self) -> None:
        """Have the 3D view look at the brain, where it is known, else at the whole scan."""
        for view in self._app.view_manager.get_threed_views():
            if isinstance(view, ThreeDAfterSlices):
                _look_from_front(view, _brain_bounds(self._scan) if self._scan is not None else None)

    def reset_window(self) -> None:
        """Go back to the window that was found for the scan; while its phase is shown, to that of the phase."""
        if self._window is None:
            return
        self._show_limits(self._window)
        self.state.window_range = [self._window.low, self._window.high]
        self._apply_window(self._window.low, self._window.high)

    def poll(self) -> None:
        """Take in what is shown, the scan or its phase, and the window that was dragged in a picture."""
        self._take_shown()
        display = self._shown.GetDisplayNode() if self._shown is not None else None
        if display is None:
            return
        low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
        step = self.state.window_step
        if abs(low - self.state.window_range[0]) > step or abs(high - self.state.window_range[1]) > step:
            self.state.window_range = [low, high]

    def jump(self, ras_mm: Sequence[float]) -> None:
        """Centre all slice views on a position (world RAS, mm)."""
        jump_to(self._app.scene, ras_mm)
        self.mark(ras_mm)

    def under_mouse(self) -> list[float] | None:
        """Give where the mouse was last in a slice view (world RAS, mm)."""
        crosshair, position = self._crosshair(), [0.0, 0.0, 0.0]
        return position if crosshair is not None and crosshair.GetCursorPositionRAS(position) else None

    def mark(self, ras_mm: Sequence[float]) -> None:
        """Move the crosshair to a position (world RAS, mm)."""
        crosshair = self._crosshair()
        if crosshair is not None:
            crosshair.SetCrosshairRAS(*ras_mm)

    def is_near(self, field_of_view_mm: float) -> bool:
        """Whether the slice views show no more than that across their shorter side."""
        fields = [min(view.get_view_node().GetFieldOfView()[:2]) for view in self.slice_views]
        return bool(fields) and max(fields) <= field_of_view_mm * NEARLY

    def show_whole(self) -> None:
        """Show the whole scan in each view, at the slices where they are: the crosshair stays where they cross."""
        self.fit()
        self.frame_head()

    def fit(self) -> None:
        """Show the whole scan, each slice view at the slice where it is."""
        for view in self.slice_views:
            offset = view.get_slice_value()
            view.fit_view_to_content()
            view.set_slice_value(offset)

    def show_alone(self, view: str) -> None:
        """Let one view fill the place of all four; once more brings the four back."""
        alone = "" if self.state.shown_alone == view else view
        self.state.shown_alone = alone
        self.layouts.set_layout(alone or FOUR_UP)

    def _take_shown(self) -> None:
        """Have the grey window's tools be those of the volume that the slice views show now."""
        shown = self._in_background() or self._scan
        if shown is self._shown or shown is None or shown.GetDisplayNode() is None:
            return
        display, self._shown = shown.GetDisplayNode(), shown
        low, high = display.GetWindowLevelMin(), display.GetWindowLevelMax()
        if shown is self._scan and self._scan_window is not None:
            self._window = self._scan_window
        else:
            lowest, highest = shown.GetImageData().GetScalarRange()
            self._window = GreyWindow(low, high, min(low, lowest), max(high, highest))
        self._show_limits(self._window)
        self.state.window_range = [low, high]

    def _in_background(self) -> slicer.vtkMRMLScalarVolumeNode | None:
        """Give the volume that the slice views show."""
        composite = self._app.scene.GetFirstNodeByClass("vtkMRMLSliceCompositeNode")
        return self._app.scene.GetNodeByID(composite.GetBackgroundVolumeID() or "") if composite is not None else None

    def _show_limits(self, window: GreyWindow) -> None:
        self.state.window_limits = [window.lowest, window.highest]
        self.state.window_step = (window.highest - window.lowest) / 500 or 1.0

    def _apply_window(self, low: float, high: float) -> None:
        display = self._shown.GetDisplayNode() if self._shown is not None else None
        if display is not None:
            display.SetAutoWindowLevel(False)
            display.SetWindowLevelMinMax(low, high)

    def _show_crossing(self, *_: Any) -> None:
        """Say where the slices cross: on an oblique scan, no slice has one position along the patient's axes."""
        matrices = [slicer.util.arrayFromVTKMatrix(view.get_view_node().GetSliceToRAS()) for view in self.slice_views]
        normals = np.array([matrix[:3, 2] for matrix in matrices])
        offsets = [float(matrix[:3, 2] @ matrix[:3, 3]) for matrix in matrices]
        if len(matrices) == len(MAGNIFIED) and abs(np.linalg.det(normals)) > PARALLEL:
            self.state.crossing = [round(float(mm), 1) for mm in np.linalg.solve(normals, offsets)]

    def _take_window(self) -> None:
        self._apply_window(*self.state.window_range)

    def _take_crosshair(self) -> None:
        node = self._crosshair()
        if node is not None:
            node.SetCrosshairMode(node.ShowBasic if self.state.crosshair else node.NoCrosshair)
            node.SetCrosshairThickness(node.Fine)

    def _crosshair(self) -> slicer.vtkMRMLCrosshairNode | None:
        return self._app.scene.GetFirstNodeByClass("vtkMRMLCrosshairNode")

    def set_left_drag(self) -> None:
        """Have the left button change the grey window, as readers know it."""
        node = self._app.scene.GetFirstNodeByClass("vtkMRMLInteractionNode")
        if node is None:
            node = self._app.scene.AddNewNodeByClass("vtkMRMLInteractionNode")
        node.SetCurrentInteractionMode(node.AdjustWindowLevel)


class NotedSlice(SliceView):
    """A slice view that notes when any of them was last asked for a picture."""

    asked_at_s = -math.inf

    def __init__(self, *about: Any, **more: Any) -> None:
        super().__init__(*about, **more)
        for released in ("MiddleButtonReleaseEvent", "RightButtonReleaseEvent"):
            self.interactor().AddObserver(released, self._end_drag_soon, BEFORE_SLICER)

    def _end_drag_soon(self, *_: Any) -> None:
        """Wait until Slicer has taken the event in, of which it tells nobody else."""
        asyncio.get_running_loop().call_soon(self._end_drag)

    def _end_drag(self) -> None:
        """End what Slicer takes to go on after panning or zooming: no Shift with the mouse would be heard any more."""
        for event in ("LeaveEvent", "EnterEvent"):
            self.interactor().InvokeEvent(event)

    def schedule_render(self, *_: Any) -> None:
        """Have it drawn."""
        NotedSlice.asked_at_s = time.monotonic()
        super().schedule_render()


class ThreeDAfterSlices(ThreeDView):
    """A 3D view that draws when the slices' pictures are on their way, and while one scrolls, seldom.

    A slice is shown in 3D, too, so that each turn of the wheel asks for both; the 3D picture costs three slices.
    """

    _is_due = False
    _drawn_at_s = -math.inf

    def __init__(self, *about: Any, **more: Any) -> None:
        super().__init__(*about, **more)
        self.interactor().AddObserver("WindowResizeEvent", lambda *_: self.fit_width())

    def fit_width(self) -> None:
        """See as much as leaves place for the labels beside the brain in a narrow view, too."""
        width, height = self.render_window().GetSize()
        share = (width / 2 - LABEL_PIXELS) / (HALF_BRAIN * max(height, 1))
        smaller = min(max(share, SMALLEST_BRAIN), 1.0)
        half = math.tan(math.radians(SEEN_DEGREES / 2)) / smaller
        self.renderer().GetActiveCamera().SetViewAngle(2 * math.degrees(math.atan(half)))
        self.renderer().ResetCameraClippingRange()
        self.schedule_render()

    def schedule_render(self, *_: Any) -> None:
        """Have it drawn soon."""
        if self._is_due:
            return
        try:
            asyncio.get_running_loop().call_later(BEHIND_S, self._draw)
            self._is_due = True
        except RuntimeError:  # the page is not served yet
            super().schedule_render()

    def _draw(self) -> None:
        now = time.monotonic()
        if now - NotedSlice.asked_at_s < SCROLLED_S and now - self._drawn_at_s < OLDEST_S:
            asyncio.get_running_loop().call_later(SCROLLED_S, self._draw)
            return
        self._is_due, self._drawn_at_s = False, now
        super().schedule_render()


def _light(kind: type[AbstractView], **about: Any) -> AbstractView:
    """Make a view without what costs a machine without graphics card most and shows least.

    It draws nothing by itself until its factory has it draw for the browser.
    """
    view = kind(scheduled_render_strategy=NoScheduleRendering(), **about)
    view.render_window().SetMultiSamples(0)
    view.renderer().SetUseDepthPeeling(False)  # with Mesa, translucent models vanish with it
    view.renderer().SetUseDepthPeelingForVolumes(False)
    return view


def _brain_bounds(scan: slicer.vtkMRMLScalarVolumeNode) -> tuple[float, ...] | None:
    """Give the box (r, r, a, a, s, s in RAS mm) of the brain's surface; None where none was shown yet."""
    surface = node_of(scan, BRAIN_SURFACE, "vtkMRMLModelNode")
    bounds = [0.0] * 6
    if surface is None or surface.GetPolyData() is None:
        return None
    surface.GetRASBounds(bounds)
    return tuple(bounds)


def _look_from_front(view: ThreeDAfterSlices, bounds_mm: Sequence[float] | None) -> None:
    """Look from the front, left and above at a box (r, r, a, a, s, s in RAS mm), or at all that is shown."""
    camera = view.renderer().GetActiveCamera()
    camera.SetViewAngle(FRAMED_DEGREES)
    if bounds_mm is not None:
        camera.SetFocalPoint(*((low + high) / 2 for low, high in zip(bounds_mm[::2], bounds_mm[1::2], strict=True)))
    focus, distance = camera.GetFocalPoint(), camera.GetDistance()
    camera.SetPosition(*(at + distance * part for at, part in zip(focus, VIEW_FROM, strict=True)))
    camera.SetViewUp(0.0, 0.0, 1.0)
    if bounds_mm is None:
        view.reset_camera()
    else:
        view.renderer().ResetCamera(bounds_mm)
    view.fit_width()


def _layouts() -> dict[str, Layout]:
    views = [ViewLayoutDefinition.slice_view(name, color=VIEW_COLOURS[name]) for name in MAGNIFIED]
    axial, coronal, sagittal = views
    volume = ViewLayoutDefinition.threed_view(name="ThreeD", background_color=BACKGROUND)
    left = Layout(LayoutDirection.Vertical, [axial, sagittal])
    right = Layout(LayoutDirection.Vertical, [coronal, volume])
    alone = {view.singleton_tag: Layout(LayoutDirection.Vertical, [view]) for view in (*views, volume)}
    return {FOUR_UP: Layout(LayoutDirection.Horizontal, [left, right]), **alone}
