"""What lies over a view: its name, its orientation letters, its slider and its buttons."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from trame.widgets import html
from trame.widgets import vuetify3 as v3
from trame_server import Server
from trame_slicer.app.logic.slice_view_logic import connect_slice_view_slider_to_state
from trame_slicer.views import SliceView

from ..state.names import views
from .aria import named
from .shown import shown

AXES = {"Sagittal": (0, "R"), "Coronal": (1, "A"), "Axial": (2, "S")}  # of patient RAS, which the slice is across
EDGES = {  # left, right, top, bottom of the picture: Slicer shows the patient's right on the left
    "Axial": "RLAP",
    "Coronal": "RLSI",
    "Sagittal": "APSI",
}


def view_corner(show_alone: Callable[[str], None]) -> Callable[[Server, str, Any], None]:
    """Give the function that fills a view's overlay.

    Parameters
    ----------
    show_alone : callable
        Called with a view's name to have it fill the whole place.
    """

    def fill(server: Server, _view_id: str, view: Any) -> None:
        name = view.get_singleton_tag()
        label = "3D" if name == "ThreeD" else name
        with html.Div(classes="view-corner"):
            html.Span(label, classes=f"view-name view-{name}")
            if isinstance(view, SliceView):
                slider = connect_slice_view_slider_to_state(server, view)
                axis, letter = AXES[name]
                html.Span(
                    f"{letter} {shown(f'{views.crossing}[{axis}].toFixed(1)')} mm",
                    classes="view-offset",
                    title="Where the slices cross, patient RAS",
                )
        with html.Div(classes="view-buttons"):
            _button("mdi-fit-to-page-outline", f"Fit the {label} view to the scan", view.reset_view)
            _button("mdi-arrow-expand-all", f"Show {label} alone, or all four", lambda: show_alone(name))
        if isinstance(view, SliceView):
            for edge, letter in zip(("left", "right", "top", "bottom"), EDGES[name], strict=True):
                html.Span(letter, classes=f"view-edge view-edge-{edge}")
            v3.VSlider(
                v_model=(slider.name.value,),
                min=(slider.name.min_value,),
                max=(slider.name.max_value,),
                step=(slider.name.step,),
                classes="view-slider",
                color="#8b97a5",
                density="compact",
                thumb_size=12,
                track_size=2,
                hide_details=True,
                **named(f"{name} slice, mm along the scan's own axis"),
            )

    return fill


def _button(icon: str, what: str, click: Callable[[], None]) -> None:
    v3.VBtn(icon=icon, click=click, variant="text", size="x-small", density="comfortable", title=what, **named(what))
