import pytest

from harness.datasets.clip_names import title


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Rain .wav", "rain.wav"),
        (" Ambience Birds.wav", "ambience_birds.FLAC"),
        ("Greek (Apollonia&#39;s sPA) 18_44 05.10.wav", "Greek (Apollonia__39_s sPA) 18_44 05.10.wav"),
        ("raindrops on metal: police background.wav", "raindrops on metal_ police background.wav"),
        ("Intersection Wet : Metro Pass.wav", "Intersection Wet_Metro Pass.wav"),
        ("KOOKABURRA..WAV.wav", "kookaburra.wav"),
        ("Caf\u00e9 &amp; bar.wav", "cafe bar.wav"),
    ],
)
def test_one_title(one: str, other: str) -> None:
    assert title(one) == title(other)


@pytest.mark.parametrize(
    ("one", "other"),
    [("rain 1.wav", "rain 2.wav"), ("1-2.wav", "12.wav"), ("!.wav", "?.wav"), ("14.12.wav", "14.wav")],
)
def test_two_titles(one: str, other: str) -> None:
    assert title(one) != title(other)
