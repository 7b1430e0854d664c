"""The page in a real browser, from disk."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pytest
import soundfile

from harness import datasets
from harness.protocols.description import get_protocol
from harness.protocols.task import pose
from harness.runs.records import DatasetRecord
from harness.runs.run_folder import read_record
from leaderboard.board import axes
from leaderboard.board.entries import standings
from leaderboard.comparison.comparing import compare_rows
from leaderboard.report.site import build
from leaderboard.runs.collecting import collect

if TYPE_CHECKING:
    from playwright.sync_api import Page

MakeRun = Callable[..., Path]
Visit = Callable[..., "Page"]
CLIPS, CAPTIONS = 12, 2
NASTY = "<img src=x onerror=\"console.log('pwned')\"></script><b>bold</b> & \u2028 'quoted'"


def text_of(index: int) -> str:
    if index == 3:
        return NASTY
    # Two clips share a caption.
    return (
        "the same words"
        if index in (0, 5)
        else f"{'a ' * (index % 7)}sound of clip {index // CAPTIONS}, caption {index % CAPTIONS}"
    )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("place")


@pytest.fixture(scope="module")
def data_root(place: Path) -> Path:
    """A folder data set; two of its files are equal byte for byte."""
    root = place / "data root & more"
    root.mkdir()
    lines = ["file_name,caption_1,caption_2"]
    for clip in range(CLIPS):
        tone = np.sin(np.arange(8000 + 4000 * (clip % 4)) * (0.05 + 0.01 * (0 if clip == 4 else clip)))
        soundfile.write(root / f"clip {clip} #1.wav", 0.3 * tone, 16000)
        quoted = ['"' + text_of(CAPTIONS * clip + caption).replace('"', '""') + '"' for caption in range(CAPTIONS)]
        lines.append(f"clip {clip} #1.wav,{','.join(quoted)}")
    (root / "captions.csv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    return root


@pytest.fixture(scope="module")
def runs(place: Path, data_root: Path, make_run: MakeRun) -> Path:
    out = place / "runs"
    task = pose(get_protocol("folder"), datasets.load("folder", "all", data_root))
    dataset = DatasetRecord(name="folder", split="all", digest=task.digest, audio_digest=None, clips=CLIPS, queries=24)
    for index, name in enumerate(("strong", "weak", NASTY, "long " * 2000)):
        make_run(
            out,
            name,
            quality=1.5 - index,
            clips=CLIPS,
            captions=CAPTIONS,
            protocol="folder",
            texts=task.queries,
            names=[clip.name for clip in task.clips],
            dataset=dataset,
            system={"parameters": 10 ** (5 + index), "trained_on": ("clotho", NASTY)[: 1 + index % 2]},
        )
    strong = next(read_record(folder) for folder in out.glob("*strong*"))
    speed = json.loads((Path(__file__).parents[2] / "data" / "speed_v1.json").read_text())
    speed |= {
        "created": "2026-03-04T05:06:07Z",
        "system": strong.system.model_dump(mode="json"),
        "settings": speed["settings"] | {"device": "cuda"},
        "environment": strong.environment.model_dump(mode="json"),
        "figures": {"clips_per_second": 512.5, "query_p95_seconds": 0.0042},
        "stages": {"decode": 0.5, "encode": 1.5},
        "comparable": True,
        "reasons": [],
    }
    (out / "speed").mkdir()
    (out / "speed" / "record.json").write_text(json.dumps(speed))
    make_run(out, "apart", protocol="folder", comparable=False, reasons=(f"2 clips skipped {NASTY}",))
    for index in range(3):
        make_run(out, f"other {index}", quality=index, protocol="clotho-dcase2024")
    return out


@pytest.fixture(scope="module")
def site(place: Path, runs: Path, data_root: Path) -> Path:
    board = collect(runs)
    trained = {"said": {"card": {}}, "measure": "mAP@10", "epoch": 2}
    epochs = [{"number": 1 + epoch, "loss": 2.0 - epoch, "reached": 0.1 * epoch} for epoch in range(3)]
    (place / "weights" / "strong").mkdir(parents=True)
    (place / "weights" / "strong" / "training.json").write_text(json.dumps(trained | {"epochs": epochs}))
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LBAR_WEIGHTS", str(place / "weights"))
        problems = build(standings(board, reported=True), board.set_aside, place / "site", data_root)
    assert [line for line in problems if not line.startswith("clotho-dcase2024: no audio")] == []
    return place / "site"


def labels(page: "Page") -> list[str]:
    return page.locator("section:visible tbody tr td.name .label").all_inner_texts()


def system_page(site: Path, name: str) -> Path:
    return next((site / "systems").glob(f"{name}-*.html"))


def test_the_board_sorts_searches_and_filters(site: Path, visit: Visit) -> None:
    page = visit(site / "index.html", fragment="#" + standing_id(site, "folder"))
    first = labels(page)
    assert first[:2] == ["strong", "weak"]
    assert len(first) == 4
    page.get_by_role("button", name="system").first.click()
    assert [name[:4] for name in labels(page)] == ["<img", "long", "stro", "weak"]
    assert page.locator("th[aria-sort=ascending]").first.inner_text() == "system"
    page.get_by_role("button", name="system").first.click()
    assert labels(page)[0] == "weak"
    page.get_by_role("button", name="parameters").first.click()
    assert labels(page)[0] == "strong"
    page.get_by_role("searchbox").first.fill("onerror clotho")
    assert [name[:4] for name in labels(page)] == ["weak", "<img", "long"]
    page.get_by_role("searchbox").first.fill("nothing like it")
    assert labels(page) == []


NASTY_LABEL = " ".join(NASTY.split())[:59] + "…"


def test_names_captions_and_reasons_are_text_never_markup(site: Path, visit: Visit) -> None:
    page = visit(site / "index.html", fragment="#" + standing_id(site, "folder"))
    assert page.locator("main img, main b").count() == 0
    assert NASTY_LABEL in labels(page)
    assert page.get_by_text("2 clips skipped <img src=x").count() == 1
    page = visit(system_page(site, "strong"))
    page.get_by_role("searchbox").fill("onerror")
    assert page.locator("summary").filter(has_text=NASTY[:20]).count() == 1
    assert page.locator("main img").count() == 0


def test_other_protocols_and_reported_results_are_a_choice_away(site: Path, visit: Visit) -> None:
    page = visit(site / "index.html")
    page.get_by_label("Protocol").select_option(index=0)
    assert page.get_by_role("heading", level=1).first.inner_text() == "clotho-dcase2024"
    assert "Munakata ensemble" in labels(page)
    page.get_by_label("reported by others").uncheck()
    assert sorted(labels(page)) == ["other 0", "other 1", "other 2"]


def test_the_plot_tells_what_a_point_is_by_mouse_and_by_keyboard(site: Path, visit: Visit) -> None:
    page = visit(site / "index.html", fragment="#" + standing_id(site, "folder"))
    point = page.locator("section:visible .point").first
    point.locator(".dot").hover()
    hover = page.locator("section:visible .hover")
    assert "strong: mAP@10 0." in hover.inner_text()
    assert "on the front" in hover.inner_text()
    page.mouse.move(0, 0)
    assert hover.is_hidden()
    point.focus()
    assert hover.is_visible()


def standing_id(site: Path, protocol: str) -> str:
    return next(path.name for path in (site / "data").iterdir() if path.name.startswith(protocol))


def test_two_systems_are_compared_as_the_command_compares_them(site: Path, runs: Path, visit: Visit) -> None:
    rows = [row for row in collect(runs).rows if row.record.protocol.name == "folder"]
    pair = [row for row in rows if row.record.system.name in ("strong", "weak")]
    expected = {one.measure: one for one in compare_rows(pair).differences}
    page = visit(site / "compare.html", fragment="#" + standing_id(site, "folder"))
    page.locator("td.difference").first.wait_for()
    found = page.evaluate(
        """async () => {
            const standing = lbar.page.standings.find((one) => one.protocol === "folder");
            const [a, b] = standing.entries;
            const queries = await lbar.queries(standing.id);
            const [first, second] = [await lbar.answers(standing.id, a.id), await lbar.answers(standing.id, b.id)];
            const differences = standing.measures.map(
                (name) => first.measure[name].map((value, query) => value - second.measure[name][query]));
            return [standing.measures, lbar.paired(differences, queries.clusters)];
        }"""
    )
    for name, one in zip(*found, strict=True):
        same = expected[name]
        assert one["value"] == pytest.approx(same.value, abs=1e-12)
        assert (one["won"], one["lost"]) == (same.won, same.lost)
        # 10,000 draws each, by different generators; the command makes all 4,096 swaps of these few clips.
        assert one["low"] == pytest.approx(same.low, abs=0.02)
        assert one["high"] == pytest.approx(same.high, abs=0.02)
        assert one["p"] == pytest.approx(same.p_value, abs=0.02)
        assert one["corrected"] == pytest.approx(same.corrected, abs=0.06)
    assert page.locator("tbody tr").count() == 4
    page.get_by_label("Second system").select_option(index=0)
    assert page.get_by_text("Both are the same system").is_visible()
    page.get_by_label("Second system").select_option(index=3)
    page.locator("td.difference").first.wait_for()
    page.locator("details summary").first.click()
    assert page.get_by_text("Right: clip").first.is_visible()


def test_failures_are_looked_at_and_listened_to(site: Path, visit: Visit) -> None:
    page = visit(system_page(site, "weak"))
    page.locator("details summary .rank").first.wait_for()
    ranks = [int(text.removeprefix("rank ")) for text in page.locator("summary .rank").all_inner_texts()]
    assert ranks == sorted(ranks, reverse=True)
    assert len(ranks) == CLIPS * CAPTIONS
    page.locator("details summary .rank").first.click()
    page.locator("details[open] ol.best li").first.wait_for()
    assert page.locator("details[open] ol.best li").count() == 10
    audio = page.locator("details[open] ol.best audio").first
    played = audio.evaluate(
        "async (audio) => { await audio.play();"
        " await new Promise((done) => audio.addEventListener('timeupdate', done, {once: true}));"
        " return [audio.duration, audio.error]; }"
    )
    assert 0.5 <= played[0] <= 1.3
    assert played[1] is None
    page.get_by_role("button", name="What the other systems ranked").click()
    page.locator("details[open] table tbody tr").nth(2).wait_for()
    assert page.locator("details[open] table tbody tr").count() == 3


def test_speed_and_training_are_shown_where_they_are_known(site: Path, visit: Visit) -> None:
    page = visit(site / "index.html", fragment="#" + standing_id(site, "folder"))
    assert "513\t4.2 ms" in page.locator("section:visible tbody tr").first.inner_text()
    assert page.get_by_text("Speed on NVIDIA H200.").is_visible()
    page.get_by_label("Cost").locator("visible=true").select_option("throughput")
    page.locator("section:visible .point").first.wait_for()
    assert page.locator("section:visible .point").count() == 1
    page = visit(system_page(site, "strong"))
    page.get_by_role("heading", name="Where the time goes").wait_for()
    assert "1.50 s, 75 %" in page.locator(".bars").first.inner_text()
    assert page.get_by_role("heading", name="Training").is_visible()
    assert page.locator("svg .curve").count() == 1
    page = visit(system_page(site, "weak"))
    assert page.get_by_role("heading", name="Training").count() == 0


def test_every_axis_is_offered(
    tmp_path: Path, make_run: MakeRun, visit: Visit, monkeypatch: pytest.MonkeyPatch
) -> None:
    letters = axes.Axis("letters", "letters in the name", lambda entry: len(entry.label))
    monkeypatch.setattr(axes, "AXES", (*axes.AXES, letters))
    for name in ("a", "bcd"):
        make_run(tmp_path / "runs", name, system={"parameters": 1})
    build(standings(collect(tmp_path / "runs")), (), tmp_path / "site", tmp_path)
    page = visit(tmp_path / "site" / "index.html")
    cost = page.get_by_label("Cost")
    assert cost.locator("option").all_inner_texts() == ["parameters", "letters in the name"]
    cost.select_option("letters")
    page.locator(".point[aria-label*='3.0 letters in the name']").wait_for()
    assert page.locator(".point").count() == 2


def test_duplicates_and_slices(site: Path, visit: Visit) -> None:
    page = visit(system_page(site, "weak"))
    kinds = page.get_by_label("Kind of query")
    kinds.wait_for()
    options = kinds.locator("option").all_inner_texts()
    assert "duplicates" in options
    assert any(option.startswith("caption length ") for option in options)
    assert any(option.startswith("clip length ") for option in options)
    kinds.select_option("twins")
    shown = page.locator("summary").filter(has=page.locator(".rank")).all_inner_texts()
    assert sum("the same words" in line and "caption of several clips" in line for line in shown) == 2
    assert sum("audio of several clips" in line for line in shown) == 4
    for title in ("Caption length", "Clip length"):
        assert page.get_by_role("heading", name=title).is_visible()


@pytest.mark.parametrize("width", [360, 1280])
def test_names_in_the_plot_lie_over_nothing_and_a_scale_has_ticks(
    width: int, tmp_path: Path, make_run: MakeRun, visit: Visit
) -> None:
    for number, size in enumerate((108_000, 209_000, 209_500, 210_000, 283_000, 283_000, 314_000, 314_000)):
        make_run(tmp_path / "runs", f"system of one size {number}", seed=1, system={"parameters": size})
    build(standings(collect(tmp_path / "runs")), (), tmp_path / "site", tmp_path)
    page = visit(tmp_path / "site" / "index.html", width=width)
    page.locator(".point").first.wait_for()
    names = [one.bounding_box() for one in page.locator(".point text").all()]
    dots = [one.bounding_box() for one in page.locator(".point .dot").all()]
    assert len(dots) == 8
    assert names
    for index, one in enumerate(names):
        assert one is not None
        assert one["x"] >= 0
        assert one["x"] + one["width"] <= width
        for other in (*names[:index], *dots):
            assert other is not None
            apart = [
                one[side] + one[size] <= other[side] + 1 or other[side] + other[size] <= one[side] + 1
                for side, size in (("x", "width"), ("y", "height"))
            ]
            assert any(apart)
    ticks = page.locator(".plot svg > text[text-anchor=middle]").all_text_contents()[:-1]
    assert 2 <= len(ticks) == len(set(ticks))


@pytest.mark.parametrize(
    ("sizes", "ticks"),
    [
        ({"a": 99_822, "b": 314_000}, ["0.1 M", "0.15 M", "0.2 M", "0.25 M", "0.3 M"]),
        ({"a": 12_000, "b": 442_000_000}, ["0.1 M", "1 M", "10 M", "100 M"]),
        ({"a": 300_000, "b": 300_000}, ["0.3 M"]),
    ],
)
def test_ticks_are_round_and_each_is_another(
    sizes: dict[str, int], ticks: list[str], tmp_path: Path, make_run: MakeRun, visit: Visit
) -> None:
    for name, size in sizes.items():
        make_run(tmp_path / "runs", name, system={"parameters": size})
    make_run(tmp_path / "runs", "unsized", system={"parameters": 0})
    build(standings(collect(tmp_path / "runs")), (), tmp_path / "site", tmp_path)
    page = visit(tmp_path / "site" / "index.html", width=1280)
    page.locator(".point").first.wait_for()
    texts = page.locator(".plot svg > text[text-anchor=middle]").all_text_contents()[:-1]
    assert len(set(texts)) == len(texts)
    assert [text for text in texts if text in ticks] == ticks
    assert "Not drawn, for want of a figure for parameters: unsized." in page.locator("main").inner_text()
    plot, table = page.locator(".plot svg").bounding_box(), page.locator("main").bounding_box()
    assert plot is not None
    assert table is not None
    assert plot["width"] > table["width"] - 60


def test_where_the_program_lay_is_not_on_the_page(tmp_path: Path, make_run: MakeRun, visit: Visit) -> None:
    make_run(tmp_path / "runs", "strong", command="/home/someone/.venv/bin/lbar eval strong --out /tmp/runs")
    build(standings(collect(tmp_path / "runs")), (), tmp_path / "site", tmp_path)
    page = visit(next((tmp_path / "site" / "systems").glob("*.html")))
    assert page.get_by_text("lbar eval strong --out /tmp/runs", exact=True).is_visible()
    assert "/home/someone" not in page.content()


def test_what_a_search_field_says_is_not_cut_off(site: Path, visit: Visit) -> None:
    for path in (site / "index.html", system_page(site, "weak")):
        page = visit(path, width=1280)
        field = page.locator("input[type=search]:visible").first
        field.wait_for()
        assert field.evaluate(
            """(field) => {
                const pen = document.createElement("canvas").getContext("2d");
                pen.font = getComputedStyle(field).font;
                return pen.measureText(field.placeholder).width < field.clientWidth - 24;
            }"""
        )


@pytest.mark.parametrize("width", [360, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_it_is_accessible(site: Path, visit: Visit, width: int, scheme: str) -> None:
    playwright_axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="needs axe-core (extra test)")
    for path in (site / "index.html", site / "compare.html", system_page(site, "weak")):
        page = visit(path, width=width, scheme=scheme)
        page.wait_for_function("document.querySelector('table, .figures')")
        found = playwright_axe.Axe().run(page, options={"preload": False}).response["violations"]
        grave = [(one["id"], one["nodes"][0]["html"]) for one in found if one["impact"] in ("serious", "critical")]
        assert not grave


@pytest.mark.parametrize(("width", "scheme"), [(360, "light"), (360, "dark"), (800, "light"), (1280, "dark")])
def test_nothing_breaks_the_layout(site: Path, visit: Visit, width: int, scheme: str) -> None:
    for path in (site / "index.html", site / "compare.html", system_page(site, "long")):
        page = visit(path, width=width, scheme=scheme)
        page.wait_for_function("document.querySelector('table, .figures')")
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        ink, paper = page.evaluate(
            "[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]"
        )
        assert (ink == "rgb(233, 231, 225)") == (scheme == "dark")
        assert ink != paper


def test_it_is_usable_by_keyboard_alone(site: Path, visit: Visit) -> None:
    page = visit(site / "index.html", fragment="#" + standing_id(site, "folder"))
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    reached: list[Any] = []
    for _ in range(40):
        page.keyboard.press("Tab")
        reached.append(
            page.evaluate("[document.activeElement.tagName.toLowerCase(), document.activeElement.textContent]")
        )
    assert ["button", "R@1"] in reached
    assert ["a", "strong"] in reached
    assert any(tag == "g" for tag, _ in reached)
    page.get_by_role("button", name="R@1", exact=True).focus()
    page.keyboard.press("Enter")
    assert page.locator("section:visible th[aria-sort=descending]").inner_text() == "R@1"


def test_printed_it_has_no_controls(site: Path, visit: Visit) -> None:
    page = visit(site / "index.html")
    page.emulate_media(media="print")
    assert page.get_by_role("searchbox").first.is_hidden()
    assert page.locator("section:visible table").is_visible()


def test_a_page_whose_data_or_audio_is_gone_says_so(
    tmp_path: Path, site: Path, data_root: Path, visit: Visit, browser: Any
) -> None:
    """Page and audio are moved together, which keeps the players; then one file is lost."""
    for folder in (site, data_root):
        shutil.copytree(folder, tmp_path / folder.name)
    site, data_root = tmp_path / site.name, tmp_path / data_root.name
    page = visit(system_page(site, "weak"))
    page.locator("details summary .rank").first.click()
    page.locator("details[open] audio").first.evaluate("(audio) => audio.play()")
    (data_root / "clip 0 #1.wav").unlink()
    context = browser.new_context()
    page = context.new_page()
    page.goto(system_page(site, "weak").absolute().as_uri())
    page.get_by_role("searchbox").fill("clip 0, caption 1")
    page.locator("details summary .rank").first.click()
    page.locator("details[open] audio").first.evaluate("(audio) => audio.play().catch(() => 0)")
    page.get_by_text("its audio is no longer there").first.wait_for()
    for path in (site / "data").rglob("weak*.js"):
        path.unlink()
    page.reload()
    page.get_by_text("The answers cannot be shown").wait_for()
    context.close()
