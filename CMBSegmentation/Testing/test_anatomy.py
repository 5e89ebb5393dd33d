import pytest

from CMBSegmentationLib.vocabulary.regions import GROUPS, LOBE_UNKNOWN, PATTERNS, REGIONS, group_of, pattern_of


def test_every_region_is_in_one_group():
    assert sorted(region for regions in GROUPS.values() for region in regions) == sorted(REGIONS)
    assert [group_of(region) for region in ("insula", "thalamus", "cerebellum", "")] == [
        "lobar", "deep", "infratentorial", "",
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("regions", "pattern"),
    [
        ([], "none"),
        ([""], "none"),
        (["frontal", "insula"], "lobar"),
        (["frontal", "cerebellum"], "lobar"),
        (["frontal", "brainstem"], "mixed"),
        (["frontal", "thalamus", "cerebellum"], "mixed"),
        (["brainstem"], "deep"),
        (["corpus callosum", "cerebellum"], "deep"),
        (["cerebellum"], "cerebellar only"),
        ([LOBE_UNKNOWN], "lobar"),
        ([LOBE_UNKNOWN, "thalamus"], "mixed"),
    ],
)
def test_the_pattern_follows_the_boston_criteria(regions, pattern):
    assert pattern_of(regions) == pattern
    assert pattern in PATTERNS
