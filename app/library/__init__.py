"""Models: what is there, where it came from, what may be loaded, and how to get or make more."""

from app.library.catalogue import Starter
from app.library.checksum import Cancelled, Progress
from app.library.conversion import ConversionPlan
from app.library.library import Library
from app.library.secrets import Secrets
from app.library.servers import PRESETS, Server, Servers
from app.library.variant import SERVED, File, Lineage, Origin, Removed, Variant

__all__ = [
    "PRESETS", "SERVED", "Cancelled", "ConversionPlan", "File", "Library", "Lineage", "Origin", "Progress", "Removed", "Secrets",
    "Server", "Servers", "Starter", "Variant",
]  # fmt: skip
