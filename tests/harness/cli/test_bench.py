import pytest
from typer.testing import CliRunner

from harness.cli.app import build


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["linear", "--workload", "dance"], "unknown workload 'dance'"),
        (["linear", "--device", "cuda:9"], "device 'cuda:9' cannot be used here"),
        (["linear", "--protocol", "dance"], "dance"),
        (["linear", "--compile"], "lbar: linear cannot be compiled; leave --compile out"),
        (["nobody"], "nobody"),
    ],
)
def test_what_the_user_must_change(arguments, said, tmp_path):
    done = CliRunner().invoke(build(), ["bench", *arguments, "--out", str(tmp_path)])
    assert done.exit_code == 2, done.output
    assert said in done.output
