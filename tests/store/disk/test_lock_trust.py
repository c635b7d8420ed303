import fcntl
import os

import pytest

from lookalike.store.changing.writer import writing
from lookalike.store.disk import lock_trust
from lookalike.store.disk.lock import writer_lock
from lookalike.store.disk.lock_trust import local_only
from lookalike.store.errors import Busy, LookalikeWarning
from lookalike.store.version.store import Store

DEVICE = os.makedev(0, 57)
LINE = "36 35 0:57 / /mnt/share rw,noatime master:1 - {kind} server:/photos {options}"


@pytest.mark.parametrize(
    ("kind", "options", "local"),
    [
        ("nfs", "rw,vers=3,nolock,local_lock=all", True),
        ("nfs4", "rw,vers=4.2,local_lock=flock", True),
        ("nfs4", "rw,vers=4.2,local_lock=none", False),
        ("nfs", "rw,vers=3,local_lock=posix", False),
        ("cifs", "rw,vers=3.1.1,nobrl,cache=strict", True),
        ("cifs", "rw,vers=3.1.1,cache=strict", False),
        ("smb3", "rw,nobrl", True),
        ("fuse.sshfs", "rw,user_id=0", True),
        ("fuse.rclone", "rw", True),
        ("lustre", "rw,localflock", True),
        ("lustre", "rw,flock", False),
        ("ext4", "rw,errors=remount-ro", False),
        ("overlay", "rw,lowerdir=/nolock", False),
    ],
)
def test_mounts_that_keep_locks_within_this_machine_are_known(kind, options, local):
    other = "22 1 8:1 / / rw - ext4 /dev/sda1 rw\n\nnonsense\n"
    mounts = other + LINE.format(kind=kind, options=options) + "\n"
    assert local_only(DEVICE, mounts) == (kind if local else None)
    assert local_only(os.makedev(8, 1), mounts) is None
    assert local_only(DEVICE, other) is None and local_only(DEVICE, "") is None


def test_a_sound_lock_is_in_no_doubt(tmp_path):
    with writer_lock(tmp_path) as held:
        assert held.doubt is None
        with pytest.raises(Busy), writer_lock(tmp_path):  # looking did not let go of it
            pass


def test_a_lock_that_is_granted_twice_is_said_to_keep_nobody_out(tmp_path, monkeypatch):
    monkeypatch.setattr(fcntl, "flock", lambda *_: None)
    with pytest.warns(
        LookalikeWarning, match="may not keep other processes out: its file system grants one lock to two"
    ) as said:
        with writer_lock(tmp_path) as held:
            assert held.doubt is not None
    assert len(said) == 1 and "\n" not in str(said[0].message)


def test_a_mount_with_local_locks_is_said_at_the_first_write(tmp_path, monkeypatch):
    found = os.stat(tmp_path).st_dev
    line = LINE.format(kind="nfs4", options="local_lock=all").replace("0:57", f"{os.major(found)}:{os.minor(found)}")
    (tmp_path / "mounts").write_text(line)
    monkeypatch.setattr(lock_trust, "_MOUNTS", tmp_path / "mounts")
    with pytest.warns(LookalikeWarning, match=r"its file system \(nfs4\) keeps locks within this machine"):
        with writer_lock(tmp_path):
            pass


def test_another_process_that_took_the_lock_too_is_named_once(tmp_path, grow):
    """As over a share with local locks: the note in the lock is another machine's when we commit."""
    note = b'{"pid": 7, "command": "lookalike embed", "host": "elsewhere", "token": "1"}'
    with Store.create(tmp_path / "c") as empty, writing(empty) as writer:
        grow(writer, "a")
        (tmp_path / "c" / "lock").write_bytes(note)
        with pytest.warns(LookalikeWarning, match=r"process 7 on 'elsewhere' \('lookalike embed'\) got it too"):
            writer.commit()
        grow(writer, "b")
        assert writer.commit().version == 3
