"""Why a microbleed was missed and what a false one is: each cause is made, and named."""

import numpy as np
import SimpleITK as sitk

from CMBSegmentationLib.detecting.candidates.grid import grid_of
from CMBSegmentationLib.detecting.candidates.listing import Candidate, Candidates
from CMBSegmentationLib.detecting.lesions import Lesion, LesionRules
from CMBSegmentationLib.report.crops import Window
from CMBSegmentationLib.vocabulary.reasons import Rule
from CMBSegmentationLib.vocabulary.verdicts import KEPT
from cmbtraining.evaluation.error_causes import error_causes
from cmbtraining.evaluation.error_sheet import COLUMNS, TILE, ErrorTile, chosen, crop, sheet
from cmbtraining.evaluation.score_files import PREDICTED, TRUE, LesionScore

SIDE = 60
TRUE_AT = {1: (10, 20, 10), 2: (10, 20, 30), 3: (10, 45, 10), 4: (10, 45, 30)}  # z, y, x
BLACK = (10, 20, 30)


def scan():
    """A ball of tissue of 1 mm voxels with four microbleeds, one of them black, the others faint."""
    axis = np.arange(SIDE) - (SIDE - 1) / 2
    away = np.sqrt(axis[:, None, None] ** 2 + axis[None, :, None] ** 2 + axis[None, None, :] ** 2)
    voxels = np.where(away < 100, 100.0, 0.0).astype(np.float32)
    voxels[:, :, 55:] = 0
    truth = np.zeros(voxels.shape, np.uint8)
    for z, y, x in TRUE_AT.values():
        truth[z : z + 2, y : y + 2, x : x + 2] = 1
        voxels[z : z + 2, y : y + 2, x : x + 2] = 5 if (z, y, x) == BLACK else 90
    return sitk.GetImageFromArray(voxels), sitk.GetImageFromArray(truth)


def score(role, number, zyx, kind="", matched=False):
    """A lesion whose centre is at array coordinates; the grid's axes are L, P and S."""
    z, y, x = zyx
    return LesionScore("sub-1", role, number, -x, -y, z, 2.5, 0.7, matched, matched, kind=kind)


def candidate(image, zyx, probability, outside=None):
    """One that was found at array coordinates."""
    z, y, x = zyx
    lesion = Lesion(1, KEPT, -x, -y, z, 8.0, 2.5, 1.0, 0.3, probability)
    flat = (int(z) * SIDE + int(y)) * SIDE + int(x)
    return Candidate(flat, np.array([flat]), lesion, outside)


def test_missed_ones_are_sorted_by_what_the_program_found_there():
    """No candidate, faint or plain to see; below the threshold; outside tissue; one for two."""
    image, truth = scan()
    middle = {number: tuple(c + 0.5 for c in at) for number, at in TRUE_AT.items()}
    lesions = [score(TRUE, number, at) for number, at in middle.items()]
    found = {3: candidate(image, middle[3], 0.4), 4: candidate(image, middle[4], 0.9, Rule.OUTSIDE_TISSUE)}

    def causes(every):
        rules = LesionRules(0.5)
        return [e.cause for e in error_causes(lesions, Candidates(grid_of(image), tuple(every)), rules, image, truth)]

    nothing = ["no candidate, faint", "no candidate, plain to see"]
    assert causes([]) == [*nothing, "no candidate, faint", "no candidate, faint"]
    assert causes(found.values()) == [*nothing, "score below the threshold", "taken for outside tissue"]
    assert causes([candidate(image, middle[1], 0.9)])[0] == "found as one with a neighbour"


def test_false_ones_are_sorted_by_what_they_cover_and_where_they_lie():
    """A mimic is known to the simulator; else nearness to a microbleed, then to the brain's edge, tells."""
    image, truth = scan()
    places = {
        "calcification": (40, 30, 30),
        "second one on a microbleed": (11.5, 20.5, 12),
        "beside a microbleed": (10.5, 20.5, 16.5),
        "dark spot at the brain's edge": (40, 30, 53),
        "dark spot within the brain": (40, 30, 25),
    }
    lesions = [score(TRUE, 1, (10.5, 20.5, 10.5), matched=True)]
    for number, (cause, at) in enumerate(places.items(), start=1):
        lesions.append(score(PREDICTED, number, at, "calcification" if cause == "calcification" else ""))
    errors = error_causes(lesions, Candidates(grid_of(image)), LesionRules(0.5), image, truth)
    assert [one.cause for one in errors] == list(places)
    assert not any(one.missed for one in errors)


def test_the_sheet_shows_each_error_once_its_lesion_in_the_middle():
    """The black microbleed is dark in the middle of its picture; tiles stand in rows under their cause."""
    image, truth = scan()
    lesion = score(TRUE, 2, tuple(c + 0.5 for c in BLACK))
    picture = crop(image, Window(0.0, 100.0), lesion)
    assert picture.shape == (TILE, TILE)
    assert picture[TILE // 2, TILE // 2] < 40 < 200 < picture[TILE // 4, TILE // 2]
    errors = error_causes([lesion], Candidates(grid_of(image)), LesionRules(0.5), image, truth)
    tiles = chosen([ErrorTile(errors[0], picture, "sub-1")] * 12, 10, np.random.default_rng(0))
    assert len(tiles) == 10
    one_row, two_rows = sheet(tiles[:COLUMNS], "Missed"), sheet(tiles, "Missed")
    assert two_rows.height - one_row.height > TILE
    assert np.array(two_rows)[:, : TILE + 16].min() < 40
