"""Models from the hub: searching, what a repository offers, and downloads that end right or refuse."""

from app.library.hub.downloads import Downloads
from app.library.hub.hub import Hub
from app.library.hub.listing import HubFile, HubListing, HubModel, Offer
from app.library.hub.record import Download
from app.library.hub.transfer import Patience

__all__ = ["Download", "Downloads", "Hub", "HubFile", "HubListing", "HubModel", "Offer", "Patience"]
