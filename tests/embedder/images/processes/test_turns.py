"""Large images are decoded one at a time in a job, and a turn that is left is the next one's."""

from lookalike.embedder.images.processes.turns import Turn


def test_two_never_have_their_turn_at_once(tmp_path):
    one, other = Turn(str(tmp_path)), Turn(str(tmp_path))
    assert one.take() and one.take() and not other.take()
    one.leave()
    assert other.take() and not one.take()
    other.leave()
    other.leave()
    assert one.take()
    one.leave()


def test_without_a_folder_or_where_it_cannot_be_locked_it_is_always_its_turn(tmp_path):
    for folder in (None, str(tmp_path / "none")):
        one, other = Turn(folder), Turn(folder)
        assert one.take() and other.take()
        one.leave()
        other.leave()
