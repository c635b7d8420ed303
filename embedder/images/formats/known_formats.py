"""What a file is that is no accepted image, and what to do: told by its first bytes.

One line of the table per kind: where the mark lies, the mark, and the words. The first line that fits counts, so longer
marks stand before shorter ones.
"""

import re

from . import jpeg_segments
from .tiff import kinds as tiff_kinds

_EXPORT = "export a JPEG or PNG from it"
_AGAIN = "fetch or copy it again, as bytes"
_TO_EXPORT = (
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\xc5\xd0\xd3\xc6", "EPS"),
    (0, b"8BPS", "PSD (Photoshop)"),
    (0, b"8BPB", "PSB (Photoshop)"),
    (0, b"gimp xcf", "XCF (GIMP)"),
    (0, b"\xff\x0a", "JPEG XL"),
    (0, b"\0\0\0\x0cJXL \r\n\x87\n", "JPEG XL"),
    (0, b"\0\0\0\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000"),
    (0, b"II\xbc", "JPEG XR"),
    (0, b"\0\0\x01\0", "ICO (an icon)"),
    (0, b"\0\0\x02\0", "CUR (a cursor)"),
    (0, b"icns", "ICNS (an icon)"),
    (128, b"DICM", "DICOM"),
    (0, b"SIMPLE  =", "FITS"),
    (0, b"\x76\x2f\x31\x01", "OpenEXR"),
    (0, b"#?RADIANCE", "Radiance HDR"),
    (0, b"#?RGBE", "Radiance HDR"),
    (0, b"DDS ", "DDS (a texture)"),
    (0, b"\xabKTX ", "KTX (a texture)"),
    (0, b"qoif", "QOI"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"FLIF", "FLIF"),
    (0, b"farbfeld", "farbfeld"),
    (0, b"\x01\xda", "SGI"),
    (0, b"\x59\xa6\x6a\x95", "Sun raster"),
    (0, b"\xd7\xcd\xc6\x9a", "WMF"),
    (40, b" EMF", "EMF"),
    (0, b"AT&TFORM", "DjVu"),
    (0, b"AC10", "a CAD drawing (DWG)"),
    (0, b"PF\n", "PFM in colour"),
    (0, b"P7\n", "PAM"),
    (0, b"/* XPM */", "XPM"),
    (0, b"\x0a\x05\x01\x08", "PCX"),
    (0, b"SDPX", "DPX"),
    (0, b"XPDS", "DPX"),
    (0, b"\x80\x2a\x5f\xd7", "Cineon"),
    (0, b"\x8aMNG", "MNG"),
    (0, b"\x8bJNG", "JNG"),
    (0, b"id=ImageMagick", "MIFF"),
    (0, b"Paint Shop Pro Image", "PSP (PaintShop Pro)"),
    (0, b"PDN3", "PDN (paint.net)"),
    (0, b"CSFCHUNK", "CLIP STUDIO's CLIP"),
    (0, b"#define ", "XBM, or source text,"),
)
"""Formats of pictures that are not accepted: where their mark begins, the mark, and what they are called."""
_TABLE: tuple[tuple[int, bytes, str], ...] = (
    *((at, mark, f"{name} is not accepted: {_EXPORT}") for at, mark, name in _TO_EXPORT),
    (0, b"version https://git-lfs.github.com/", "a Git LFS pointer, not the image: run `git lfs pull`"),
    (0, b"version https://hawser.github.com/", "a Git LFS pointer, not the image: run `git lfs pull`"),
    (0, b"/annex/objects/", "a git-annex pointer, not the image: run `git annex get`"),
    (0, b"../.git/annex/", "a git-annex pointer, not the image: run `git annex get`"),
    (0, b"\0\5\x16\7", "macOS's notes on a file (AppleDouble), not the image: it lies beside this one, without `._`"),
    (0, b"\0\5\x16\0", "a file packed by macOS (AppleSingle), not an image: unpack it"),
    (0, b"\0\0\0\1Bud1", "macOS's notes on a folder (.DS_Store), not an image"),
    (0, b"L\0\0\0\1\x14\2\0", "a Windows shortcut, not the image: give the file that it leads to"),
    (0, b"[InternetShortcut]", "a Windows shortcut, not the image: give the file that it leads to"),
    (0, b"bplist00", "a property list of macOS, not an image"),
    (0, b"\xef\xbf\xbdPNG", f"a PNG that was read and written as text: {_AGAIN}"),
    (0, b"\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", f"data that were read and written as text: {_AGAIN}"),
    (0, b"\xc2\x89PNG", f"a PNG that was read and written as text: {_AGAIN}"),
    (0, b"\xc3\xbf\xc3\x98\xc3\xbf", f"a JPEG that was read and written as text: {_AGAIN}"),
    (0, b"\x89PNG\n", f"a PNG whose line ends were changed, as in a transfer of text: {_AGAIN}"),
    (0, b"\x89PNG\r\r\n", f"a PNG whose line ends were changed, as in a transfer of text: {_AGAIN}"),
    (0, b"\x89HDF\r\n\x1a\n", "an HDF5 file, not an image"),
    (0, b"\x93NUMPY", "a NumPy array, not an image: `lookalike import` takes vectors"),
    (0, b"PAR1", "a Parquet table, not an image: give it as the source itself"),
    (0, b"SQLite format 3\0", "an SQLite database, not an image"),
    (0, b"PK\x03\x04", "a zip archive, not an image: unpack it"),
    (0, b"PK\x05\x06", "an empty zip archive, not an image"),
    (0, b"\x1f\x8b", "gzip data, not an image: unpack it"),
    (0, b"BZh", "bzip2 data, not an image: unpack it"),
    (0, b"\xfd7zXZ\0", "xz data, not an image: unpack it"),
    (0, b"\x28\xb5\x2f\xfd", "zstd data, not an image: unpack it"),
    (0, b"Rar!\x1a\x07", "a rar archive, not an image: unpack it"),
    (0, b"7z\xbc\xaf\x27\x1c", "a 7z archive, not an image: unpack it"),
    (257, b"ustar", "a tar archive, not an image: unpack it"),
    (0, b"\x1aE\xdf\xa3", "a Matroska or WebM video, not an image: extract frames from it"),
    (0, b"\0\0\x01\xba", "an MPEG video, not an image: extract frames from it"),
    (0, b"\0\0\x01\xb3", "an MPEG video, not an image: extract frames from it"),
    (0, b"FLV\x01", "a Flash video, not an image: extract frames from it"),
    (0, b"\x30\x26\xb2\x75\x8e\x66\xcf\x11", "a Windows Media video, not an image: extract frames from it"),
    (4, b"moov", "a QuickTime video, not an image: extract frames from it"),
    (4, b"mdat", "a QuickTime video, not an image: extract frames from it"),
    (4, b"wide", "a QuickTime video, not an image: extract frames from it"),
    (4, b"free", "an MP4 video, not an image: extract frames from it"),
    (0, b"ID3", "sound (MP3), not an image"),
    (0, b"OggS", "an Ogg file, not an image"),
    (0, b"fLaC", "sound (FLAC), not an image"),
    (0, b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "an Office document, not an image: export its pictures"),
    (0, b"{\\rtf", "an RTF document, not an image"),
    (0, b"\x7fELF", "a program, not an image"),
    (0, b"MZ", "a Windows program, not an image"),
    (0, b"Salted__", "encrypted data, not an image"),
    (0, b"-----BEGIN ", "a key or certificate, not an image"),
)
_LONGEST_POINTER = 32_768
_PICTURE = re.compile(rb"\xff\xd8\xff[\xc0-\xfe]|\x89PNG\r\n\x1a\n|GIF8[79]a|RIFF....WEBP", re.DOTALL)
_BEFORE = 4096
"""Bytes before a picture that a server, a script or a form has put there."""
_RIFF = {
    b"AVI ": "an AVI video, not an image: extract frames from it",
    b"WAVE": "sound (WAV), not an image",
    b"ACON": "ANI (an animated cursor) is not accepted",
}
_OFFICE = (
    (b"word/", "a Word document, not an image: export its pictures"),
    (b"xl/", "an Excel workbook, not an image: export its pictures"),
    (b"ppt/", "a PowerPoint document, not an image: export its pictures"),
    (b"mimetypeapplication/vnd.oasis", "an OpenDocument file, not an image: export its pictures"),
    (b"mimetypeimage/openraster", f"OpenRaster is not accepted: {_EXPORT}"),
    (b"mimetypeapplication/epub", "an e-book, not an image: export its pictures"),
    (b"maindoc.kra", f"Krita's KRA is not accepted: {_EXPORT}"),
)
_HEIC = {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1", b"miaf"}
_AVIF = {b"avif", b"avis"}
_ACCEPTED = (
    (b"\xff\xd8", "JPEG"),
    (b"\x89PNG", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"II+\0", "TIFF"),
    (b"MM\0+", "TIFF"),
)
_SPOILT = (b"\x89PNG\n", b"\x89PNG\r\r\n")
_BOMS = (("utf-8-sig", b"\xef\xbb\xbf"), ("utf-16-le", b"\xff\xfe"), ("utf-16-be", b"\xfe\xff"))


def brands(data: bytes) -> list[bytes]:
    """The brands of a file of ISO's media format (HEIC, AVIF, MP4 ...), the major one first; none for other files."""
    if data[4:8] != b"ftyp":
        return []
    end = min(int.from_bytes(data[:4], "big"), 256, len(data))
    return [data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4))]


def is_heic(data: bytes) -> bool:
    """Whether these are HEIC's first bytes (HEIF with HEVC; what names AVIF too is AVIF)."""
    found = brands(data)
    return bool(found) and found[0] in _HEIC | _AVIF and not _AVIF & set(found)


def is_avif(data: bytes) -> bool:
    """Whether these are AVIF's first bytes."""
    found = brands(data)
    return bool(found) and found[0] in _HEIC | _AVIF and bool(_AVIF & set(found))


def pointer(data: bytes) -> str | None:
    """What stands in an image's place until its bytes are fetched, and how to fetch them; None for anything else."""
    if len(data) > _LONGEST_POINTER or (
        b"version https://git-lfs" not in data[:64] and b"annex/objects/" not in data[:200]
    ):
        return None
    words = what_it_is(data)
    return words if "pointer" in words else None


def what_it_is(data: bytes) -> str:
    """Say in a few words what a file is that is no accepted image, and what to do, where there is something."""
    if not data.strip(b"\0"):
        return "not an image: nothing but zero bytes"
    if (kind := _accepted(data)) is not None and not data.startswith(_SPOILT):
        return not_read(data) or f"a damaged {kind}: its header cannot be read"
    if _is_targa(data):
        return f"TGA is not accepted: {_EXPORT}"
    if (found := brands(data)) and not is_heic(data) and not is_avif(data):
        return _of_brand(found[0])
    if data.startswith(b"RIFF") and data[8:12] in _RIFF:
        return _RIFF[data[8:12]]
    for at, mark, words in _TABLE:
        if data.startswith(mark, at):
            return _of_zip(data, words) if mark == b"PK\x03\x04" else words
    return _of_text(data)


def not_read(data: bytes) -> str | None:
    """Why a JPEG or TIFF is of a kind that is not read, whole as it may be; None for others."""
    if data.startswith(b"\xff\xd8\xff"):
        kind = jpeg_segments.unusual_kind(data)
        return kind and f"{kind} is not accepted: {_EXPORT}"
    return tiff_kinds.unreadable(data) if _accepted(data) == "TIFF" else None


def _accepted(data: bytes) -> str | None:
    """The accepted format that a file begins as, which Pillow did not know again."""
    if is_heic(data) or is_avif(data):
        return "HEIC" if is_heic(data) else "AVIF"
    if data.startswith(b"RIFF") and data[8:12] == b"WEBP":
        return "WebP"
    return next((kind for start, kind in _ACCEPTED if data.startswith(start)), None)


def _is_targa(data: bytes) -> bool:
    """TGA has no mark at its start, and not always one at its end."""
    if data.endswith(b"TRUEVISION-XFILE.\0"):
        return True
    kinds = {0: (2, 3, 10, 11), 1: (1, 9)}
    head = len(data) > 18 and data[2] in kinds.get(data[1], ()) and data[16] in (8, 15, 16, 24, 32)
    return head and (data[1] == 1 or data[3:8] == bytes(5)) and data[12:14] != b"\0\0" and data[14:16] != b"\0\0"


def _of_brand(brand: bytes) -> str:
    if brand == b"qt  ":
        return "a QuickTime video, not an image: extract frames from it"
    if brand in (b"M4A ", b"M4B "):
        return "sound (M4A), not an image"
    return "an MP4 video, not an image: extract frames from it"


def _of_zip(data: bytes, words: str) -> str:
    names = data[:4096] + data[-65536:]
    return next((office for mark, office in _OFFICE if mark in names), words)


def _of_text(data: bytes) -> str:
    text = _text(data[:2048])
    if (found := _PICTURE.search(data, 0, _BEFORE)) is not None:
        count = f"{found.start()} bytes" if found.start() > 1 else "1 byte"
        return f"a picture that begins only after {count} of something else: cut them off, or fetch it again"
    if text is None:
        return "not an image in an accepted format"
    start = text.lstrip().lower()
    if not start.startswith("<"):
        return _of_words(start)
    if "<svg" in start:
        return f"SVG is not accepted: {_EXPORT}"
    if not start.partition(">")[2].strip():
        return "markup, not an image"  # a single tag, which does not tell more
    if (
        re.match(r"<\?xml|<\?xpacket|<(?!!doctype html|html|head|body|!--)[\w:]+[^>]*xmlns", start)
        and "<html" not in start
    ):
        return "XML markup, not an image: look at it, it may be a server's error message"
    return "HTML markup, not an image: a web page was saved in place of the picture, fetch it again"


def _of_words(start: str) -> str:
    if re.match(r"[{\[]\s*([\"{\[\]}]|-?\d|null|true|false)", start):
        return "JSON, not an image: look at it, it may be a server's error message"
    if start.startswith("data:image/"):
        return "a data: address as text, not an image: decode its base64 first"
    if re.match(r"(ivborw0kggo|/9j/4|r0lgod|ukl?gr)[a-z0-9+/=\s]+$", start):
        return "an image as base64 text: decode it first"
    if re.match(r"https?://\S+\s*$", start):
        return "a web address, not an image: fetch it first"
    if "annex/objects/" in start[:200]:
        return "a git-annex pointer, not the image: run `git annex get`"
    return "plain text, not an image"


def _text(data: bytes) -> str | None:
    """The bytes as text, if they are text."""
    code = next((code for code, mark in _BOMS if data.startswith(mark)), "utf-8")
    text = data.decode(code, errors="ignore").lstrip("\ufeff")
    if len(text.strip()) < min(4, len(data)) or any(
        ord(letter) < 32 and letter not in "\t\n\r\f\x1b" for letter in text
    ):
        return None
    return text if len(text.encode(code.removesuffix("-sig"))) >= 0.9 * len(data) - 8 else None
