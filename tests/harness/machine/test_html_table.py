from harness.machine.html_table import html_table


def test_what_names_hold_is_text() -> None:
    found = html_table("<script>", ("", "<b>"), [("a & b", "1"), ("\x1b[31m", '"2"')], ["<i>"])
    assert found == (
        '<table><caption>&lt;script&gt;</caption><thead><tr><th scope="col"></th><th scope="col">&lt;b&gt;</th></tr>'
        '</thead><tbody><tr><th scope="row">a &amp; b</th><td>1</td></tr><tr><th scope="row">␛[31m</th>'
        "<td>&quot;2&quot;</td></tr></tbody></table><p>&lt;i&gt;</p>"
    )
