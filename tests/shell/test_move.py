"""`lookalike move` in the shell."""

import json

from lookalike.cli import run
from lookalike.store.version.store import Store


def test_move_says_what_moved_in_words_and_in_json(tmp_path, shop, capsys):
    old, new = tmp_path / "old", tmp_path / "new"
    for folder in (old, new):
        folder.mkdir()
        (folder / "c").touch()
    assert run(["move", str(shop), "s", str(old), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"old": "s", "new": str(old), "rows": 3, "rejects": 1}
    assert run(["move", str(shop), str(old), str(new)]) == 0
    assert capsys.readouterr().out == f"3 images (and 1 rejected): {old} is now {new}\n"
    with Store.open(shop) as store:
        assert store.facts(store.find(["c"])).source == [str(new)]


def test_a_place_that_does_not_exist_is_one_line(tmp_path, shop, capsys):
    assert run(["move", str(shop), "s", str(tmp_path / "nowhere")]) == 1
    out, err = capsys.readouterr()
    assert out == "" and err.count("\n") == 1 and "does not exist" in err
