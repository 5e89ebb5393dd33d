"""Configurations are read strictly."""

from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from cmbtraining.config.sections import DetectConfig
from cmbtraining.config.settings import TASKS, ConfigError, config_from_dict, load_config

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))


def test_the_folder_holds_the_papers_configurations_and_one_for_each_bundled_model():
    assert {f"paper_model{n}" for n in (1, 2, 3)} < {path.stem for path in CONFIGS}
    bundled = {"detector": "detect", "regions": "regions", "verifier": "verify"}
    found = {path.stem: load_config(path) for path in CONFIGS if path.stem in bundled}
    assert {stem: config.task for stem, config in found.items()} == bundled
    assert all(config.name == f"cmb-{stem}-simulated" for stem, config in found.items())


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_every_configuration_in_the_folder_is_valid(path):
    config = load_config(path)
    assert type(config_from_dict(config.as_dict())) is type(config)
    assert config_from_dict(config.as_dict()) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"los": {}}, "unknown key 'los'"),
        ({"loss": {"alfa": 1.0}}, "unknown key 'alfa'"),
        ({"loss": {"alpha": "big"}}, "loss.alpha is 'big'; it must be a finite number"),
        ({"training": {"epochs": 1.5}}, "training.epochs is 1.5; it must be a whole number"),
        ({"loss": 3}, "loss is 3; it must be an object with keys"),
        ({"loss": {"gamma": 0}}, "loss.gamma is 0; it must be greater than 0"),
        ({"network": {"kind": "unet"}}, "network.kind is 'unet'; it must be 'table-iv' or 'in-plane'"),
        ({"data": {"axes": "RRS"}}, "data.axes is 'RRS'; it must be three directions like RAS"),
        ({"data": {"spacing_mm": [1, 1, -1]}}, r"data.spacing_mm\[2\] is -1; it must be greater than 0"),
        ({"data": {"spacing_mm": [1, 1]}}, r"data.spacing_mm\[2\] is missing"),
        ({"network": {"filters": []}}, r"network.filters is \[\]; it must be a list of 1 or more"),
        ({"task": "segment"}, "task is 'segment'; it must be detect or regions or verify"),
    ],
)
def test_what_is_not_known_is_refused_by_name(content, message):
    with pytest.raises(ConfigError, match=message):
        config_from_dict(content)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (
            {"task": "verify", "loss": {}},
            "unknown key 'loss'; known for task verify are task, name, training, tracking, network, mining",
        ),
        ({"task": "verify", "training": {"validation_steps": 3}}, "training: unknown key 'validation_steps'"),
        (
            {"task": "regions", "network": {"l2": 0}},
            "network: unknown key 'l2'; known for task regions are filters, patch_size",
        ),
        ({"task": "regions", "heads": {"training_maps": [3, 1]}}, "must be the first and the last number"),
        ({"task": "regions", "network": {"patch_size": [16, 16, 24]}}, "network.patch_size is .* multiples of 16"),
        ({"mining": {"rounds": 2}}, "unknown key 'mining'"),
    ],
)
def test_what_has_no_effect_on_a_task_is_refused(content, message):
    with pytest.raises(ConfigError, match=message):
        config_from_dict(content)


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "a.yaml")


BAD_VALUES: dict[str, list[Any]] = {
    "name": [None, 3, "", "  ", ["a"], {"a": 1}, "two\nlines"],
    "data.axes": ["RA", "RRS", "xyz", 3, ["R", "A", "S"], None],
    "data.spacing_mm": [[1, 1], [1, 1, 0], [1, 1, -1], [1, 1, "1"], [1, 1, float("nan")], [1, 1, 25], 1.0, {"a": 1}],
    "data.normalization": ["none", 1, None],
    "data.sequences": [[], "T2S", [1], ["T2S", "T2S"], [""], [None]],
    "network.kind": ["unet", True, None],
    "network.filters": [[], [0], [8.5], ["8"], [True], 8, [-8], [8] * 20],
    "network.patch_size": [[16, 16], [16, 16, 16, 16], [16, 16, 15], [0, 16, 16], [16.0] * 3, "16", [10**9] * 3],
    "network.l2": [-1e-4, "much", float("inf"), None, True],
    "loss.alpha": [-1, float("nan"), [0.5]],
    "loss.gamma": [0, -3],
    "loss.class_weights": [[1.0], [1.0, 2.0, 3.0], [0, 0], ["a", 1], [-1, 1], 1.0],
    "loss.hardest_voxels": [0, 1.5],
    "sampling.patches_per_subject": [0, -1, 1.5, True, "16"],
    "sampling.lesion_share": [-0.1, 1.1, "90 %"],
    "sampling.dark_share": [2],
    "sampling.flip": [1, "yes", None],
    "augmentation.rotation_degrees": [-5, 400],
    "augmentation.scale": [1.0, -0.1],
    "augmentation.noise": [-0.1, float("inf")],
    "augmentation.anisotropy": [0, 0.5],
    "training.epochs": [0, -1, 1e3, False, "many"],
    "training.batch_size": [0, 2.0],
    "training.learning_rate": [0, -1e-3, "fast", float("nan")],
    "training.warmup_steps": [-1],
    "training.seed": [-1, 2**32, 1.0],
    "training.precision": ["int8", 16],
    "training.xla": ["true", 1],
    "training.ema_momentum": [1.0, -0.1],
    "detection.patch_size": [[16, 16], "all", [24, 24, 13]],
    "detection.overlap": [1.0, -0.1],
    "detection.threshold": [0, 1, "0.5x"],
    "detection.min_volume_mm3": [-1],
    "tracking.clearml": ["on", 1],
    "tracking.project": ["", 3],
}


@pytest.mark.parametrize(("key", "value"), [(key, value) for key, values in BAD_VALUES.items() for value in values])
def test_a_value_that_cannot_be_is_refused_by_its_key(key, value):
    section, _, name = key.rpartition(".")
    with pytest.raises(ConfigError) as caught:
        config_from_dict({section: {name: value}} if section else {name: value})
    assert key in str(caught.value) or key.rpartition(".")[2] in str(caught.value)


@pytest.mark.parametrize("task", TASKS)
def test_every_value_of_every_task_is_looked_at(task):
    """A value that nothing can be, at each key in turn."""
    content = config_from_dict({"task": task}).as_dict()
    keys = [(section, key) for section, values in content.items() if isinstance(values, dict) for key in values]
    assert len(keys) > 10
    for section, key in keys:
        with pytest.raises(ConfigError, match=f"{section}.{key} is "):
            config_from_dict({"task": task, section: {key: {"no": "value"}}})


LAUGHS = "a: &a [x, x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"{name}: &{name} [{', '.join([f'*{before}'] * 10)}]\n" for before, name in pairwise("abcdefghijkl")
)


@pytest.mark.parametrize(
    ("text", "told"),
    [
        (LAUGHS, "is an alias"),
        ("loss: &loss {alpha: 0.5}\ntraining: *loss\n", "is an alias"),
        ("training: {<<: {epochs: 3}}\ntraining: {epochs: 5}\n", "stands twice"),
        ("training:\n  epochs: 3\n  epochs: 5\n", "the key 'epochs' stands twice"),
        ("[" * 3000, "cannot be read as YAML"),
        ("? [a]\n: 1\n", "cannot be read as YAML"),
        ("name: 2026-99-99\n", "cannot be read as YAML"),
        ("name: !!python/object/apply:os.getcwd []\n", "cannot be read as YAML"),
        ("data: {spacing_mm: !!set {1, 2, 3}}\n", "cannot be read as YAML"),
        ("- a\n- b\n", "must be an object with keys"),
        ("just text", "must be an object with keys"),
        ("#" * 2_000_000, "characters long"),
    ],
    ids=range(12),
)
@pytest.mark.timeout(20)
def test_yaml_that_is_more_than_values_is_refused_at_once(tmp_path, text, told):
    (tmp_path / "a.yaml").write_text(text)
    with pytest.raises(ConfigError, match=told):
        load_config(tmp_path / "a.yaml")


def test_bytes_that_are_no_text_and_a_folder_are_refused(tmp_path):
    (tmp_path / "a.yaml").write_bytes(b"\xff\xfe\x00name")
    for path in (tmp_path / "a.yaml", tmp_path, tmp_path / "gone.yaml"):
        with pytest.raises(ConfigError, match="cannot be read"):
            load_config(path)


def test_numbers_may_be_written_as_people_write_them(tmp_path):
    (tmp_path / "a.yaml").write_text(
        "training: {learning_rate: 1e-4, weight_decay: 0}\ndetection: {patch_size: null}\n"
    )
    config = load_config(tmp_path / "a.yaml", ["network.l2=1e-5"])
    assert isinstance(config, DetectConfig)
    assert (config.training.learning_rate, config.training.weight_decay, config.network.l2) == (1e-4, 0.0, 1e-5)
