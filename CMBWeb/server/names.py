"""Names that others chose, without what steers a terminal or a header; and messages without folders of the server."""

from __future__ import annotations

import re
import unicodedata
from urllib.parse import quote

from CMBSegmentationLib.files.atomic_file import ASK, CREATE

LONGEST = 120  # of what is shown
STEERING = ("Cc", "Cs", "Co", "Cn", "Zl", "Zp")  # controls, halves of characters, no characters, ends of lines
TURNS_TEXT = "\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069\ufeff"
PATH = re.compile(r"(?<![\w./:])(?:/|[A-Za-z]:[\\/])(?:[^\s/\\'\"]+[\\/])+([^\s/\\'\",;:)]*)")
KEY = r"(?<![\w.-])[0-9a-f]{32,}(?![\w-]|\.\w)"  # of a session's folder, or of a scan's in it
IN_OWN_FOLDER, NO_OWN_FOLDER, OWN_FOLDER = re.compile(f" in {KEY}"), re.compile(f"no folder {KEY}"), re.compile(KEY)
ADVICE = "Export the results; whoever runs the server can free the folder."  # the page has no folder to choose


def plain_name(name: str) -> str:
    """Take out of a name what is no text: controls, ends of lines, marks that turn its direction.

    Parameters
    ----------
    name : str
        As it was sent.

    Returns
    -------
    str
        At most `LONGEST` characters, its end kept; each run of what is taken out becomes a ``_``.
    """
    kept = "".join("\0" if unicodedata.category(one) in STEERING or one in TURNS_TEXT else one for one in name)
    kept = re.sub("\0+", "_", kept).strip()
    return kept if len(kept) <= LONGEST else f"{kept[:60]}…{kept[-(LONGEST - 61) :]}"


def without_folders(text: str) -> str:
    """Leave out of a message where on the server something lies: of a path its last name stays, unless it is a key.

    What only who chooses the folder can do is replaced by what a reader of the page can.
    """
    text = NO_OWN_FOLDER.sub("no folder for it on the server", IN_OWN_FOLDER.sub("", PATH.sub(r"\1", text)))
    return OWN_FOLDER.sub("the server's folder", text).replace(ASK, ADVICE).replace(CREATE, ADVICE)


def attachment(name: str) -> str:
    """Word the header Content-Disposition of a download.

    Parameters
    ----------
    name : str
        Of the file, in any script.

    Returns
    -------
    str
        With the name in ASCII for old browsers, and as it is for others.

    References
    ----------
    RFC 6266, section 4.3; RFC 8187, section 3.2.
    """
    plain = plain_name(name).replace("/", "_") or "download"
    ascii_name = re.sub(r'[^\x20-\x7e]|["\\%]', "_", plain)
    return f"attachment; filename=\"{ascii_name}\"; filename*=UTF-8''{quote(plain, safe='')}"
