"""A network leaves Python: its file answers alike for any batch; without the tools a sentence says what to do."""

import sys

import pytest

torch = pytest.importorskip("torch")

from effnet_course import atlas, deploy  # noqa: E402

HERE = not deploy.missing_tools()


@pytest.mark.skipif(not HERE, reason='the extra "deploy" is not installed')
def test_the_onnx_file_answers_like_the_network_for_any_batch(tmp_path):
    import onnx

    model, _ = atlas.network("nano-16px")
    deploy.export_onnx(model, tmp_path / "nano.onnx", 16)
    assert deploy.onnx_difference(model, tmp_path / "nano.onnx", 16, (1, 2, 5, 40)) < 1e-5
    graph = onnx.load(tmp_path / "nano.onnx").graph
    operators = [node.op_type for node in graph.node]
    assert "BatchNormalization" not in operators and operators.count("Conv") == 41
    assert graph.input[0].type.tensor_type.shape.dim[0].dim_param == "batch"
    assert list(tmp_path.iterdir()) == [tmp_path / "nano.onnx"]


def test_a_file_of_another_network_is_told_apart(tmp_path):
    """The check itself can fail: a wrong weight shows."""
    if not HERE:
        pytest.skip('the extra "deploy" is not installed')
    model, _ = atlas.network("nano-no-se-16px")
    deploy.export_onnx(model, tmp_path / "a.onnx", 16)
    with torch.no_grad():
        model.classifier.bias[3] += 0.1
    assert deploy.onnx_difference(model, tmp_path / "a.onnx", 16) > 1e-3


def test_without_the_tools_a_sentence_says_what_to_install(monkeypatch, tmp_path):
    monkeypatch.setattr(deploy, "missing_tools", lambda: ["onnx", "onnxscript", "onnxruntime", "torchao"])
    with pytest.raises(ImportError, match=r"onnx and onnxscript: pip install"):
        deploy.export_onnx(torch.nn.Identity(), tmp_path / "x.onnx", 16)
    with pytest.raises(ImportError, match="onnxruntime"):
        deploy.onnx_session(tmp_path / "x.onnx")


def test_missing_tools_are_found_without_importing_any():
    before = set(sys.modules)
    deploy.missing_tools()
    assert not {"onnx", "onnxruntime", "torchao"} & (set(sys.modules) - before)


def test_functions_are_timed_in_turn():
    order = []
    times = deploy.time_in_turn({"a": lambda: order.append("a"), "b": lambda: order.append("b")}, runs=3, warmup=1)
    assert order == ["a", "b"] * 4 and all(len(t.times) == 3 for t in times.values())
