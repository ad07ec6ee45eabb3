"""Small PDF files, written byte by byte, so that a test says exactly what is in them."""

from __future__ import annotations

from collections.abc import Sequence


def pdf(pages: Sequence[str | bytes], extra: str = "") -> bytes:
    """One page for each text; a page given as bytes has those as its drawing steps. extra: more of the trailer."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in pages:
        steps = page.decode("latin-1") if isinstance(page, bytes) else _lines(page)
        objects.append(f"<< /Length {len(steps)} >>\nstream\n{steps}\nendstream")
        objects.append(
            "<< /Type /Page /Parent 2 0 R /MediaBox [0 0 300 300] /Resources << /Font << /F1 3 0 R >> >> "
            f"/Contents {len(objects)} 0 R >>"
        )
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Kids [{' '.join(kids)}] /Count {len(kids)} >>"
    return _file(objects, extra)


def _lines(text: str) -> str:
    if not text:
        return ""
    shown = " ".join(f"({line}) Tj 0 -14 Td" for line in text.split("\n"))
    return f"BT /F1 12 Tf 20 260 Td {shown} ET"


def _file(objects: Sequence[str], extra: str) -> bytes:
    out = bytearray(b"%PDF-1.4\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += f"{number} 0 obj\n{body}\nendobj\n".encode("latin-1")
    start = len(out)
    out += f"xref\n0 {len(objects) + 1}\n0000000000 65535 f \n".encode()
    out += b"".join(f"{place:010d} 00000 n \n".encode() for place in places)
    out += f"trailer\n<< /Size {len(objects) + 1} /Root 1 0 R {extra} >>\nstartxref\n{start}\n%%EOF\n".encode()
    return bytes(out)
