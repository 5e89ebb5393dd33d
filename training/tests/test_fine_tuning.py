"""Past the paper: a run that starts from a trained network, averaged weights, several sequences, hard negatives."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import SimpleITK as sitk
from made_up_subjects import write_subject
from test_run import TRAINING, arguments, place  # noqa: F401  (place is a fixture)
from untraced import untraced

import train as command
from CMBSegmentationLib.models.input_spec import InputSpec
from cmbtraining.config.sections import DetectConfig
from cmbtraining.data.dataset import DatasetError, find_scans, find_subjects, prepare_subject
from cmbtraining.data.hard_negatives import read_hard_negatives
from cmbtraining.evaluation.score_files import LesionScore, write_table
from cmbtraining.fitting.checkpoints import CheckpointError, Checkpoints
from cmbtraining.fitting.lesson import Lesson
from cmbtraining.tasks.detect import compiled

SPEC = InputSpec("LAS", (1.0, 1.0, 1.0), "zscore-brain")
AVERAGED = ("training.ema_momentum=0.9", "training.validation_steps=1")


@pytest.fixture(scope="module")
@untraced()
def whole(place, tmp_path_factory) -> Path:  # noqa: F811
    """A run with averaged weights that nothing stopped."""
    out = tmp_path_factory.mktemp("runs") / "whole"
    assert command.main(arguments(place, out, *AVERAGED, "training.epochs=2")) == 0
    return out


def exported_table_iv(path: Path, filters: tuple[int, ...], size: tuple[int, int, int]) -> Path:
    """Table IV's network as `export.py` writes it, its batch normalisations with statistics as if trained."""
    import keras

    from cmbtraining.export.onnx_export import export, manifest_for
    from cmbtraining.networks.table_iv import build_unet

    network = build_unet(size, filters, l2=0.0)
    rng = np.random.default_rng(1)
    for layer in network.layers:
        if isinstance(layer, keras.layers.BatchNormalization):
            layer.set_weights([rng.uniform(0.5, 1.5, one.shape) for one in layer.get_weights()])
    given: dict[str, Any] = {"network": {"filters": list(filters), "patch_size": list(size)}}
    config = DetectConfig(**given)
    manifest = manifest_for(config, name="x", version="1", training={}, intended_use="", metrics={}, threshold=0.5)
    export(network, config, manifest, path)
    return path


@untraced()
def test_an_exported_model_goes_on_as_the_function_it_was(tmp_path):
    import keras
    import onnxruntime

    from cmbtraining.fitting.fine_tuning import start_from
    from cmbtraining.networks.table_iv import build_unet

    filters, size = (8, 16), (16, 16, 16)
    path = exported_table_iv(tmp_path / "table-iv.onnx", filters, size)
    session = onnxruntime.InferenceSession(str(path))
    model = build_unet(size, filters, l2=0.0)
    patches = np.random.default_rng(0).normal(size=(2, *size, 1)).astype(np.float32)
    start_from(model, path, patches)
    logits = session.run(None, {session.get_inputs()[0].name: patches[:1]})[0]
    theirs = np.exp(logits - logits.max(-1, keepdims=True))
    theirs /= theirs.sum(-1, keepdims=True)
    np.testing.assert_allclose(np.asarray(model(patches[:1], training=False)), theirs, atol=1e-4)
    # the measured statistics are those of the patches: normalising by the batch gives the same function
    in_training = np.asarray(model(patches, training=True))
    np.testing.assert_allclose(in_training, np.asarray(model(patches, training=False)), atol=2e-2)
    with pytest.raises(CheckpointError, match=r"compare network\.filters"):
        start_from(build_unet((16, 16, 16), (4,)), path, patches)
    (tmp_path / "x.onnx").write_bytes(b"none")
    with pytest.raises(CheckpointError, match="cannot be read as ONNX"):
        start_from(model, tmp_path / "x.onnx", patches)
    assert keras.config.dtype_policy().name == "float32"


@untraced()
def test_a_run_starts_from_a_trained_network_and_goes_on_with_its_own(place, whole, tmp_path, capsys):  # noqa: F811
    import keras

    out = tmp_path / "fine"
    call = arguments(
        place, out, "training.learning_rate=1e-9", "training.epochs=1", "--start-from", str(whole / "best.keras")
    )
    assert command.main(call) == 0
    ours, theirs = (keras.models.load_model(folder / "last.keras") for folder in (out, whole))
    best = keras.models.load_model(whole / "best.keras")
    for now, before in zip(ours.trainable_weights, best.trainable_weights, strict=True):
        np.testing.assert_allclose(np.asarray(now), np.asarray(before), atol=1e-6)
    assert ours.count_params() == theirs.count_params()
    no_network = ("--start-from", str(place / "tiny.yaml"))
    assert command.main(arguments(place, out, "training.epochs=1", *no_network)) == 0  # not read again
    assert command.main(arguments(place, tmp_path / "no", *no_network)) == 3
    assert "cannot be read as a Keras model" in capsys.readouterr().err


@untraced()
def test_a_bids_dataset_with_grown_masks_fine_tunes_the_bundled_detector(tmp_path, capsys):
    """The README's route: scans, scribbles, `cmb grow`, gather.py, train.py from the bundled model."""
    import gather
    from CMBScribbleGrowLib.scribbles.run import GrowRequest, grow_scribbles

    for name in ("sub-101", "sub-102"):
        folder = write_subject(tmp_path / "raw", name)
        scan = tmp_path / "bids" / name / "anat" / f"{name}_T2starw.nii.gz"
        scan.parent.mkdir(parents=True)
        (folder / f"{name}_space-T2S_desc-masked_T2S.nii.gz").rename(scan)
        truth = folder / f"{name}_space-T2S_CMB.nii.gz"
        grow_scribbles(GrowRequest(scan, truth, tmp_path / "grown" / name))
    (tmp_path / "bids/sub-103/anat").mkdir(parents=True)
    (tmp_path / "bids/sub-103/anat/sub-103_T2starw.nii.gz").write_bytes(b"")
    call = ["--bids", str(tmp_path / "bids"), "--masks", str(tmp_path / "grown"), "--out", str(tmp_path / "own")]
    assert gather.main(call) == 0
    assert "sub-103_T2starw.nii.gz: no mask, left out" in capsys.readouterr().out
    assert gather.main(call) == 2
    assert "holds subjects already" in capsys.readouterr().err
    config = TRAINING / "configs/fine_tune.yaml"
    data = ["--data", str(tmp_path / "own"), "--validation", str(tmp_path / "own"), "--out", str(tmp_path / "run")]
    short = [
        "network.patch_size=[32, 32, 16]",
        "training.epochs=1",
        "training.steps_per_epoch=1",
        "training.validation_steps=1",
        "training.batch_size=1",
    ]
    assert command.main(["--config", str(config), *data, *short, "--start-from", "cmb-detector-simulated"]) == 0
    assert (tmp_path / "run/best.keras").exists()


def test_a_readers_annotation_is_gathered_and_further_scans_of_a_subject_stay_with_it(tmp_path):
    from CMBScribbleGrowLib.annotation.segments_file import grown_name, scribble_name, segment_of, write_segments
    from cmbtraining.data.bids import gather

    folder = write_subject(tmp_path / "raw", "sub-301")
    image = sitk.ReadImage(str(folder / "sub-301_space-T2S_desc-masked_T2S.nii.gz"))
    for session in ("01", "02"):
        at = tmp_path / f"bids/sub-7/ses-{session}/anat/sub-7_ses-{session}_T2starw.nii"
        at.parent.mkdir(parents=True)
        sitk.WriteImage(image, str(at))
        boxes = {reader: np.zeros(image.GetSize()[::-1], bool) for reader in ("A", "B")}
        boxes["A"][5:7, 10:12, 10:12] = boxes["B"][5:8, 20:22, 10:12] = True
        segments = [segment_of(grown_name(1, reader), reader, box) for reader, box in boxes.items()]
        segments.append(segment_of(scribble_name(2, "A"), "A", boxes["B"]))
        segments.append(dataclasses.replace(segment_of(grown_name(3, "A"), "A", boxes["B"]), accepted=False))
        (tmp_path / "annotated").mkdir(exist_ok=True)
        write_segments(tmp_path / f"annotated/{at.stem}_desc-cmb_annotation.seg.nrrd", segments, image)
    told = gather(tmp_path / "bids", [tmp_path / "annotated"], tmp_path / "own", reader="A")
    assert [(one.lesion_voxels, one.not_accepted) for one in told] == [(8, 1), (8, 1)]
    found = find_subjects(tmp_path / "own")
    assert [one.name for one in found] == ["sub-7", "sub-7"]
    for one in found:
        prepare_subject(one, SPEC, tmp_path / "cache")
    assert len(list((tmp_path / "cache").iterdir())) == 2


@untraced()
def test_the_best_weights_are_the_averaged_ones_and_survive_going_on(place, whole, tmp_path):  # noqa: F811
    import keras

    for epochs in (1, 2):
        assert command.main(arguments(place, tmp_path / "parts", *AVERAGED, f"training.epochs={epochs}")) == 0
    for name in ("last.keras", "best.keras"):
        ours, theirs = (keras.models.load_model(run / name) for run in (tmp_path / "parts", whole))
        state = [[*m.weights, *m.optimizer.variables] for m in (ours, theirs)]
        for a, b in zip(*state, strict=True):
            np.testing.assert_allclose(np.asarray(a), np.asarray(b), rtol=1e-5, atol=1e-7)
    last = keras.models.load_model(whole / "last.keras")
    trained = [np.array(w) for w in last.trainable_weights]
    averages = [np.array(w) for w in last.optimizer._model_variables_moving_average]
    assert any(np.abs(a - b).max() > 1e-4 for a, b in zip(trained, averages, strict=True))
    unread: Any = None
    keep = Checkpoints(tmp_path, Lesson(lambda: last, last.loss, unread, unread), epochs=9, best=1.0)
    keep.set_model(last)
    keep.on_epoch_end(2, {"val_loss": 0.5})
    for name, expected in (("last.keras", trained), ("best.keras", averages)):
        kept = keras.models.load_model(tmp_path / name).trainable_weights
        for now, before in zip(kept, expected, strict=True):
            np.testing.assert_array_equal(np.asarray(now), before)


def test_scans_of_several_sequences_are_each_read_by_themselves(tmp_path):
    folder = write_subject(tmp_path / "raw", "sub-301", sequences=("T2S",))
    write_subject(tmp_path / "raw", "sub-302", sequences=("T2S",))
    for kind in ("desc-masked_T2S", "CMB"):
        scan = sitk.ReadImage(str(folder / f"sub-301_space-T2S_{kind}.nii.gz"))
        sitk.WriteImage(scan, str(folder / f"sub-301_space-SWI_{kind.replace('T2S', 'SWI')}.nii.gz"))
    found = find_scans(tmp_path / "raw", ("T2S", "SWI"))
    assert [(one.name, one.sequence) for one in found] == [("sub-301", "T2S"), ("sub-302", "T2S"), ("sub-301", "SWI")]
    prepared = [prepare_subject(one, SPEC, tmp_path / "cache") for one in found]
    assert len(list((tmp_path / "cache").iterdir())) == 3
    np.testing.assert_array_equal(prepared[0].voxels, prepared[2].voxels)
    with pytest.raises(DatasetError, match="FLAIR"):
        find_scans(tmp_path / "raw", ("T2S", "FLAIR"))
    given: dict[str, Any] = {"data": {"sequences": ["T2S", "SWI"]}, "network": {"filters": [4], "patch_size": [16] * 3}}
    assert compiled(DetectConfig(**given)).input_shape[-1] == 1


def test_hard_negatives_are_an_earlier_models_false_positives_on_the_prepared_grid(tmp_path):
    write_subject(tmp_path / "raw", "sub-101")
    (subject,) = find_subjects(tmp_path / "raw")
    mask = sitk.ReadImage(str(subject.mask))
    z, y, x = np.argwhere(sitk.GetArrayViewFromImage(mask) > 0)[0].tolist()
    at = np.array([-1, -1, 1]) * mask.TransformIndexToPhysicalPoint(
        (x, y, z)
    )  # a lesion's voxel, so that it can be found
    r, a, s = at.tolist()
    rows = [
        LesionScore("sub-101", "predicted", 1, r, a, s, 2.0, 0.9, False, False),
        LesionScore("sub-101", "predicted", 2, r + 5, a, s, 2.0, 0.9, True, True),
        LesionScore("sub-101", "true", 1, r + 9, a, s, 2.0, None, False, False),
        LesionScore("sub-101", "predicted", 3, 900.0, 0.0, 0.0, 2.0, 0.9, False, False),
    ]
    write_table(rows, LesionScore, tmp_path / "lesions.csv")
    points = read_hard_negatives(tmp_path / "lesions.csv")["sub-101"]
    assert points.shape == (2, 3)
    for axes in ("LAS", "RAS", "SPL"):
        spec = dataclasses.replace(SPEC, axes=axes, spacing_mm=(0.5, 0.5, 0.5))
        prepared = prepare_subject(subject, spec, tmp_path / "cache", points)
        (hard,) = prepared.hard_positions  # the other lies outside the head
        assert prepared.lesions[tuple(hard)] == 1


def test_hard_negatives_and_their_share_come_together(place, tmp_path, capsys):  # noqa: F811
    assert command.main(arguments(place, tmp_path / "run", "sampling.hard_share=0.5")) == 2
    assert "come together" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()
