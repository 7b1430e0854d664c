import numpy as np
import pytest

from harness.errors import UserError
from harness.interface.returned_values import checked_embeddings, checked_scores


@pytest.mark.parametrize("dtype", [np.float16, np.float32, np.float64])
def test_any_floating_type_comes_back_as_float32(dtype: type) -> None:
    rows = np.arange(6, dtype=dtype).reshape(2, 3)
    checked = checked_embeddings(rows, 2, "clip", "mine", 0)
    assert checked.dtype == np.float32
    np.testing.assert_array_equal(checked, rows)


def test_float32_is_not_copied() -> None:
    rows = np.ones((2, 3), np.float32)
    assert checked_embeddings(rows, 2, "clip", "mine", 0) is rows


class Tensor:
    def detach(self) -> "Tensor":
        return self


def nan_at(*rows: int) -> np.ndarray:
    embeddings = np.ones((20, 3), np.float32)
    embeddings[list(rows), 1] = np.nan
    return embeddings


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (
            np.ones((19, 3)),
            r"mine: embed_text returned an array of shape \(19, 3\) for captions 40 to 59; expected \(20,",
        ),
        (np.ones(20), r"shape \(20,\)"),
        (np.ones((20, 3, 1)), r"shape \(20, 3, 1\)"),
        (np.ones((20, 0)), r"shape \(20, 0\)"),
        ([[1.0]] * 20, r"returned a list for captions 40 to 59; expected a numpy array.* with np.asarray"),
        (Tensor(), r"Tensor .*\.detach\(\)\.cpu\(\)\.numpy\(\)"),
        (None, "a NoneType"),
        (np.ones((20, 3), np.int64), "type int64 .* end with .astype"),
        (np.ones((20, 3), object), "type object"),
        (np.ones((20, 3), complex), "type complex128"),
        (nan_at(3), "NaN or infinity for caption 43; every"),
        (nan_at(3, 5), "for captions 43, 45; every"),
        (nan_at(*range(1, 12)), "for 11 captions between 41 and 51; every"),
        (np.full((20, 3), 1e300), "20 captions between 40 and 59"),
    ],
)
def test_names_what_is_wrong_and_where(result: object, message: str) -> None:
    with pytest.raises(UserError, match=message):
        checked_embeddings(result, 20, "caption", "mine", 40)


def test_one_clip_is_named_in_the_singular() -> None:
    with pytest.raises(UserError, match=r"embed_audio returned .* for clip 7;"):
        checked_embeddings(np.ones((2, 3)), 1, "clip", "mine", 7)


@pytest.mark.parametrize(
    ("result", "message"),
    [
        (np.ones((3, 2)), r"mine: score returned an array of shape \(3, 2\); expected \(2, 3\): captions by clips"),
        (np.full((2, 3), np.inf), "NaN or infinity"),
        (np.ones((2, 3), int), "type int64 for 2 captions and 3 clips"),
    ],
)
def test_scores(result: object, message: str) -> None:
    assert checked_scores(np.ones((2, 3)), (2, 3), "mine: score").dtype == np.float32
    with pytest.raises(UserError, match=message):
        checked_scores(result, (2, 3), "mine: score")
