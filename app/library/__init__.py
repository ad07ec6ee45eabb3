"""Models: what is there, where it came from, what may be loaded, and how to get or make more."""

from app.library.catalogue import Starter
from app.library.checksum import Cancelled, Progress
from app.library.conversion import ConversionPlan
from app.library.library import Library
from app.library.variant import File, Lineage, Removed, Variant

__all__ = ["Cancelled", "ConversionPlan", "File", "Library", "Lineage", "Progress", "Removed", "Starter", "Variant"]
