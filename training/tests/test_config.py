"""Configurations are read strictly."""

from pathlib import Path

import pytest

from cmbtraining.config import ConfigError, config_from_dict, load_config

CONFIGS = sorted((Path(__file__).resolve().parents[1] / "configs").glob("*.yaml"))


def test_the_folder_holds_the_papers_configurations():
    assert {f"paper_model{n}" for n in (1, 2, 3)} < {path.stem for path in CONFIGS}


@pytest.mark.parametrize("path", CONFIGS, ids=lambda p: p.stem)
def test_every_configuration_in_the_folder_is_valid(path):
    config = load_config(path)
    assert config_from_dict(config.as_dict()) == config


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ({"los": {}}, "unknown key 'los'"),
        ({"loss": {"alfa": 1.0}}, "unknown key 'alfa'"),
        ({"loss": {"alpha": "big"}}, "is not a float"),
        ({"training": {"epochs": 1.5}}, "is not a int"),
        ({"loss": 3}, "must hold keys"),
    ],
)
def test_what_is_not_known_is_refused_by_name(content, message):
    with pytest.raises(ConfigError, match=message):
        config_from_dict(content)


def test_a_file_that_is_no_yaml_is_refused(tmp_path):
    (tmp_path / "a.yaml").write_text("a: [1")
    with pytest.raises(ConfigError, match="cannot be read"):
        load_config(tmp_path / "a.yaml")
